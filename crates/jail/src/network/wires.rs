//! What connects a wired namespace with the network process: two sockets and the steering.
//!
//! The sockets are handed out as copies; the launcher keeps its own as long as the sandbox runs,
//! so that a network process that is started again gets the same ones. The steering is only the
//! launcher's. When it is killed, nothing is steered any more and connections are refused.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};

use super::steer;
use crate::failure::{At, Outcome};

/// Where programs inside ask for names; see the skeleton's `/etc/resolv.conf`.
const RESOLVER: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 1);
const NAMES: u16 = 53;

/// Connections that may wait to be accepted, as many as the kernel allows a namespace.
const BACKLOG: i32 = 4_096;

/// The sockets of one namespace, and what steers connections to the first.
#[derive(Debug)]
pub(crate) struct Wires {
    listener: OwnedFd,
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
        Ok(Self { listener, resolver, _link: link })
    }

    /// Copies for the network process: the listener, then the resolver.
    pub(crate) fn copies(&self) -> Outcome<[OwnedFd; 2]> {
        let copy = |socket| rustix::io::fcntl_dupfd_cloexec(socket, 3).at("copy a socket");
        Ok([copy(&self.listener)?, copy(&self.resolver)?])
    }

    /// Keeps no duplicate, in builds for attacks. What is handed out from now on is no socket.
    pub(crate) fn let_go(&mut self) -> Outcome<()> {
        let copy = || rustix::io::fcntl_dupfd_cloexec(&self._link, 3).at("let go of a socket");
        (self.listener, self.resolver) = (copy()?, copy()?);
        Ok(())
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
