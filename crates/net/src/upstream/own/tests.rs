use super::*;

fn check(text: &str, expected: bool) {
    assert_eq!(is_own(text.parse().expect("an address")), expected, "{text}");
}

#[test]
fn loopback_and_nothing_are_own_in_every_spelling() {
    for text in [
        "127.0.0.1",
        "127.255.1.2",
        "0.0.0.0",
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:0.0.0.0",
        "64:ff9b::7f00:1",
    ] {
        check(text, true);
    }
}

#[test]
fn the_address_that_the_host_sends_from_is_own() {
    let socket = UdpSocket::bind("0.0.0.0:0").expect("a socket");
    // A host without any route has no such address.
    if socket.connect("192.0.2.1:9").is_ok() {
        let own = socket.local_addr().expect("bound").ip();
        assert!(is_own(own), "{own}");
        let IpAddr::V4(four) = own else { panic!("asked for version 4") };
        assert!(is_own(four.to_ipv6_mapped().into()), "{own}");
    }
}

#[test]
fn addresses_of_others_are_not_own() {
    for text in ["1.1.1.1", "192.0.2.1", "2606:4700::1111", "::ffff:1.1.1.1"] {
        check(text, false);
    }
}
