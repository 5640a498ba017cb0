//! Requests through the door of a sandbox to a site that keeps what it sees.

use std::sync::Arc;

use http_body_util::BodyExt;
use infield_domain::network::{Allowance, Judgement};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::*;
use crate::accept::tests::{Case, LIMIT, noise, open, rules, server as listen};

const MALFORMED: &str = "its request is malformed";

/// What a site saw: requests as text, each with its body.
type Seen = Arc<Mutex<Vec<String>>>;

/// A site that keeps its requests, and answers each with its body.
async fn site(listener: TcpListener, seen: Seen) {
    while let Ok((stream, _)) = listener.accept().await {
        let seen = Arc::clone(&seen);
        let service = service_fn(move |request| keep(Arc::clone(&seen), request));
        tokio::spawn(async move {
            drop(server::Builder::new().serve_connection(TokioIo::new(stream), service).await);
        });
    }
}

async fn keep(
    seen: Seen,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let mut text = format!("{} {} {:?}\n", head.method, head.uri, head.version);
    for (name, value) in &head.headers {
        text.push_str(&format!("{name}: {}\n", value.to_str().unwrap_or_default()));
    }
    text.push_str(&format!("{} bytes", body.len()));
    lock(&seen).push(text);
    Ok(Response::new(Full::from(body)))
}

async fn case() -> (Case, u16, Seen) {
    let (listener, port) = listen().await;
    let seen = Seen::default();
    tokio::spawn(site(listener, Arc::clone(&seen)));
    (Case::by_name(rules(&open(port), Allowance::DEFAULT), port).await, port, seen)
}

/// What comes back until the connection ends.
async fn ask(case: &Case, request: &[u8]) -> String {
    let mut client = case.connect().await;
    client.write_all(request).await.expect("open");
    read_all(&mut client).await
}

async fn read_all(client: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let read = timeout(LIMIT, client.read_to_end(&mut answer)).await.expect("in time");
    read.expect("no reset");
    String::from_utf8_lossy(&answer).into_owned()
}

/// A request passes, and arrives as this.
async fn check_passes(request: &str, expected: &str) {
    let (case, port, seen) = case().await;
    let request = request.replace("PORT", &port.to_string());
    let answer = ask(&case, request.as_bytes()).await;
    assert!(answer.contains("200 OK"), "{request}\n{answer}");
    let arrived = lock(&seen).join("\n").replace(&port.to_string(), "PORT");
    assert_eq!(arrived, expected, "{request}");
    assert_eq!(case.entry().await.judgement, Judgement::Allowed);
}

/// A request is refused, and nobody sees it.
async fn check_refused(request: &str, why: &str) {
    let (case, port, seen) = case().await;
    let request = request.replace("PORT", &port.to_string());
    let answer = ask(&case, request.as_bytes()).await;
    let is_told = answer.starts_with("HTTP/1.1 403") && answer.contains(why);
    let is_ended = answer.is_empty() || answer.starts_with("HTTP/1.1 400");
    assert!(is_told || is_ended && why == MALFORMED, "{request}\n{answer}");
    assert!(lock(&seen).is_empty(), "{request}");
    let entry = case.entry().await;
    assert_eq!((entry.judgement, &*entry.reason), (Judgement::Refused, why), "{request}");
    assert_eq!(case.sandbox.counters.traffic().refused, 1);
}

#[tokio::test]
async fn requests_for_the_site_arrive_as_what_they_are() {
    check_passes(
        "GET /x?y HTTP/1.1\r\nHost: HOST.example:PORT\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\n\
         Keep-Alive: 5\r\nProxy-Connection: keep-alive\r\nAccept: */*\r\n\r\n",
        "GET /x?y HTTP/1.1\nhost: HOST.example:PORT\naccept: */*\n0 bytes",
    )
    .await;
    check_passes(
        "GET http://host.example:PORT/x HTTP/1.1\r\nHost: host.example\r\nConnection: close\r\n\r\n",
        "GET /x HTTP/1.1\nhost: host.example\n0 bytes",
    )
    .await;
    check_passes(
        "POST / HTTP/1.1\r\nHost: host.example\r\nConnection: close\r\n\
         Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        "POST / HTTP/1.1\nhost: host.example\ntransfer-encoding: chunked\n3 bytes",
    )
    .await;
    check_passes(
        "GET / HTTP/1.0\r\nHost: host.example\r\n\r\n",
        "GET / HTTP/1.1\nhost: host.example\n0 bytes",
    )
    .await;
    // No other protocol is asked for.
    check_passes(
        "GET / HTTP/1.1\r\nHost: host.example\r\nConnection: Upgrade, HTTP2-Settings, close\r\n\
         Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n\r\n",
        "GET / HTTP/1.1\nhost: host.example\n0 bytes",
    )
    .await;
    check_passes(
        "POST / HTTP/1.1\r\nHost: host.example\r\nConnection: close, content-length, host\r\n\
         Content-Length: 3\r\n\r\nabc",
        "POST / HTTP/1.1\nhost: host.example\ncontent-length: 3\n3 bytes",
    )
    .await;
}

#[tokio::test]
async fn requests_for_others_are_refused() {
    let own = "Host: host.example\r\n";
    for (request, why) in [
        (
            "GET / HTTP/1.1\r\nHost: other.example\r\n\r\n".to_owned(),
            "its request is for another host",
        ),
        (
            "GET / HTTP/1.1\r\nHost: host.example.\r\n\r\n".to_owned(),
            "its request is for another host",
        ),
        (
            "GET / HTTP/1.1\r\nHost: a@host.example\r\n\r\n".to_owned(),
            "its request is for another host",
        ),
        (
            "GET / HTTP/1.1\r\nHost: host.example:1\r\n\r\n".to_owned(),
            "its request is for another host",
        ),
        ("GET / HTTP/1.1\r\nHost:\r\n\r\n".to_owned(), "its request is for another host"),
        ("GET / HTTP/1.1\r\n\r\n".to_owned(), "its request names no host"),
        (format!("GET / HTTP/1.1\r\n{own}{own}\r\n"), "its request names its host twice"),
        (
            format!("GET / HTTP/1.1\r\n{own}Host: other.example\r\n\r\n"),
            "its request names its host twice",
        ),
        (
            format!("GET http://other.example/ HTTP/1.1\r\n{own}\r\n"),
            "its request line is for another host",
        ),
        (
            format!("GET https://host.example/ HTTP/1.1\r\n{own}\r\n"),
            "its request line is for another host",
        ),
        (
            format!("GET http://host.example@other.example/ HTTP/1.1\r\n{own}\r\n"),
            "its request line is for another host",
        ),
        (
            format!("CONNECT host.example:443 HTTP/1.1\r\n{own}\r\n"),
            "its request asks for a tunnel (CONNECT)",
        ),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), MALFORMED),
    ] {
        check_refused(&request, why).await;
    }
}

#[tokio::test]
async fn no_request_hides_in_another() {
    let unclear = "it is unclear where its request ends";
    let hidden = "GET / HTTP/1.1\r\nHost: other.example\r\n\r\n";
    for (headers, body, why) in [
        ("Transfer-Encoding: gzip, chunked", "0\r\n\r\n", unclear),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "0\r\n\r\n", unclear),
        ("Transfer-Encoding: chunked, identity", "0\r\n\r\n", MALFORMED),
        ("Transfer-Encoding: xchunked", "0\r\n\r\n", MALFORMED),
        ("Content-Length: 0\r\nContent-Length: 5", "", MALFORMED),
        ("Content-Length: +5", "", MALFORMED),
        ("Content-Length : 5", "", MALFORMED),
        ("X: 1\r\n Host: other.example", "", MALFORMED),
        ("X: 1\r\n\tTransfer-Encoding: chunked", "", MALFORMED),
        ("X\0: 1", "", MALFORMED),
    ] {
        let own = "POST / HTTP/1.1\r\nHost: host.example\r\n";
        check_refused(&format!("{own}{headers}\r\n\r\n{body}{hidden}"), why).await;
    }
}

/// With both, the length does not count (RFC 9112, 6.3), and the site never gets to see it.
#[tokio::test]
async fn a_length_beside_chunks_misleads_nobody() {
    let hidden = "GET /hidden HTTP/1.1\r\nHost: other.example\r\n\r\n";
    for headers in [
        "Content-Length: 4\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 4",
        "Content-Length: 60\r\nTransfer-Encoding: chunked",
    ] {
        let (case, _, seen) = case().await;
        let own = "POST / HTTP/1.1\r\nHost: host.example\r\n";
        ask(&case, format!("{own}{headers}\r\n\r\n0\r\n\r\n{hidden}").as_bytes()).await;
        let expected = "POST / HTTP/1.1\nhost: host.example\ntransfer-encoding: chunked\n0 bytes";
        assert_eq!(lock(&seen).join("\n"), expected, "{headers}");
    }
}

#[tokio::test]
async fn each_request_of_a_connection_is_checked() {
    let (case, _, seen) = case().await;
    let one = "GET /1 HTTP/1.1\r\nHost: host.example\r\n\r\n";
    let other = "GET /2 HTTP/1.1\r\nHost: other.example\r\n\r\n";
    let answer = ask(&case, format!("{one}{one}{other}{one}").as_bytes()).await;
    assert_eq!(answer.matches("HTTP/1.1 200 OK").count(), 2);
    assert_eq!(answer.matches("HTTP/1.1 403 Forbidden").count(), 1);
    assert_eq!(lock(&seen).len(), 2);
    let entry = case.entry().await;
    assert_eq!(entry.judgement, Judgement::Refused);
    assert!(entry.sent_bytes > 100 && entry.received_bytes > 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_stream_both_ways() {
    let (case, _, seen) = case().await;
    let (mut from, mut to) = case.connect().await.into_split();
    let body = noise(8 << 20);
    let head = format!(
        "PUT / HTTP/1.1\r\nHost: host.example\r\nExpect: 100-continue\r\nConnection: close\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    to.write_all(head.as_bytes()).await.expect("open");
    let mut go = [0; 25];
    timeout(LIMIT, from.read_exact(&mut go)).await.expect("in time").expect("it comes");
    assert_eq!(&go, b"HTTP/1.1 100 Continue\r\n\r\n");
    let copy = body.clone();
    let writer = tokio::spawn(async move { to.write_all(&copy).await.map(|()| to) });
    let mut answer = Vec::new();
    timeout(LIMIT, from.read_to_end(&mut answer)).await.expect("in time").expect("no reset");
    writer.await.expect("it ran").expect("all of it was taken");
    assert!(answer.ends_with(&body));
    assert_eq!(lock(&seen).len(), 1);
}

#[tokio::test]
async fn a_web_socket_passes_and_nothing_else_does() {
    let (listener, port) = listen().await;
    let case = Case::by_name(rules(&open(port), Allowance::DEFAULT), port).await;
    for (upgrade, passes) in [("websocket", true), ("other", false)] {
        let mut client = case.connect().await;
        let request = format!(
            "GET /chat HTTP/1.1\r\nHost: host.example\r\nConnection: keep-alive, Upgrade\r\n\
             Upgrade: {upgrade}\r\nSec-WebSocket-Key: x\r\n\r\n"
        );
        client.write_all(request.as_bytes()).await.expect("open");
        let (mut stream, _) = listener.accept().await.expect("it comes");
        let arrived = read_head(&mut stream).await;
        assert_eq!(arrived.to_lowercase().contains("upgrade: websocket"), passes, "{arrived}");
        assert_eq!(arrived.to_lowercase().contains("upgrade"), passes, "{arrived}");
        let answer = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n\
                      Upgrade: websocket\r\n\r\nfirst";
        stream.write_all(answer.as_bytes()).await.expect("open");
        let head = read_head(&mut client).await;
        assert_eq!(head.starts_with("HTTP/1.1 101"), passes, "{head}");
        if !passes {
            assert!(head.starts_with("HTTP/1.1 502"), "{head}");
            continue;
        }
        let mut first = [0; 5];
        timeout(LIMIT, client.read_exact(&mut first)).await.expect("in time").expect("it comes");
        client.write_all(b"GET / HTTP/1.1\r\n\0").await.expect("open");
        client.shutdown().await.expect("open");
        let rest = read_all(&mut stream).await;
        assert_eq!((&first, &*rest), (b"first", "GET / HTTP/1.1\r\n\0"));
        drop(stream);
        assert_eq!(case.entry().await.judgement, Judgement::Allowed);
    }
}

/// Reads up to the empty line.
async fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let byte = timeout(LIMIT, stream.read_u8()).await.expect("in time").expect("it comes");
        head.push(byte);
    }
    String::from_utf8_lossy(&head).into_owned()
}
