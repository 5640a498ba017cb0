//! Which addresses are nobody's public ones: IANA's special-purpose registries of both families.
//!
//! `iana-ipv4-special-registry` and `iana-ipv6-special-registry` (RFC 6890, RFC 8190), as of
//! October 2025, with multicast (RFC 5771, RFC 4291), which those leave out. An address that the
//! registries call globally reachable is public. One that carries another inside it is what that
//! other one is: a packet to it goes there.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A block that no policy calls public.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Special {
    /// The first address.
    first: IpAddr,
    /// Bits that all of its addresses share.
    pub(super) prefix: u8,
    /// The registry's name for it.
    pub name: &'static str,
}

const fn four(octets: [u8; 4], prefix: u8, name: &'static str) -> Special {
    let [a, b, c, d] = octets;
    Special { first: IpAddr::V4(Ipv4Addr::new(a, b, c, d)), prefix, name }
}

const fn six(groups: [u16; 8], prefix: u8, name: &'static str) -> Special {
    let [a, b, c, d, e, f, g, h] = groups;
    Special { first: IpAddr::V6(Ipv6Addr::new(a, b, c, d, e, f, g, h)), prefix, name }
}

/// Blocks inside others that are globally reachable after all.
const REACHABLE: &[Special] = &[
    four([192, 0, 0, 9], 32, "Port Control Protocol Anycast"),
    four([192, 0, 0, 10], 32, "TURN Anycast"),
    four([192, 31, 196, 0], 24, "AS112-v4"),
    four([192, 52, 193, 0], 24, "AMT"),
    four([192, 175, 48, 0], 24, "Direct Delegation AS112 Service"),
    six([0x2001, 1, 0, 0, 0, 0, 0, 1], 128, "Port Control Protocol Anycast"),
    six([0x2001, 1, 0, 0, 0, 0, 0, 2], 128, "TURN Anycast"),
    six([0x2001, 1, 0, 0, 0, 0, 0, 3], 128, "DNS-SD Service Registration Protocol Anycast"),
    six([0x2001, 3, 0, 0, 0, 0, 0, 0], 32, "AMT"),
    six([0x2001, 4, 0x112, 0, 0, 0, 0, 0], 48, "AS112-v6"),
    six([0x2001, 0x20, 0, 0, 0, 0, 0, 0], 28, "ORCHIDv2"),
    six([0x2001, 0x30, 0, 0, 0, 0, 0, 0], 28, "Drone Remote ID Protocol Entity Tags"),
    six([0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0], 48, "Direct Delegation AS112 Service"),
];

/// Blocks that are not public.
const SPECIAL: &[Special] = &[
    four([0, 0, 0, 0], 8, "\"This network\""),
    four([10, 0, 0, 0], 8, "Private-Use"),
    four([100, 64, 0, 0], 10, "Shared Address Space"),
    four([127, 0, 0, 0], 8, "Loopback"),
    four([169, 254, 0, 0], 16, "Link Local"),
    four([172, 16, 0, 0], 12, "Private-Use"),
    four([192, 0, 0, 0], 24, "IETF Protocol Assignments"),
    four([192, 0, 2, 0], 24, "Documentation (TEST-NET-1)"),
    four([192, 88, 99, 0], 24, "Deprecated (6to4 Relay Anycast)"),
    four([192, 168, 0, 0], 16, "Private-Use"),
    four([198, 18, 0, 0], 15, "Benchmarking"),
    four([198, 51, 100, 0], 24, "Documentation (TEST-NET-2)"),
    four([203, 0, 113, 0], 24, "Documentation (TEST-NET-3)"),
    four([224, 0, 0, 0], 4, "Multicast"),
    four([240, 0, 0, 0], 4, "Reserved"),
    six([0, 0, 0, 0, 0, 0, 0, 0], 128, "Unspecified Address"),
    six([0, 0, 0, 0, 0, 0, 0, 1], 128, "Loopback Address"),
    six([0, 0, 0, 0, 0, 0, 0, 0], 96, "IPv4-compatible Address"),
    six([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48, "IPv4-IPv6 Translation"),
    six([0x100, 0, 0, 0, 0, 0, 0, 0], 64, "Discard-Only Address Block"),
    six([0x100, 0, 0, 1, 0, 0, 0, 0], 64, "Dummy IPv6 Prefix"),
    six([0x2001, 0, 0, 0, 0, 0, 0, 0], 23, "IETF Protocol Assignments"),
    six([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32, "Documentation"),
    six([0x2002, 0, 0, 0, 0, 0, 0, 0], 16, "6to4"),
    six([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20, "Documentation"),
    six([0x5f00, 0, 0, 0, 0, 0, 0, 0], 16, "Segment Routing (SRv6) SIDs"),
    six([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7, "Unique-Local"),
    six([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10, "Link-Local Unicast"),
    six([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10, "Deprecated Site-Local Unicast"),
    six([0xff00, 0, 0, 0, 0, 0, 0, 0], 8, "Multicast"),
];

impl Special {
    fn holds(&self, address: IpAddr) -> bool {
        shares_prefix(self.first, address, self.prefix)
    }
}

/// Whether two addresses of one family agree in their first bits.
pub(super) fn shares_prefix(one: IpAddr, other: IpAddr, prefix: u8) -> bool {
    let differing = match (one, other) {
        (IpAddr::V4(one), IpAddr::V4(other)) => u128::from(one.to_bits() ^ other.to_bits()) << 96,
        (IpAddr::V6(one), IpAddr::V6(other)) => one.to_bits() ^ other.to_bits(),
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => return false,
    };
    differing.leading_zeros() >= u32::from(prefix)
}

/// The address that a packet to this one reaches in the end: what is mapped (`::ffff:0:0/96`) or
/// translated (`64:ff9b::/96`, RFC 6052) is version 4.
pub fn reached(address: IpAddr) -> IpAddr {
    let IpAddr::V6(six) = address else { return address };
    let translated = Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0);
    if let Some(four) = six.to_ipv4_mapped() {
        return IpAddr::V4(four);
    }
    if shares_prefix(IpAddr::V6(translated), address, 96) {
        let [.., a, b, c, d] = six.octets();
        return IpAddr::V4(Ipv4Addr::new(a, b, c, d));
    }
    address
}

/// Why an address is not public; none when it is.
pub fn special(address: IpAddr) -> Option<&'static Special> {
    let address = reached(address);
    if REACHABLE.iter().any(|block| block.holds(address)) {
        return None;
    }
    SPECIAL.iter().find(|block| block.holds(address))
}

#[cfg(test)]
mod tests;
