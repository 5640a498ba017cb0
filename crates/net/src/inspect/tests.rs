use proptest::prelude::*;

use super::*;

fn name() -> DomainName {
    "host.example".parse().expect("a name")
}

/// A ClientHello in one record, with these extensions.
pub(crate) fn hello(extensions: &[(u16, Vec<u8>)]) -> Vec<u8> {
    let mut inner = Vec::new();
    for (kind, body) in extensions {
        inner.extend(kind.to_be_bytes());
        inner.extend((body.len() as u16).to_be_bytes());
        inner.extend(body);
    }
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.extend([0, 0, 2, 0x13, 1, 1, 0]);
    body.extend((inner.len() as u16).to_be_bytes());
    body.extend(inner);
    let mut message = vec![1, 0];
    message.extend((body.len() as u16).to_be_bytes());
    message.extend(body);
    record(&message)
}

fn record(bytes: &[u8]) -> Vec<u8> {
    let mut record = vec![0x16, 3, 1];
    record.extend((bytes.len() as u16).to_be_bytes());
    record.extend(bytes);
    record
}

pub(crate) fn sni(names: &[(u8, &str)]) -> (u16, Vec<u8>) {
    let mut list = Vec::new();
    for (kind, name) in names {
        list.push(*kind);
        list.extend((name.len() as u16).to_be_bytes());
        list.extend(name.as_bytes());
    }
    let mut body = (list.len() as u16).to_be_bytes().to_vec();
    body.extend(list);
    (0, body)
}

fn check(bytes: &[u8], port: u16, expected: Sight) {
    assert_eq!(look(bytes, &name(), port), expected, "{:?}", String::from_utf8_lossy(bytes));
    // Whatever comes before is either undecided or the same.
    for end in 0..bytes.len() {
        let earlier = look(&bytes[..end], &name(), port);
        assert!(earlier == Sight::More || earlier == expected, "{end}: {earlier:?}");
    }
}

#[test]
fn a_hello_says_the_name_once_and_in_the_clear() {
    let own = || sni(&[(0, "Host.EXAMPLE")]);
    check(&hello(&[(10, vec![0, 2, 0, 29]), own()]), 443, Sight::Tls);
    check(&hello(&[own()]), 8443, Sight::Tls);
    for (extensions, why) in [
        (vec![], "it names no host (no SNI)"),
        (vec![sni(&[(0, "other.example")])], "its TLS hello is for another host"),
        (vec![sni(&[(0, "host.example.")])], "its TLS hello is for another host"),
        (vec![sni(&[(0, "127.0.0.1")])], "its TLS hello is for another host"),
        (vec![sni(&[(0, "host.example\0")])], "its TLS hello is for another host"),
        (vec![sni(&[(0, "host.example"), (0, "b.example")])], "its SNI is not one host"),
        (vec![sni(&[(1, "host.example")])], "its SNI is not one host"),
        (vec![sni(&[(0, "")])], "its SNI is not one host"),
        (vec![sni(&[])], "its SNI is malformed"),
        (vec![own(), own()], "it names its host twice"),
        (vec![own(), (0xfe0d, vec![0])], "it hides its host (encrypted client hello)"),
        (vec![own(), (0xffce, vec![0])], "it hides its host (encrypted client hello)"),
        (vec![own(), (0xfe0a, vec![0])], "it hides its host (encrypted client hello)"),
        (vec![(0xfe0d, vec![0]), own()], "it hides its host (encrypted client hello)"),
    ] {
        check(&hello(&extensions), 443, Sight::Refused(why));
        check(&hello(&extensions), 8443, Sight::Refused(why));
    }
    check(&hello(&[own()]), 80, Sight::Refused("port 80 is for HTTP"));
}

#[test]
fn a_hello_may_come_in_pieces_of_its_own_kind() {
    let message = hello(&[sni(&[(0, "host.example")])]).split_off(5);
    for size in 1..message.len() {
        let pieces: Vec<u8> = message.chunks(size).flat_map(record).collect();
        check(&pieces, 443, Sight::Tls);
    }
    let (one, other) = message.split_at(20);
    let warned = [&record(one)[..], &[0x15, 3, 1, 0, 2, 1, 0], &record(other)].concat();
    let broken = Sight::Refused("its TLS hello is broken up by something else");
    check(&warned, 443, broken);
    check(&[&record(one)[..], &record(&[]), &record(other)].concat(), 443, broken);
    let crowded = record(&[&message[..], &message].concat());
    check(&crowded, 443, Sight::Refused("its TLS hello is not alone in its record"));
    let long = [&[0x16, 3, 1, 0x3f, 0xff, 1, 0, 0xff, 0xff][..], &[0; 64]].concat();
    check(&long, 443, Sight::Refused("its TLS hello is too long"));
}

#[test]
fn what_servers_take_for_a_hello_is_one() {
    let old = [0x80, 46, 1, 3, 1, 0, 21];
    let older = [0x80, 46, 1, 0, 2, 0, 21];
    for port in [443, 8443] {
        check(&old, port, Sight::Refused("it begins with an SSL 2 hello"));
        check(&older, port, Sight::Refused("it begins with an SSL 2 hello"));
        let warning = [0x15, 3, 1, 0, 2, 1, 0];
        check(&warning, port, Sight::Refused("it begins with no TLS hello"));
        check(&[0x16, 3, 1, 0, 4, 2, 0, 0, 0], port, Sight::Refused("it begins with no TLS hello"));
        check(&[0x16, 4, 1, 0, 4, 1, 0], port, Sight::Refused("it begins with no TLS hello"));
    }
}

#[test]
fn ports_say_what_is_spoken() {
    check(b"GET / HTTP/1.1\r\n", 443, Sight::Refused("port 443 is for TLS"));
    check(b"SSH-2.0-x\r\n", 443, Sight::Refused("port 443 is for TLS"));
    check(b"SSH-2.0-x\r\n", 80, Sight::Refused("port 80 is for HTTP"));
    for port in [80, 8080] {
        check(b"GET / HTTP/1.1\r\n", port, Sight::Http);
        check(b"\r\n\r\nget /\r\n", port, Sight::Http);
        check(b"CONNECT other.example:443 HTTP/1.1\r\n", port, Sight::Http);
        check(b"PRI * HTTP/2.0\r\n", port, Sight::Http);
        check(b"FIND \t /x http/1.0\r\n", port, Sight::Http);
        check(b"FIND http://other.example/ HTTP/1.1\r\n", port, Sight::Http);
    }
    for other in [
        &b"SSH-2.0-OpenSSH_9.6 x\r\n"[..],
        b"EHLO host\r\n",
        b"HELO host\r\n",
        b"0032git-upload-pack /project.git\0host=host.example\0",
        b"*1\r\n$4\r\nPING\r\n",
        b"\0\0\0\x08\x04\xd2\x16\x2f",
        b"\xff\xfb\x18",
        b"\x10\x1a\0\x04MQTT",
    ] {
        check(other, 2222, Sight::Bytes);
    }
}

#[test]
fn a_second_hello_is_held_to_the_same_name() {
    let own = hello(&[sni(&[(0, "host.example")])]);
    let other = hello(&[sni(&[(0, "other.example")])]);
    let change = [0x14, 3, 3, 0, 1, 1];
    let alert = [0x15, 3, 3, 0, 2, 1, 90];
    let refused = Sight::Refused("its second TLS hello is for another host");
    let key_exchange = [0x16, 3, 3, 0, 2, 16, 0];
    for (next, expected) in [
        (own.clone(), Sight::Tls),
        (other.clone(), refused),
        ([&change[..], &other].concat(), refused),
        ([&alert[..], &change, &alert, &other].concat(), refused),
        ([&[0x17, 3, 3, 0, 0][..], &other].concat(), Sight::Refused("it sends empty records")),
        (hello(&[]), Sight::Refused("it names no host (no SNI)")),
        (
            [&alert.repeat(60)[..], &other].concat(),
            Sight::Refused("it says too much before it goes on"),
        ),
        (key_exchange.to_vec(), Sight::Tls),
        ([&change[..], &[0x17, 3, 3, 0, 9, 1]].concat(), Sight::Tls),
        // An encrypted record that begins like a hello.
        (
            [&change[..], &[0x16, 3, 3, 0, 12, 1, 0, 0, 8, 9, 9, 9, 9, 9, 9, 9, 9]].concat(),
            Sight::Tls,
        ),
    ] {
        let bytes = [&own[..], &next].concat();
        assert_eq!(end_of_hello(&bytes), own.len());
        assert_eq!(look_again(&bytes, &name()), expected, "{next:?}");
        for end in own.len()..bytes.len() {
            let earlier = look_again(&bytes[..end], &name());
            assert!(earlier == Sight::More || earlier == expected, "{end}: {earlier:?}");
        }
    }
    let early = hello(&[(42, vec![]), sni(&[(0, "host.example")])]);
    check(&early, 443, Sight::Refused("it sends before its server answered (early data)"));
}

proptest! {
    #[test]
    fn nothing_changes_with_how_bytes_arrive(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        first in prop::sample::select(vec![0x16_u8, 0x15, 0x80, b'G', b'\r', 0]),
        port in prop::sample::select(vec![80_u16, 443, 8443]),
    ) {
        let bytes = [&[first][..], &bytes].concat();
        let whole = look(&bytes, &name(), port);
        for end in 0..bytes.len() {
            let earlier = look(&bytes[..end], &name(), port);
            prop_assert!(earlier == Sight::More || earlier == whole, "{end}: {earlier:?} {whole:?}");
        }
    }

    #[test]
    fn nothing_that_follows_a_hello_changes_with_how_it_arrives(
        bytes in prop::collection::vec(any::<u8>(), 0..60),
        first in prop::sample::select(vec![0x14_u8, 0x15, 0x16, 0x17]),
    ) {
        let own = hello(&[sni(&[(0, "host.example")])]);
        let bytes = [&own[..], &[first, 3, 3, 0], &bytes].concat();
        let whole = look_again(&bytes, &name());
        for end in own.len()..bytes.len() {
            let earlier = look_again(&bytes[..end], &name());
            prop_assert!(earlier == Sight::More || earlier == whole, "{end}: {earlier:?}");
        }
    }

    #[test]
    fn damaged_hellos_never_pass_for_another_name(
        at in 0_usize..120,
        byte in any::<u8>(),
        cuts in prop::collection::vec(1_usize..40, 0..8),
    ) {
        let mut message = hello(&[sni(&[(0, "other.example")]), (10, vec![0, 2, 0, 29])]).split_off(5);
        let at = at % message.len();
        message[at] = byte;
        let mut rest = &message[..];
        let mut bytes = Vec::new();
        for cut in cuts {
            let (piece, later) = rest.split_at(cut.min(rest.len()));
            if !piece.is_empty() {
                bytes.extend(record(piece));
            }
            rest = later;
        }
        bytes.extend(record(rest));
        prop_assert_ne!(look(&bytes, &name(), 443), Sight::Tls);
    }
}

/// Real clients' hellos pass: each is run against a listener that says nothing.
#[tokio::test]
async fn hellos_of_real_clients_pass() {
    let python = "import socket, ssl, sys\n\
        s = socket.create_connection(('127.0.0.1', int(sys.argv[1])))\n\
        ssl.create_default_context().wrap_socket(s, server_hostname='host.example')";
    let commands: [&[&str]; 4] = [
        &["curl", "-s", "-m", "5", "--connect-to", "::127.0.0.1:PORT", "https://host.example/"],
        &["openssl", "s_client", "-connect", "127.0.0.1:PORT", "-servername", "host.example"],
        &[
            "openssl",
            "s_client",
            "-tls1_2",
            "-connect",
            "127.0.0.1:PORT",
            "-servername",
            "host.example",
        ],
        &["python3", "-c", python, "PORT"],
    ];
    for command in commands {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("bound").port().to_string();
        let words: Vec<String> = command.iter().map(|word| word.replace("PORT", &port)).collect();
        let mut child = tokio::process::Command::new(&words[0])
            .args(&words[1..])
            .stdin(std::process::Stdio::null())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("the client is installed");
        let accepted = tokio::time::timeout(Duration::from_secs(20), listener.accept()).await;
        let (client, _) = accepted.expect("it connects").expect("it connects");
        let mut first = First::default();
        let judge = |bytes: &[u8]| look(bytes, &name(), 443);
        let sight = first.look(&client, Duration::from_secs(10), judge).await;
        assert_eq!(sight, Ok(Sight::Tls), "{words:?}");
        child.kill().await.expect("it is ours");
    }
}
