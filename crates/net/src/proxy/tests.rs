use std::net::Ipv4Addr;

use infield_domain::SandboxId;
use proptest::prelude::*;

use super::*;

fn name(text: &str) -> Place {
    Place::Name(text.parse().expect("a name"))
}

fn address(text: &str) -> Place {
    Place::Address(text.parse().expect("an address"))
}

fn tunnel(text: &str, place: Place, port: u16) {
    let head = format!("{text}\r\nHost: elsewhere.example\r\nContent-Length: 9\r\n\r\n");
    let bytes = [head.as_bytes(), b"the rest"].concat();
    let wanted = Wanted { place, port, manner: Manner::Tunnel, taken: head.len() };
    assert_eq!(look(&bytes), Some(Said::Wanted(wanted)), "{text}");
    for end in 0..head.len() {
        assert_eq!(look(&bytes[..end]), None, "{end} of {text}");
    }
}

fn request(target: &str, host: &str, place: Place, port: u16) {
    let text = format!("GET {target} HTTP/1.1\r\nHost: other.example\r\n\r\n");
    let manner = Manner::Request(host.to_owned());
    let wanted = Wanted { place, port, manner, taken: 0 };
    assert_eq!(look(text.as_bytes()), Some(Said::Wanted(wanted)), "{target}");
}

fn wrong(bytes: &[u8]) -> &'static str {
    match look(bytes) {
        Some(Said::Wrong(why)) => why,
        other => panic!("{:?}: {other:?}", String::from_utf8_lossy(bytes)),
    }
}

#[test]
fn a_tunnel_says_where_it_goes() {
    tunnel("CONNECT pypi.org:443 HTTP/1.1", name("pypi.org"), 443);
    tunnel("connect PyPI.org.:22 HTTP/1.0", name("pypi.org"), 22);
    tunnel("CONNECT 10.0.0.5:80 HTTP/1.1", address("10.0.0.5"), 80);
    tunnel("CONNECT [2001:db8::1]:80 HTTP/1.1", address("2001:db8::1"), 80);
    tunnel("CONNECT [::ffff:10.0.0.5]:80 HTTP/1.1", address("::ffff:10.0.0.5"), 80);
    // A second request behind the head is the tunnel's.
    let two = b"CONNECT a.example:443 HTTP/1.1\r\n\r\nCONNECT b.example:443 HTTP/1.1\r\n\r\n";
    let Some(Said::Wanted(wanted)) = look(two) else { panic!("it is a tunnel") };
    assert_eq!((wanted.place, wanted.taken), (name("a.example"), 34));
}

#[test]
fn a_request_says_whom_it_is_for() {
    request("http://deb.debian.org/pool", "deb.debian.org", name("deb.debian.org"), 80);
    request("HTTP://Deb.Debian.Org:80/", "Deb.Debian.Org", name("deb.debian.org"), 80);
    request("http://a.example:8080", "a.example", name("a.example"), 8080);
    request("http://a.example:?x", "a.example", name("a.example"), 80);
    request("http://10.0.0.5/", "10.0.0.5", address("10.0.0.5"), 80);
    request("http://[fd00::5]:81/", "[fd00::5]", address("fd00::5"), 81);
}

#[test]
fn what_is_not_understood_is_not_guessed_at() {
    for line in [
        "CONNECT pypi.org HTTP/1.1",
        "CONNECT pypi.org: HTTP/1.1",
        "CONNECT pypi.org:0 HTTP/1.1",
        "CONNECT pypi.org:65536 HTTP/1.1",
        "CONNECT pypi.org:+443 HTTP/1.1",
        "CONNECT pypi.org:443:22 HTTP/1.1",
        "CONNECT me@pypi.org:443 HTTP/1.1",
        "CONNECT http://pypi.org:443 HTTP/1.1",
        "CONNECT 2130706433:80 HTTP/1.1",
        "CONNECT 0x7f.1:80 HTTP/1.1",
        "CONNECT 127.1:80 HTTP/1.1",
        "CONNECT 010.0.0.5:80 HTTP/1.1",
        "CONNECT [fe80::1%25eth0]:80 HTTP/1.1",
        "CONNECT [10.0.0.5]:80 HTTP/1.1",
        "CONNECT [::1:80 HTTP/1.1",
        "CONNECT  pypi.org:443 HTTP/1.1",
        "CONNECT pypi.org:443 HTTP/1.1 ",
        "CONNECT pypi.org:443 HTTP/2.0",
        "CONNECT pypi.org:443",
        "CONNECT pypi.org\t:443 HTTP/1.1",
        "CONNECT pypi.org\0.evil.example:443 HTTP/1.1",
        "GET /index.html HTTP/1.1",
        "GET * HTTP/1.1",
        "GET https://pypi.org/ HTTP/1.1",
        "GET http:///path HTTP/1.1",
        "GET http://me:secret@pypi.org/ HTTP/1.1",
        "GET http://pypi.org\\@evil.example/ HTTP/1.1",
        "PRI * HTTP/2.0",
    ] {
        wrong(format!("{line}\r\n\r\n").as_bytes());
        wrong(format!("{line}\r\n").as_bytes());
    }
    wrong(b"CONNECT pypi.org:443 HTTP/1.1\n\n");
    wrong("CONNECT pypi.örg:443 HTTP/1.1\r\n\r\n".as_bytes());
    wrong(b"\x16\x03\x01\x02\x00");
    wrong(b"\x04\x01\x00\x50\x0a\x00\x00\x05\x00");
    wrong(b"\r\nCONNECT pypi.org:443 HTTP/1.1\r\n\r\n");
}

#[test]
fn heads_are_bounded() {
    let line = vec![b'a'; MOST];
    assert_eq!(wrong(&line), "the first line of its request is too long");
    assert_eq!(look(&line[1..]), None);
    let mut head = b"CONNECT pypi.org:443 HTTP/1.1\r\nX: ".to_vec();
    head.resize(MOST, b'x');
    assert_eq!(wrong(&head), "the head of its request is too long");
    assert_eq!(look(&head[..MOST - 1]), None);
}

#[test]
fn socks_says_where_it_goes() {
    assert_eq!(look(&[5, 2, 1, 0, 9]), Some(Said::Greeting(4)));
    assert_eq!(look(&[5, 2, 1]), None);
    assert_eq!(wrong(&[5, 1, 2]), "it speaks SOCKS 5 with authentication alone");
    for (kind, host, place) in [
        (1, vec![10, 0, 0, 5], address("10.0.0.5")),
        (4, [[0_u8; 15].as_slice(), &[1]].concat(), address("::1")),
        (3, b"\x08pypi.org".to_vec(), name("pypi.org")),
        (3, b"\x0810.0.0.5".to_vec(), Place::Address(Ipv4Addr::new(10, 0, 0, 5).into())),
    ] {
        let bytes = [&[5, 1, 0, kind], host.as_slice(), &[1, 187], b"more"].concat();
        let taken = bytes.len() - 4;
        let wanted = Wanted { place, port: 443, manner: Manner::Socks, taken };
        assert_eq!(socks::request(&bytes), Some(Ok(wanted)));
        for end in 0..taken {
            assert_eq!(socks::request(&bytes[..end]), None, "{end} of {bytes:?}");
        }
    }
    for bytes in [
        &[5, 2, 0, 1, 10, 0, 0, 5, 0, 80][..],
        &[5, 3, 0, 1, 10, 0, 0, 5, 0, 80],
        &[4, 1, 0, 1, 10, 0, 0, 5, 0, 80],
        &[5, 1, 1, 1, 10, 0, 0, 5, 0, 80],
        &[5, 1, 0, 2, 10, 0, 0, 5, 0, 80],
        &[5, 1, 0, 1, 10, 0, 0, 5, 0, 0],
        &[5, 1, 0, 3, 0, 0, 80],
        b"\x05\x01\x00\x03\x041\x00.1\x00\x50",
        b"\x05\x01\x00\x03\x05127.1\x00\x50",
    ] {
        assert!(matches!(socks::request(bytes), Some(Err(_))), "{bytes:?}");
    }
}

#[test]
fn a_refusal_is_in_the_first_line_too() {
    let refusal = Refusal {
        sandbox: SandboxId::from_random([7; 16]),
        host: "pypi.org".to_owned(),
        port: 443,
        policy: "custom",
        why: "no rule\r\nX: 1".to_owned(),
    };
    let answer = String::from_utf8(Manner::Tunnel.refused(&refusal)).expect("text");
    let first = answer.lines().next().expect("a line");
    assert!(first.starts_with("HTTP/1.1 403 infield refused the connection to pypi.org:443"));
    assert!(first.contains("(no rule??X: 1)") && first.contains("infield net allow"), "{first}");
    assert_eq!(answer.lines().nth(1), Some("Content-Type: text/plain; charset=utf-8"));
    assert!(Manner::Tunnel.unreachable("gone").starts_with(b"HTTP/1.1 502 gone\r\n"));
    assert_eq!(Manner::Socks.refused(&refusal)[1], 2);
}

proptest! {
    /// Nothing breaks the reader, and more bytes never change what was said.
    #[test]
    fn what_was_said_once_holds(bytes in foreign(), more in any::<Vec<u8>>()) {
        let longer = [&bytes[..], &more].concat();
        if let Some(said) = look(&bytes) {
            prop_assert_eq!(Some(said), look(&longer));
        }
        if let Some(read) = socks::request(&bytes) {
            prop_assert_eq!(Some(read), socks::request(&longer));
        }
    }
}

/// Bytes, and texts that are nearly heads.
fn foreign() -> impl Strategy<Value = Vec<u8>> {
    let word = prop::sample::select(vec![
        "CONNECT",
        "GET",
        " ",
        "http://",
        "pypi.org",
        ":443",
        ":",
        "[",
        "::1",
        "]",
        "/",
        "@",
        "10.0.0.5",
        " HTTP/1.1",
        "\r\n",
        "\n",
        "\r\n\r\n",
        "Host: x",
        "\0",
        "%",
        "\u{e9}",
    ]);
    let text = prop::collection::vec(word, 0..12).prop_map(|words| words.concat().into_bytes());
    let first = prop::sample::select(vec![5_u8, 4, b'C', 0x16]);
    let bytes = (first, any::<Vec<u8>>()).prop_map(|(first, rest)| [&[first], &rest[..]].concat());
    prop_oneof![text, bytes]
}
