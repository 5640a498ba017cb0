//! What connects a namespace with the network process: two sockets and the steering of a wired one,
//! or the listener of a proxied one.
//!
//! The sockets are handed out as copies; the launcher keeps its own as long as the sandbox runs,
//! so that a network process that is started again gets the same ones. The steering is only the
//! launcher's. When it is killed, nothing is steered any more and connections are refused.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};

use super::steer;
use crate::failure::{At, Outcome};
use crate::request::Network;

/// Where programs inside ask for names; see the skeleton's `/etc/resolv.conf`.
const RESOLVER: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 1);
const NAMES: u16 = 53;

/// Where programs of a proxied sandbox find the proxy: the port is in the domain's words for them,
/// too. It lies below those that the kernel gives to clients, so that none of theirs takes it.
const PROXY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 13_986);

/// Connections that may wait to be accepted, as many as the kernel allows a namespace.
const BACKLOG: i32 = 4_096;

/// The sockets of one namespace.
#[derive(Debug)]
pub(crate) struct Wires {
    listener: OwnedFd,
    /// None where connections are proxied.
    steered: Option<Steered>,
}

/// What a wired namespace has more.
#[derive(Debug)]
struct Steered {
    resolver: OwnedFd,
    /// Held, not used: with its last descriptor the kernel takes the program off the namespace.
    _link: OwnedFd,
}

impl Wires {
    /// Makes them in the namespace that the caller is in, which is `namespace`.
    pub(super) fn make(namespace: BorrowedFd<'_>) -> Outcome<Self> {
        let listener = listener().at("listen for a sandbox's connections")?;
        let resolver = resolver().at("listen for a sandbox's questions for names")?;
        let link =
            steer::attach(namespace, listener.as_fd()).at("steer a sandbox's connections")?;
        Ok(Self { listener, steered: Some(Steered { resolver, _link: link }) })
    }

    /// Listens as a proxy in the namespace that the caller is in. None where somebody does already:
    /// the network process, with the socket of an earlier launcher; or a program inside that took
    /// the port while neither had it, and cut off its own sandbox.
    pub(super) fn listen() -> Outcome<Option<Self>> {
        match proxy() {
            Ok(listener) => Ok(Some(Self::proxied(listener))),
            Err(Errno::ADDRINUSE) => Ok(None),
            Err(error) => Err(error).at("listen for a sandbox's connections"),
        }
    }

    /// Those of a proxied namespace.
    pub(super) fn proxied(listener: OwnedFd) -> Self {
        Self { listener, steered: None }
    }

    /// What they are for.
    pub(crate) fn kind(&self) -> Network {
        if self.steered.is_some() { Network::Wired } else { Network::Proxied }
    }

    /// Copies for the network process: the listener, then the resolver of a wired namespace.
    pub(crate) fn copies(&self) -> Outcome<Vec<OwnedFd>> {
        let resolver = self.steered.as_ref().map(|steered| &steered.resolver);
        let copy = |socket| rustix::io::fcntl_dupfd_cloexec(socket, 3).at("copy a socket");
        [&self.listener].into_iter().chain(resolver).map(copy).collect()
    }

    /// Keeps no duplicate, in builds for attacks. What is handed out from now on is no socket.
    pub(crate) fn let_go(self) -> Outcome<Option<Self>> {
        let Some(Steered { _link: link, .. }) = self.steered else { return Ok(None) };
        let copy = || rustix::io::fcntl_dupfd_cloexec(&link, 3).at("let go of a socket");
        let (listener, resolver) = (copy()?, copy()?);
        Ok(Some(Self { listener, steered: Some(Steered { resolver, _link: link }) }))
    }
}

fn socket(family: AddressFamily, kind: SocketType) -> rustix::io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    rustix::net::socket_with(family, kind, flags, None)
}

/// For both families, on a port that the kernel chooses: whoever connects to that itself asks for
/// a loopback address, and the network process does not serve those. Two sockets cannot listen on
/// one port, so no program inside gets a part of its connections.
fn listener() -> rustix::io::Result<OwnedFd> {
    let socket = socket(AddressFamily::INET6, SocketType::STREAM)?;
    sockopt::set_ipv6_v6only(&socket, false)?;
    rustix::net::bind(&socket, &SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)))?;
    rustix::net::listen(&socket, BACKLOG)?;
    Ok(socket)
}

/// Programs inside may be of the same user as the launcher, so nothing shares this port: `bind(2)`
/// fails as long as anybody has it.
pub(super) fn proxy() -> rustix::io::Result<OwnedFd> {
    let socket = socket(AddressFamily::INET, SocketType::STREAM)?;
    // Connections of before that are not quite over do not count.
    sockopt::set_socket_reuseaddr(&socket, true)?;
    rustix::net::bind(&socket, &PROXY)?;
    rustix::net::listen(&socket, BACKLOG)?;
    Ok(socket)
}

/// The network process may still hold the socket of an earlier launcher when this one makes its
/// own. `SO_REUSEPORT` lets both have the port, because the kernel demands that both belong to one
/// user, and these are root's. Until the older is closed each question goes to either, and the
/// same process answers. No user inside is root outside, so no program inside can join.
///
/// A program inside can have taken the port only while neither socket was there. It has then cut
/// off its own sandbox from names, and nothing else: the resolver gets another port, nobody finds
/// it, and the connections are served as before.
fn resolver() -> rustix::io::Result<OwnedFd> {
    let socket = socket(AddressFamily::INET, SocketType::DGRAM)?;
    sockopt::set_socket_reuseport(&socket, true)?;
    let bind = |port| rustix::net::bind(&socket, &SocketAddr::from((RESOLVER, port)));
    match bind(NAMES) {
        Err(Errno::ADDRINUSE) => bind(0)?,
        other => other?,
    }
    Ok(socket)
}
