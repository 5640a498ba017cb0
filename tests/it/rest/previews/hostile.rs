//! Servers and visitors that mean harm: each is refused or cut off, and others go on.

use std::time::Duration;

use anyhow::{Context, Result};
use infield_rest::PreviewLimits;
use tokio::io::AsyncWriteExt;

use super::stage::{HELLO, Stage, read_head};

/// Wants this status when a server inside answers with these bytes.
async fn check(bytes: impl Into<Vec<u8>>, expected: u16) -> Result<()> {
    let stage = Stage::plain().await?;
    let bytes = bytes.into();
    let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(80)]).into_owned();
    let _heard = stage.saying(bytes).await?;
    let reply = stage.get("/", &stage.proof()).await?;
    assert_eq!(reply.status, expected, "{shown}");
    let _heard = stage.saying(HELLO).await?;
    assert_eq!(stage.get("/", &stage.proof()).await?.status, 200, "the next one is served");
    stage.end().await
}

#[tokio::test]
async fn a_server_that_speaks_no_http_is_a_page() -> Result<()> {
    check("SSH-2.0-OpenSSH_9\r\n", 502).await?;
    check("", 502).await?;
    check("HTTP/1.1 2000 OK\r\n\r\n", 502).await?;
    check("HTTP/1.1 200 OK\r\nA b: c\r\n\r\n", 502).await
}

#[tokio::test]
async fn a_giant_head_is_not_kept() -> Result<()> {
    check(format!("HTTP/1.1 200 OK\r\nA: {}\r\n\r\n", "x".repeat(1 << 20)), 502).await?;
    check(format!("HTTP/1.1 200 OK\r\n{}\r\n", "A: b\r\n".repeat(1_000)), 502).await
}

#[tokio::test]
async fn an_answer_is_not_split() -> Result<()> {
    let stage = Stage::plain().await?;
    let evil = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok\
                HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";
    let _heard = stage.saying(evil).await?;
    let mut visitor = stage.visitor().await?;
    let head = format!("GET / HTTP/1.1\nHost: {}\n{}", stage.host(3000), stage.proof());
    assert_eq!(visitor.ask(&head, "").await?.body, b"ok");
    assert_eq!(visitor.ask(&head, "").await?.body, b"ok", "the rest was nobody's answer");
    stage.end().await
}

#[tokio::test]
async fn an_upgrade_without_consent_is_refused() -> Result<()> {
    let switch =
        "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nx";
    check(switch, 502).await?;
    let stage = Stage::plain().await?;
    let _heard = stage.saying(switch.replace("websocket", "other")).await?;
    let lines = format!("{}\nConnection: upgrade\nUpgrade: websocket", stage.proof());
    assert_eq!(stage.get("/", &lines).await?.status, 502);
    stage.end().await
}

#[tokio::test]
async fn cookies_and_addresses_of_a_server_stay_in_its_origin() -> Result<()> {
    let stage = Stage::plain().await?;
    let answer = "HTTP/1.1 200 OK\r\nSet-Cookie: a=1; Domain=localhost; Path=/\r\n\
                  Set-Cookie: infield-preview=forged\r\nSet-Cookie: __Host-infield-preview=forged\r\n\
                  Alt-Svc: h2=\":1\"\r\nClear-Site-Data: \"cookies\"\r\nConnection: x-hop\r\nX-Hop: 1\r\n\
                  Content-Length: 0\r\n\r\n";
    let _heard = stage.saying(answer).await?;
    let reply = stage.get("/", &stage.proof()).await?;
    let cookies: Vec<_> = reply.headers.iter().filter(|(name, _)| name == "set-cookie").collect();
    assert_eq!(cookies.len(), 1);
    assert_eq!(cookies[0].1, "a=1; Path=/");
    for name in ["alt-svc", "clear-site-data", "x-hop"] {
        assert_eq!(reply.header(name), None, "{name}");
    }
    stage.end().await
}

#[tokio::test]
async fn a_server_that_never_answers_is_given_up() -> Result<()> {
    let first_answer = Duration::from_millis(300);
    let stage = Stage::new(PreviewLimits { first_answer, ..PreviewLimits::STANDARD }, None).await?;
    let mut connections = stage.open().await?;
    let proof = stage.proof();
    let asking = stage.get("/", &proof);
    let (reply, kept) = tokio::join!(asking, connections.recv());
    assert_eq!(reply?.status, 504);
    drop(kept);
    stage.end().await
}

#[tokio::test]
async fn a_stream_that_is_quiet_for_too_long_is_cut() -> Result<()> {
    let quiet = Duration::from_millis(300);
    let stage = Stage::new(PreviewLimits { quiet, ..PreviewLimits::STANDARD }, None).await?;
    let mut connections = stage.open().await?;
    let mut visitor = stage.visitor().await?;
    let head = format!("GET / HTTP/1.1\r\nHost: {}\r\n{}\r\n\r\n", stage.host(3000), stage.proof());
    visitor.send(head).await?;
    let mut inside = connections.recv().await.context("a connection")?;
    read_head(&mut inside).await;
    inside.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nh").await?;
    assert_eq!(visitor.read_head().await?.status, 200);
    let (_, mut wire) = visitor.into_stream();
    let mut rest = Vec::new();
    let cut = tokio::io::AsyncReadExt::read_to_end(&mut wire, &mut rest);
    drop(tokio::time::timeout(Duration::from_secs(10), cut).await.context("it is cut")?);
    assert!(rest.len() <= 1);
    drop(inside);
    stage.end().await
}

#[tokio::test]
async fn ending_a_link_cuts_what_came_through_it() -> Result<()> {
    let stage = Stage::plain().await?;
    let mut connections = stage.open().await?;
    let mut visitor = stage.visitor().await?;
    let head = format!("GET / HTTP/1.1\r\nHost: {}\r\n{}\r\n\r\n", stage.host(3000), stage.proof());
    visitor.send(head).await?;
    let mut inside = connections.recv().await.context("a connection")?;
    read_head(&mut inside).await;
    inside.write_all(b"HTTP/1.1 200 OK\r\n\r\nfirst").await?;
    assert_eq!(visitor.read_head().await?.status, 200);
    stage.expire().await?;
    let mut end = [0];
    let read = tokio::io::AsyncReadExt::read(&mut inside, &mut end);
    let read = tokio::time::timeout(Duration::from_secs(10), read).await.context("it is cut")?;
    assert!(matches!(read, Ok(0) | Err(_)));
    stage.end().await
}

#[tokio::test]
async fn a_smuggled_request_is_a_visitors_own_and_shows_its_own_proof() -> Result<()> {
    let stage = Stage::plain().await?;
    let mut heard = stage.saying(HELLO).await?;
    let mut visitor = stage.visitor().await?;
    let host = stage.host(3000);
    let head = format!(
        "POST / HTTP/1.1\nHost: {host}\n{}\nContent-Length: 60\nTransfer-Encoding: chunked",
        stage.proof()
    );
    let body = format!("0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: {host}\r\n\r\n");
    let reply = visitor.ask(&head, body).await?;
    assert!(matches!(reply.status, 200 | 400), "{}", reply.status);
    if reply.status == 200 {
        let head = heard.next().await?;
        assert!(head.starts_with("post / ") && !head.contains("content-length: 60"), "{head}");
        // What came behind is answered for itself, or nobody listens any more.
        let second = visitor.reply().await;
        assert!(second.as_ref().map_or(true, |reply| reply.status == 401), "{second:?}");
    }
    assert!(heard.is_silent());
    stage.end().await
}

#[tokio::test]
async fn slow_and_silent_visitors_are_let_go() -> Result<()> {
    let limits = PreviewLimits {
        handshake: Duration::from_millis(200),
        headers: Duration::from_millis(200),
        connections: 2,
        ..PreviewLimits::STANDARD
    };
    let stage = Stage::new(limits, None).await?;
    let _heard = stage.saying(HELLO).await?;
    let mut silent = stage.visitor().await?;
    let mut slow = stage.visitor().await?;
    slow.send("GET / HTTP/1.1\r\nHo").await?;
    // There is room for two; the third waits until one of them is let go.
    assert_eq!(stage.get("/", &stage.proof()).await?.status, 200);
    assert!(silent.is_closed().await);
    let mut half = stage.visitor().await?;
    half.send("PRI * HT").await?;
    assert!(half.is_closed().await, "half a preface is nobody's either");
    stage.end().await
}

#[tokio::test]
async fn a_giant_head_of_a_visitor_is_refused() -> Result<()> {
    let stage = Stage::plain().await?;
    let mut heard = stage.saying(HELLO).await?;
    let lines = format!("{}\nA: {}", stage.proof(), "x".repeat(200 << 10));
    // The visitor may be cut off while it still sends.
    let status = stage.get("/", &lines).await.map(|reply| reply.status);
    assert!(matches!(status, Ok(431) | Err(_)), "{status:?}");
    assert!(heard.is_silent());
    stage.end().await
}
