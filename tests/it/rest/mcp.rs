//! Where the MCP door is reached, with a made-up one behind.

use std::convert::Infallible;
use std::sync::Arc;

use anyhow::Result;
use http_body_util::Full;
use infield_domain::Principal;
use infield_rest::{Mcp, PipeCall, mcp_service};
use infield_testkit::eventually;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::client::LIMIT;
use super::server::{Options, Server};

const SESSION: &str = "0123456789abcdef";

/// A door that says whom it sees, and pipes that say their name and then echo.
fn door() -> Mcp {
    let http = mcp_service(tower::service_fn(async |request: http::Request<_>| {
        let who = request.extensions().get::<Principal>();
        let text = who.map_or("nobody".to_owned(), |who| format!("{} asks", who.owner));
        Ok::<_, Infallible>(http::Response::new(Full::new(bytes::Bytes::from(text))))
    }));
    Mcp {
        http,
        plain: Arc::new(|who, message| {
            Box::pin(async move { json!({ "result": { "who": who.owner, "asks": message } }) })
        }),
        intent: Arc::new(|who, request| {
            Box::pin(async move { Ok(json!({ "who": who.owner, "asks": request.intent })) })
        }),
        pipe: Arc::new(|call| {
            let name = format!("pipe of {} with {:?}\n", call.who.owner, call.hello.folders);
            Box::pin(echo(name, call))
        }),
        folders: Arc::new(|call| Box::pin(echo("folders\n".to_owned(), call))),
    }
}

async fn echo<H>(name: String, mut call: PipeCall<H>) -> infield_domain::Result<()> {
    let mut page = [0; 100];
    let lost = |error| infield_domain::Error::unavailable("lost").with_source(error);
    call.io.write_all(name.as_bytes()).await.map_err(lost)?;
    loop {
        let count = tokio::select! {
            count = call.io.read(&mut page) => count.map_err(lost)?,
            () = call.shutdown.cancelled() => return Ok(()),
        };
        if count == 0 {
            return Ok(());
        }
        call.io.write_all(&page[..count]).await.map_err(lost)?;
    }
}

async fn server() -> Result<Server> {
    Server::start(Options { mcp: Some(door()), ..Options::plain() }).await
}

fn upgrade(target: &str, body: &str) -> String {
    format!(
        "POST {target} HTTP/1.1\nHost: x\nConnection: upgrade\nUpgrade: infield-stream\n\
         Infield-Client: claude\nContent-Type: application/json\nContent-Length: {}",
        body.len()
    )
}

#[tokio::test]
async fn the_door_sees_who_asks() -> Result<()> {
    let server = server().await?;
    let key = server.key("ci", &["read"]).await?;
    let head = format!("GET /mcp HTTP/1.1\nHost: localhost\nAuthorization: Bearer {key}");
    let reply = server.tcp().await?.ask(&head, "").await?;
    assert_eq!((reply.status, reply.body.as_slice()), (200, &b"ci asks"[..]));
    let head = "DELETE /mcp HTTP/1.1\nHost: x\nMcp-Session-Id: 1";
    assert_eq!(server.unix().await?.ask(head, "").await?.body, b"operator asks");
    server.end().await
}

#[tokio::test]
async fn pipes_carry_bytes_until_the_server_ends() -> Result<()> {
    let server = server().await?;
    let hello = json!({"session": SESSION, "folders": ["/home/me"]}).to_string();
    let body = json!({"session": SESSION}).to_string();
    for (target, body, greeting) in [
        ("/v1/mcp", hello, "pipe of claude with [\"/home/me\"]\nping"),
        ("/v1/mcp/folders", body, "folders\nping"),
    ] {
        let mut client = server.unix().await?;
        // What the client sends at once, behind the hello, is not lost.
        let reply = client.ask(&upgrade(target, &body), format!("{body}ping")).await?;
        assert_eq!(reply.status, 101, "{target}");
        let (mut seen, mut wire) = client.into_stream();
        while seen.len() < greeting.len() {
            let count = tokio::time::timeout(LIMIT, wire.read_buf(&mut seen)).await??;
            assert!(count > 0, "{target}: {}", seen.escape_ascii());
        }
        assert_eq!(String::from_utf8_lossy(&seen), greeting);
        assert_eq!(server.clients.open(), 1, "a pipe is a client");
        drop(wire);
        // The server learns of the end on its own time.
        eventually(LIMIT, "a pipe that ended is no client", || server.clients.open() == 0).await;
    }
    let mut client = server.unix().await?;
    let body = json!({"session": SESSION}).to_string();
    client.ask(&upgrade("/v1/mcp", &body), &body).await?;
    server.end().await
}

#[tokio::test]
async fn hellos_are_checked() -> Result<()> {
    let server = server().await?;
    for (body, part) in [
        (json!({"session": "short"}), "`session`"),
        (json!({"session": "../../../../../etc/passwd"}), "`session`"),
        (json!({}), "`session`"),
        (json!({"session": SESSION, "folder": []}), "`folder`"),
    ] {
        let body = body.to_string();
        let reply = server.unix().await?.ask(&upgrade("/v1/mcp", &body), &body).await?;
        let (kind, message) = reply.error();
        assert_eq!((reply.status, kind.as_str()), (400, "invalid"));
        assert!(message.contains(part), "{message}");
    }
    let plain = ("POST", "/v1/mcp", json!({"session": SESSION}));
    assert!(server.bad((400, "invalid"), plain).await?.contains("stream"));
    server.end().await
}

#[tokio::test]
async fn without_a_door_there_is_none() -> Result<()> {
    let server = Server::plain().await?;
    server.bad((404, "not_found"), ("GET", "/mcp", Value::Null)).await?;
    server.end().await
}
