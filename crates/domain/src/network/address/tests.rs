use super::*;

fn check(address: &str, expected: Option<&str>) {
    let found = special(address.parse().expect("an address")).map(|block| block.name);
    assert_eq!(found, expected, "{address}");
}

#[test]
fn edges_of_blocks_are_where_the_registry_has_them() {
    for (inside, outside, name) in [
        ("10.255.255.255", "11.0.0.0", "Private-Use"),
        ("100.127.255.255", "100.128.0.0", "Shared Address Space"),
        ("172.31.255.255", "172.32.0.0", "Private-Use"),
        ("169.254.169.254", "169.255.0.0", "Link Local"),
        ("198.19.255.255", "198.20.0.0", "Benchmarking"),
        ("239.255.255.255", "223.255.255.255", "Multicast"),
        ("fdff::1", "2600::1", "Unique-Local"),
        ("febf::1", "2a00::1", "Link-Local Unicast"),
        ("2001:db8:ffff::1", "2001:db9::1", "Documentation"),
    ] {
        check(inside, Some(name));
        check(outside, None);
    }
}

#[test]
fn an_address_inside_another_is_what_it_carries() {
    check("::ffff:127.0.0.1", Some("Loopback"));
    check("::ffff:1.1.1.1", None);
    check("64:ff9b::a00:1", Some("Private-Use"));
    check("64:ff9b::101:101", None);
    check("::127.0.0.1", Some("IPv4-compatible Address"));
    check("2002:7f00:1::", Some("6to4"));
}

#[test]
fn reachable_blocks_inside_special_ones_are_public() {
    check("192.0.0.9", None);
    check("192.0.0.8", Some("IETF Protocol Assignments"));
    check("2001:1::1", None);
    check("2001:1::4", Some("IETF Protocol Assignments"));
    check("2001:20::1", None);
}
