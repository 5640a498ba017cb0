//! A network namespace with a loopback interface and no way out.
//!
//! With privilege the launcher makes it before the sandbox's user namespace exists, so that the
//! host's user namespace owns it and even root inside has no power over it. The sysctls that open
//! low ports and ping make up for that.
//!
//! A *wired* one has no way out either. In it every address is local, and what is connected to
//! any of them but the loopback's lands in one socket, which a process outside accepts from:
//!
//! ```text
//! connect 203.0.113.9:443 ─▶ lo ─▶ steer ─▶ listener ─▶ the network process decides
//! query 198.18.0.1:53     ─▶ lo ──────────▶ resolver ─▶ the network process answers
//! connect 127.0.0.1:8080  ─▶ lo ──────────▶ the sandbox's own server
//! anything else           ─▶ lo ──────────▶ nobody: refused at once
//! ```
//!
//! Nothing is ever forwarded. Where a piece is missing, there is nobody to connect to.
//!
//! Where connections cannot be steered, a *proxied* one has loopback alone and a listener on it:
//! programs say there where they want to go, and those that do not reach nothing.

mod netlink;
mod steer;
mod visit;
mod wires;

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{Mode, OFlags};
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags};
use rustix::thread::{LinkNameSpaceType, ThreadNameSpaceType, UnshareFlags};

use crate::defence::{Defence, Without};
use crate::failure::{At, Outcome, refused};
use crate::request::Network;
use crate::sys;

pub(crate) use self::netlink::raise_loopback;
pub(crate) use self::visit::visit;
pub(crate) use self::wires::Wires;

const ENTER: &str = "enter the sandbox's network namespace";
const LEAVE: &str = "leave the network namespace";

/// A namespace that was made for one sandbox.
#[derive(Debug)]
pub(crate) struct Namespace {
    descriptor: OwnedFd,
    /// What connects it with the network process.
    wires: Option<Wires>,
}

impl Namespace {
    /// Which kind it is.
    pub(crate) fn kind(&self) -> Network {
        self.wires.as_ref().map_or(Network::Loopback, Wires::kind)
    }

    /// What connects it with the network process.
    pub(crate) fn wires(&self) -> Option<&Wires> {
        self.wires.as_ref()
    }

    /// Lets go of the namespace and keeps its wires, which keep it too.
    pub(crate) fn into_wires(self) -> Option<Wires> {
        self.wires
    }
}

/// The namespace that the launcher itself lives in.
#[derive(Debug)]
pub(crate) struct Home {
    own: OwnedFd,
    without: Without,
}

impl Home {
    /// Remembers where the caller is now.
    pub(crate) fn open(without: &Without) -> Outcome<Self> {
        let own = current().at("open the network namespace")?;
        Ok(Self { own, without: without.clone() })
    }

    /// Makes a namespace, and comes back.
    pub(crate) fn make(&self, kind: Network) -> Outcome<Namespace> {
        sys::unshare(UnshareFlags::NEWNET).at("make a network namespace")?;
        let made =
            prepare(kind, &self.without).at("prepare the network namespace").and_then(|()| {
                let descriptor = current().at("open the new network namespace")?;
                let wires = match kind {
                    Network::Loopback => None,
                    Network::Wired => Some(Wires::make(descriptor.as_fd())?),
                    Network::Proxied => Wires::listen()?,
                };
                Ok(Namespace { descriptor, wires })
            });
        self.come_back()?;
        made
    }

    /// Runs `work` in a namespace, and comes back. The namespace lives as long as a process that
    /// `work` left in it.
    pub(crate) fn within<T>(&self, network: &Namespace, work: impl FnOnce() -> T) -> Outcome<T> {
        let kind = Some(LinkNameSpaceType::Network);
        rustix::thread::move_into_link_name_space(network.descriptor.as_fd(), kind)
            .at("enter the network namespace")?;
        let result = work();
        self.come_back()?;
        Ok(result)
    }

    /// Makes new wires for the namespace of a process that an earlier launcher started. Those of
    /// that launcher ended with it; routes and settings stay with the namespace. None where somebody
    /// still listens for what is proxied.
    pub(crate) fn wire_again(&self, pidfd: &OwnedFd, kind: Network) -> Outcome<Option<Wires>> {
        let network = ThreadNameSpaceType::NETWORK;
        rustix::thread::move_into_thread_name_spaces(pidfd.as_fd(), network).at(ENTER)?;
        let made = current().at("open the sandbox's network namespace").and_then(|namespace| {
            // What would be steered here is the host's own traffic.
            if self.is(&namespace).at("look at the network namespace")? {
                return Err(refused("the sandbox has no network namespace of its own"));
            }
            match kind {
                Network::Loopback => Ok(None),
                Network::Wired => Wires::make(namespace.as_fd()).map(Some),
                Network::Proxied => Wires::listen(),
            }
        });
        self.come_back()?;
        made
    }

    fn is(&self, namespace: &OwnedFd) -> rustix::io::Result<bool> {
        let (own, other) = (rustix::fs::fstat(&self.own)?, rustix::fs::fstat(namespace)?);
        Ok((own.st_dev, own.st_ino) == (other.st_dev, other.st_ino))
    }

    fn come_back(&self) -> Outcome<()> {
        let kind = Some(LinkNameSpaceType::Network);
        rustix::thread::move_into_link_name_space(self.own.as_fd(), kind).at(LEAVE)
    }
}

fn current() -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    rustix::fs::open("/proc/thread-self/ns/net", flags, Mode::empty())
}

/// What every namespace has. Nobody but one sandbox is ever in it, so every group may ping.
const SETTINGS: &[(&str, &str)] = &[
    ("sys/net/ipv4/ip_unprivileged_port_start", "0"),
    ("sys/net/ipv4/ping_group_range", "0 2147483647"),
];

/// What a wired one has more: every address is local, and none of them is to seem alive.
const SILENCE: &[(&str, &str)] =
    &[("sys/net/ipv4/icmp_echo_ignore_all", "1"), ("sys/net/ipv6/icmp/echo_ignore_all", "1")];

/// Addresses that a wired one has of its own, from blocks that nobody routes (RFC 2544, RFC 5180).
const OWN: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 2);
const OWN_SIX: Ipv6Addr = Ipv6Addr::new(0x2001, 2, 0, 0, 0, 0, 0, 2);

/// Sets up the namespace that the caller is in.
fn prepare(kind: Network, without: &Without) -> io::Result<()> {
    raise_loopback()?;
    let folder = settings()?;
    let more = match kind {
        Network::Wired if without.keeps(Defence::Echo) => SILENCE,
        Network::Loopback | Network::Wired | Network::Proxied => &[],
    };
    for (name, value) in SETTINGS.iter().chain(more) {
        crate::folders::write_value(folder.as_fd(), name, value)?;
    }
    match kind {
        Network::Loopback | Network::Proxied => Ok(()),
        Network::Wired => {
            netlink::make_all_local()?;
            netlink::add_addresses(OWN, OWN_SIX)
        }
    }
}

/// An instance of procfs for one namespace. In one that is shared the kernel keeps a setting's
/// entries of all namespaces in one chain of its cache of names: with 1,000 sandboxes walking it
/// was a sixth of what the launcher did for one more (6.18).
fn settings() -> io::Result<OwnedFd> {
    let context = rustix::mount::fsopen("proc", FsOpenFlags::FSOPEN_CLOEXEC)?;
    rustix::mount::fsconfig_create(&context)?;
    let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID
        | MountAttrFlags::MOUNT_ATTR_NODEV
        | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    Ok(rustix::mount::fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, attributes)?)
}
