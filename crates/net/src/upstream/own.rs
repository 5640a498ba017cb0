//! Which addresses are the host's own.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};

use infield_domain::network::reached;
use rustix::io::Errno;

/// Whether a connection to this address would end at the host itself: a sandbox never reaches it,
/// whatever its policy. Public addresses of the host's interfaces count, and those that it only
/// forwards to itself by a local route. What a router in front of the host translates to it does
/// not: nobody here can see that.
///
/// The kernel is asked, by a socket that sends nothing: the source of a route to an address of
/// ours is this same address. Where it cannot say, the address counts as own.
pub(crate) fn is_own(address: IpAddr) -> bool {
    let address = reached(address);
    if address.is_unspecified() || address.is_loopback() {
        return true;
    }
    let any: IpAddr =
        if address.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    // Any port serves: nothing is sent.
    let source = UdpSocket::bind((any, 0)).and_then(|socket| {
        socket.connect((address, 9))?;
        socket.local_addr()
    });
    match source {
        Ok(source) => source.ip() == address,
        Err(error) => !leads_nowhere(&error),
    }
}

/// Whether the host has no route at all, so that a connection would not come to pass either.
fn leads_nowhere(error: &std::io::Error) -> bool {
    let no_family = Errno::from_io_error(error) == Some(Errno::AFNOSUPPORT);
    let kinds =
        [ErrorKind::NetworkUnreachable, ErrorKind::HostUnreachable, ErrorKind::AddrNotAvailable];
    no_family || kinds.contains(&error.kind())
}

#[cfg(test)]
mod tests;
