//! TLS that goes by one name and says another. The server behind `raw.allowed.example` answers
//! anything, so that what arrives there at all is a success.

use super::{ALLOWED, Attempt};

macro_rules! send {
    ($name:literal, $defence:literal, $data:literal) => {
        send!($name, $defence, "443", $data)
    };
    ($name:literal, $defence:literal, $port:literal, $data:literal) => {
        Attempt::new(
            $name,
            $defence,
            ALLOWED,
            concat!("reached('raw.allowed.example', port=", $port, ", data=", $data, ")"),
        )
    };
}

/// The server wants another hello, and gets one with another name: RFC 8446, 4.1.4.
const RETRY: &str = "
with connect('retry.allowed.example', 443) as stream:
    stream.sendall(record(hello(named('retry.allowed.example'))))
    first = stream.recv(4096)
    stream.sendall(record(hello(named('evil.example'))))
    verdict(MARK in read(stream))";

/// One byte in each segment, and time between them.
const DRIP: &str = "
with connect('raw.allowed.example', 443) as stream:
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for byte in record(hello(named('evil.example'))):
        stream.sendall(bytes([byte]))
        time.sleep(0.002)
    verdict(MARK in read(stream))";

/// A real handshake with the forbidden name's server, which has the allowed one's address.
const FRONT: &str = "
with connect('allowed.example', 443) as stream:
    with unverified().wrap_socket(stream, server_hostname='evil.example') as inner:
        inner.sendall(get('evil.example'))
        verdict(MARK in read(inner))";

#[rustfmt::skip]
pub(crate) const ATTEMPTS: &[Attempt] = &[
    Attempt::new("cannot_front_by_sni", "sni", ALLOWED, FRONT),
    send!("cannot_say_another_name", "sni", "record(hello(named('evil.example')))"),
    send!("cannot_say_no_name", "sni", "record(hello())"),
    send!("cannot_say_two_names", "sni",
        "record(hello(named('raw.allowed.example', 'evil.example')))"),
    send!("cannot_say_names_twice", "sni",
        "record(hello(named('raw.allowed.example'), named('evil.example')))"),
    send!("cannot_end_the_name_early", "sni",
        "record(hello(named(b'raw.allowed.example\\0.evil.example')))"),
    send!("cannot_say_an_address", "sni", "record(hello(named(RECORDER4)))"),
    send!("cannot_say_an_empty_name", "sni", "record(hello(named('')))"),
    send!("cannot_hide_the_name_by_encryption", "ech",
        "record(hello(named('raw.allowed.example'), extension(0xfe0d, b'\\0' * 64)))"),
    send!("cannot_hide_the_name_by_an_old_draft", "ech",
        "record(hello(named('raw.allowed.example'), extension(0xffce, b'\\0' * 64)))"),
    Attempt::new("cannot_change_the_name_after_a_retry", "sni", ALLOWED, RETRY),
    send!("cannot_split_the_hello_into_records", "sni",
        "record(hello(named('evil.example')), 1)"),
    Attempt::new("cannot_let_the_hello_drip", "sni", ALLOWED, DRIP),
    send!("cannot_hide_the_name_behind_padding", "sni",
        "record(hello(extension(21, bytes(40000)), named('evil.example')))"),
    send!("cannot_begin_with_an_alert", "sni",
        "b'\\x15\\x03\\x01\\0\\x02\\x01\\0' + record(hello(named('evil.example')))"),
    send!("cannot_speak_the_first_version", "sni",
        "b'\\x80\\x2e\\x01\\x03\\x01\\0\\x15\\0\\0\\0\\x10' + b'x' * 37"),
    send!("cannot_speak_http_where_tls_belongs", "protocol", "get('raw.allowed.example')"),
    send!("cannot_speak_tls_where_http_belongs", "protocol", "80",
        "record(hello(named('raw.allowed.example')))"),
    send!("cannot_speak_ssh_where_tls_belongs", "protocol", "b'SSH-2.0-x\\r\\n'"),
    send!("cannot_speak_nothing_known_where_http_belongs", "protocol", "80",
        "bytes(range(256))"),
];
