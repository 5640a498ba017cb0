//! SOCKS 5 (RFC 1928), as far as it connects: no authentication, no server, no datagrams.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Manner, Place, Read, Said, Wanted, place};

const VERSION: u8 = 5;
const CONNECT: u8 = 1;

/// The answer to a greeting: no authentication; or none of what was offered.
pub(crate) const WELCOME: &[u8] = &[VERSION, 0];
pub(super) const NO_METHOD: &[u8] = &[VERSION, 0xff];

/// Answers to a request, without an address of any use.
pub(super) const GRANTED: &[u8] = &[VERSION, 0, 0, 1, 0, 0, 0, 0, 0, 0];
pub(crate) const FAILED: &[u8] = &[VERSION, 1, 0, 1, 0, 0, 0, 0, 0, 0];
pub(super) const REFUSED: &[u8] = &[VERSION, 2, 0, 1, 0, 0, 0, 0, 0, 0];
pub(super) const UNREACHABLE: &[u8] = &[VERSION, 4, 0, 1, 0, 0, 0, 0, 0, 0];

/// Reads the methods that a client offers.
pub(super) fn greeting(bytes: &[u8]) -> Option<Said> {
    let count = usize::from(*bytes.get(1)?);
    let methods = bytes.get(2..2 + count)?;
    Some(match methods.contains(&0) {
        true => Said::Greeting(2 + count),
        false => Said::Wrong("it speaks SOCKS 5 with authentication alone"),
    })
}

/// Reads what a client wants after its greeting; none where more bytes are needed.
pub(crate) fn request(bytes: &[u8]) -> Option<Read<Wanted>> {
    let [version, command, 0, kind, rest @ ..] = bytes else {
        return (bytes.len() >= 4).then_some(Err("its request of SOCKS is malformed"));
    };
    if *version != VERSION || *command != CONNECT {
        return Some(Err("its request of SOCKS is not CONNECT"));
    }
    let (found, after) = match kind {
        1 => {
            let (address, after) = rest.split_first_chunk::<4>()?;
            (Some(Place::Address(IpAddr::V4(Ipv4Addr::from(*address)))), after)
        }
        4 => {
            let (address, after) = rest.split_first_chunk::<16>()?;
            (Some(Place::Address(IpAddr::V6(Ipv6Addr::from(*address)))), after)
        }
        3 => {
            let (length, rest) = rest.split_first()?;
            let (name, after) = rest.split_at_checked(usize::from(*length))?;
            (std::str::from_utf8(name).ok().and_then(place), after)
        }
        _ => return Some(Err("its request of SOCKS has an unknown kind of address")),
    };
    let (port, after) = after.split_first_chunk::<2>()?;
    let (taken, port) = (bytes.len() - after.len(), u16::from_be_bytes(*port));
    match (found, port) {
        (Some(place), 1..) => Some(Ok(Wanted { place, port, manner: Manner::Socks, taken })),
        _ => Some(Err("its request of SOCKS names no host and port that could be read")),
    }
}
