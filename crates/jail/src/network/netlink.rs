//! The few requests of rtnetlink(7) that a namespace is set up with.
//!
//! Each is one message of fixed size, sent and acknowledged before the next.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};

use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};

const REQUEST_AND_ACKNOWLEDGE: u16 = 1 | 4;
/// Fails when there is one already.
const CREATE_EXCLUSIVELY: u16 = 0x400 | 0x200;
/// The loopback interface of every namespace.
const LOOPBACK: u32 = 1;

/// Sets the loopback interface to up.
pub(crate) fn raise_loopback() -> io::Result<()> {
    ask(&set_link_up(LOOPBACK))
}

/// Makes every address of both families one of the loopback interface's: a program may connect to
/// any, and whatever it sends stays in the namespace.
pub(super) fn make_all_local() -> io::Result<()> {
    ask(&local_route(libc::AF_INET as u8, libc::RT_SCOPE_HOST))?;
    // The kernel keeps no scope for this family.
    ask(&local_route(libc::AF_INET6 as u8, libc::RT_SCOPE_UNIVERSE))
}

/// Gives the loopback interface an address of each family besides: programs that ask for addresses
/// of the families that the host has, `AI_ADDRCONFIG` of getaddrinfo(3), do not count 127.0.0.1
/// and ::1.
pub(super) fn add_addresses(four: Ipv4Addr, six: Ipv6Addr) -> io::Result<()> {
    ask(&address(libc::AF_INET as u8, 32, &four.octets()))?;
    ask(&address(libc::AF_INET6 as u8, 128, &six.octets()))
}

fn ask(message: &[u8]) -> io::Result<()> {
    let socket = rustix::net::socket_with(
        AddressFamily::NETLINK,
        SocketType::RAW,
        SocketFlags::CLOEXEC,
        // None is NETLINK_ROUTE.
        None,
    )?;
    rustix::net::send(&socket, message, SendFlags::empty())?;
    let mut answer = [0_u8; 256];
    let (_, count) = rustix::net::recv(&socket, &mut answer[..], RecvFlags::empty())?;
    let code = answer.get(16..20).filter(|_| count >= 20);
    match code.and_then(|code| <[u8; 4]>::try_from(code).ok()).map(i32::from_ne_bytes) {
        Some(0) => Ok(()),
        Some(code) => Err(io::Error::from_raw_os_error(-code)),
        None => Err(io::Error::from(io::ErrorKind::UnexpectedEof)),
    }
}

/// Writes `struct nlmsghdr` at the beginning of a message.
fn head(message: &mut [u8], kind: u16, flags: u16) {
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    message[0..4].copy_from_slice(&length.to_ne_bytes());
    message[4..6].copy_from_slice(&kind.to_ne_bytes());
    message[6..8].copy_from_slice(&flags.to_ne_bytes());
}

/// A request with `struct ifinfomsg` to set `IFF_UP`.
fn set_link_up(index: u32) -> [u8; 32] {
    const IFF_UP: u32 = 1;
    let mut message = [0_u8; 32];
    head(&mut message, libc::RTM_NEWLINK, REQUEST_AND_ACKNOWLEDGE);
    message[20..24].copy_from_slice(&index.to_ne_bytes());
    message[24..28].copy_from_slice(&IFF_UP.to_ne_bytes());
    message[28..32].copy_from_slice(&IFF_UP.to_ne_bytes());
    message
}

/// A request with `struct rtmsg` and one attribute, as `ip route add local default dev lo`.
fn local_route(family: u8, scope: u8) -> [u8; 36] {
    let mut message = [0_u8; 36];
    head(&mut message, libc::RTM_NEWROUTE, REQUEST_AND_ACKNOWLEDGE | CREATE_EXCLUSIVELY);
    message[16] = family;
    // Bytes 17 to 19, the lengths of prefixes and the type of service, are 0: every address.
    message[20] = libc::RT_TABLE_LOCAL;
    message[21] = libc::RTPROT_STATIC;
    message[22] = scope;
    message[23] = libc::RTN_LOCAL;
    message[28..30].copy_from_slice(&8_u16.to_ne_bytes());
    message[30..32].copy_from_slice(&libc::RTA_OIF.to_ne_bytes());
    message[32..36].copy_from_slice(&LOOPBACK.to_ne_bytes());
    message
}

/// A request with `struct ifaddrmsg` and one attribute, as `ip addr add ADDRESS/PREFIX dev lo nodad`.
fn address(family: u8, prefix: u8, address: &[u8]) -> Vec<u8> {
    const ATTRIBUTE: usize = 24;
    let mut message = vec![0_u8; ATTRIBUTE + 4 + address.len()];
    head(&mut message, libc::RTM_NEWADDR, REQUEST_AND_ACKNOWLEDGE | CREATE_EXCLUSIVELY);
    message[16] = family;
    message[17] = prefix;
    message[18] = libc::IFA_F_NODAD as u8;
    message[20..24].copy_from_slice(&LOOPBACK.to_ne_bytes());
    let length = u16::try_from(4 + address.len()).unwrap_or(u16::MAX);
    message[ATTRIBUTE..ATTRIBUTE + 2].copy_from_slice(&length.to_ne_bytes());
    message[ATTRIBUTE + 2..ATTRIBUTE + 4].copy_from_slice(&libc::IFA_LOCAL.to_ne_bytes());
    message[ATTRIBUTE + 4..].copy_from_slice(address);
    message
}
