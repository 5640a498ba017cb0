//! What visitors and servers may speak: streams, other protocols, HTTP/2 and TLS.

use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use infield_rest::{PreviewLimits, PreviewTls};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::stage::{HELLO, Stage, read_head};

#[tokio::test]
async fn events_come_one_by_one() -> Result<()> {
    let stage = Stage::plain().await?;
    let mut connections = stage.open().await?;
    let mut visitor = stage.visitor().await?;
    let head = format!("GET / HTTP/1.1\r\nHost: {}\r\n{}\r\n\r\n", stage.host(3000), stage.proof());
    visitor.send(head).await?;
    let mut inside = connections.recv().await.context("a connection")?;
    read_head(&mut inside).await;
    let start = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n";
    inside.write_all(start.as_bytes()).await?;
    let reply = visitor.read_head().await?;
    assert_eq!(reply.header("content-type"), Some("text/event-stream"));
    let (ahead, mut wire) = visitor.into_stream();
    let mut heard = String::from_utf8(ahead)?;
    for number in 1..4 {
        let event = format!("data: {number}\n\n");
        while !heard.contains(&event) {
            let mut page = [0; 256];
            let count = wire.read(&mut page).await?;
            ensure!(count > 0, "the stream ended at {heard}");
            heard.push_str(std::str::from_utf8(&page[..count])?);
        }
        inside.write_all(format!("data: {}\n\n", number + 1).as_bytes()).await?;
    }
    drop(inside);
    stage.end().await
}

#[tokio::test]
async fn a_connection_that_switches_is_bytes_both_ways() -> Result<()> {
    let stage = Stage::plain().await?;
    let mut connections = stage.open().await?;
    let mut visitor = stage.visitor().await?;
    // As clients that can set no header do it; nobody is sent on.
    let head = format!(
        "GET /ws?infield_preview_token={} HTTP/1.1\r\nHost: {}\r\nConnection: keep-alive, Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Key: k\r\nSec-WebSocket-Protocol: p\r\n\r\n",
        stage.token,
        stage.host(3000)
    );
    visitor.send(head).await?;
    let mut inside = connections.recv().await.context("a connection")?;
    let head = read_head(&mut inside).await;
    assert!(head.starts_with("get /ws http/1.1\r\n"), "{head}");
    for line in ["connection: upgrade\r\n", "upgrade: websocket\r\n", "sec-websocket-key: k\r\n"] {
        assert!(head.contains(line), "{head}");
    }
    let answer = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n\
                  Sec-WebSocket-Accept: a\r\n\r\nhello";
    inside.write_all(answer.as_bytes()).await?;
    let reply = visitor.read_head().await?;
    assert_eq!((reply.status, reply.header("sec-websocket-accept")), (101, Some("a")));
    let (ahead, mut wire) = visitor.into_stream();
    let mut heard = ahead;
    while heard.len() < 5 {
        heard.push(wire.read_u8().await?);
    }
    assert_eq!(heard, b"hello");
    let large = vec![7; 1 << 20];
    let (sent, received) = tokio::join!(wire.write_all(&large), async {
        let mut all = vec![0; large.len()];
        inside.read_exact(&mut all).await.map(|_| all)
    });
    sent?;
    assert!(received? == large);
    stage.expire().await?;
    let mut end = [0];
    assert!(matches!(inside.read(&mut end).await, Ok(0) | Err(_)), "an ended link cuts it");
    stage.end().await
}

/// Runs curl, which must succeed, and gives what it says: the version and the body.
async fn curl(stage: &Stage, scheme: &str, options: &[&str]) -> Result<String> {
    let host = stage.host(3000);
    let (name, port) = host.split_once(':').context("a port")?;
    let output = tokio::process::Command::new("curl")
        .args(["--silent", "--show-error", "--max-time", "20"])
        .args(["--resolve", &format!("{name}:{port}:127.0.0.1")])
        .args(["--header", &stage.proof(), "--write-out", " %{http_version} %{http_code}"])
        .args(options)
        .arg(format!("{scheme}://{host}/"))
        .stdin(Stdio::null())
        .output()
        .await?;
    ensure!(output.status.success(), "curl: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

#[tokio::test]
async fn visitors_speak_http2_with_prior_knowledge() -> Result<()> {
    let stage = Stage::plain().await?;
    let mut heard = stage.saying(HELLO).await?;
    assert_eq!(curl(&stage, "http", &["--http2-prior-knowledge"]).await?, "hello 2 200");
    let head = heard.next().await?;
    assert!(head.contains(&format!("\r\nhost: {}\r\n", stage.host(3000))), "{head}");
    let posted = ["--http2-prior-knowledge", "--data", "name=value", "--header", "Cookie: a=1"];
    assert_eq!(curl(&stage, "http", &posted).await?, "hello 2 200");
    let head = heard.next().await?;
    assert!(head.contains("cookie: a=1") && head.contains("content-length: 10"), "{head}");
    assert_eq!(curl(&stage, "http", &["--http1.1"]).await?, "hello 1.1 200");
    stage.end().await
}

/// A server that has seen enough says so while the rest is still on its way.
#[tokio::test]
async fn an_answer_before_the_end_of_a_request_arrives_whole() -> Result<()> {
    let stage = Stage::plain().await?;
    let answer = "HTTP/1.1 413 Too Large\r\nContent-Length: 4\r\nConnection: close\r\n\r\nmuch";
    let _heard = stage.saying(answer).await?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("large");
    std::fs::write(&file, vec![b'x'; 4 << 20])?;
    let upload = format!("@{}", file.display());
    let options = ["--http2-prior-knowledge", "--data-binary", &upload];
    assert_eq!(curl(&stage, "http", &options).await?, "much 2 413");
    stage.end().await
}

/// A certificate that signs itself, and its key.
async fn certificate() -> Result<PreviewTls> {
    let folder = tempfile::tempdir()?;
    let [key, chain] = ["key", "chain"].map(|name| folder.path().join(name));
    let made = tokio::process::Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"])
        .args(["-nodes", "-days", "2", "-subj", "/CN=localhost"])
        .args(["-addext", "subjectAltName=DNS:*.localhost"])
        .arg("-keyout")
        .arg(&key)
        .arg("-out")
        .arg(&chain)
        .output()
        .await?;
    ensure!(made.status.success(), "openssl: {}", String::from_utf8_lossy(&made.stderr));
    Ok(PreviewTls::new(&std::fs::read(chain)?, &std::fs::read(key)?)?)
}

#[tokio::test]
async fn visitors_speak_either_over_tls() -> Result<()> {
    let stage = Stage::new(PreviewLimits::STANDARD, Some(certificate().await?)).await?;
    let mut heard = stage.saying(HELLO).await?;
    assert_eq!(curl(&stage, "https", &["--insecure"]).await?, "hello 2 200");
    let head = heard.next().await?;
    assert!(head.contains("x-forwarded-proto: https\r\n"), "{head}");
    let one = ["--insecure", "--http1.1"];
    assert_eq!(curl(&stage, "https", &one).await?, "hello 1.1 200");
    // A person who follows a link gets the cookie that only TLS can have.
    let host = stage.host(3000);
    let (name, port) = host.split_once(':').context("a port")?;
    let output = tokio::process::Command::new("curl")
        .args(["--silent", "--insecure", "--max-time", "20", "--dump-header", "-"])
        .args(["--resolve", &format!("{name}:{port}:127.0.0.1"), "--header", "Accept: text/html"])
        .arg(format!("https://{host}/?infield_preview_token={}", stage.token))
        .output()
        .await?;
    let head = String::from_utf8(output.stdout)?;
    assert!(head.contains("set-cookie: __Host-infield-preview="), "{head}");
    assert!(head.contains("; Secure") && head.contains(&format!("location: https://{host}/")));
    stage.end().await
}
