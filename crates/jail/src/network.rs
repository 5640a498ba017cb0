//! A network namespace with a loopback interface and no way out.
//!
//! With privilege the launcher makes it before the sandbox's user namespace exists, so that the
//! host's user namespace owns it and even root inside has no power over it. The sysctls that open
//! low ports and ping make up for that.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{Mode, OFlags};
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};
use rustix::thread::{LinkNameSpaceType, UnshareFlags};

use crate::failure::{At, Outcome};
use crate::sys;

/// The namespace that the launcher itself lives in.
#[derive(Debug)]
pub(crate) struct Home(OwnedFd);

impl Home {
    /// Remembers where the caller is now.
    pub(crate) fn open() -> Outcome<Self> {
        current().map(Self).at("open the network namespace")
    }

    /// Makes a namespace, and comes back.
    pub(crate) fn make(&self) -> Outcome<OwnedFd> {
        sys::unshare(UnshareFlags::NEWNET).at("make a network namespace")?;
        let made = prepare().and_then(|()| Ok(current()?)).at("prepare the network namespace");
        self.come_back()?;
        made
    }

    /// Runs `work` in a namespace, and comes back. The namespace lives as long as a process that
    /// `work` left in it.
    pub(crate) fn within<T>(&self, network: &OwnedFd, work: impl FnOnce() -> T) -> Outcome<T> {
        let kind = Some(LinkNameSpaceType::Network);
        rustix::thread::move_into_link_name_space(network.as_fd(), kind)
            .at("enter the network namespace")?;
        let result = work();
        self.come_back()?;
        Ok(result)
    }

    fn come_back(&self) -> Outcome<()> {
        let kind = Some(LinkNameSpaceType::Network);
        rustix::thread::move_into_link_name_space(self.0.as_fd(), kind)
            .at("leave the network namespace")
    }
}

fn current() -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    rustix::fs::open("/proc/thread-self/ns/net", flags, Mode::empty())
}

/// Sets up the namespace that the caller is in. Nobody but one sandbox is ever in it, so every
/// group may ping.
fn prepare() -> io::Result<()> {
    raise_loopback()?;
    let settings = settings()?;
    for (name, value) in [("ip_unprivileged_port_start", "0"), ("ping_group_range", "0 2147483647")]
    {
        crate::folders::write_value(settings.as_fd(), &format!("sys/net/ipv4/{name}"), value)?;
    }
    Ok(())
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

/// Sets the loopback interface, which is number 1 of every namespace, to up.
pub(crate) fn raise_loopback() -> io::Result<()> {
    let socket = rustix::net::socket_with(
        AddressFamily::NETLINK,
        SocketType::RAW,
        SocketFlags::CLOEXEC,
        // None is NETLINK_ROUTE.
        None,
    )?;
    rustix::net::send(&socket, &set_link_up(1), SendFlags::empty())?;
    let mut answer = [0_u8; 256];
    let (_, count) = rustix::net::recv(&socket, &mut answer[..], RecvFlags::empty())?;
    let code = answer.get(16..20).filter(|_| count >= 20);
    match code.and_then(|code| <[u8; 4]>::try_from(code).ok()).map(i32::from_ne_bytes) {
        Some(0) => Ok(()),
        Some(code) => Err(io::Error::from_raw_os_error(-code)),
        None => Err(io::Error::from(io::ErrorKind::UnexpectedEof)),
    }
}

/// `struct nlmsghdr` and `struct ifinfomsg` of a request to set `IFF_UP`, see rtnetlink(7).
fn set_link_up(index: i32) -> [u8; 32] {
    const RTM_NEWLINK: u16 = 16;
    const REQUEST_AND_ACKNOWLEDGE: u16 = 1 | 4;
    const IFF_UP: u32 = 1;
    let mut message = [0_u8; 32];
    message[0..4].copy_from_slice(&32_u32.to_ne_bytes());
    message[4..6].copy_from_slice(&RTM_NEWLINK.to_ne_bytes());
    message[6..8].copy_from_slice(&REQUEST_AND_ACKNOWLEDGE.to_ne_bytes());
    message[20..24].copy_from_slice(&index.to_ne_bytes());
    message[24..28].copy_from_slice(&IFF_UP.to_ne_bytes());
    message[28..32].copy_from_slice(&IFF_UP.to_ne_bytes());
    message
}
