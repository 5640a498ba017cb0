//! The routes about ports.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::stage::port;
use crate::rest::server::{BUILD, Server};

#[tokio::test]
async fn ports_are_listed_opened_and_linked_to() -> Result<()> {
    let server = Server::plain().await?;
    let inside = server.sandbox("web").await?;
    inside.open_port(port(3000), "127.0.0.1:9".parse()?);
    let listed = server.good(200, ("GET", "/v1/sandboxes/web/ports", Value::Null)).await?;
    let expected = json!({"port": 3000, "access": "private", "listening": true, "url": null});
    for (name, value) in expected.as_object().context("an object")? {
        assert_eq!(&listed["items"][0][name], value, "{name}");
    }
    let place = "/v1/sandboxes/web/ports/8080";
    let opened = server.good(200, ("PUT", place, json!({"access": "public"}))).await?;
    assert_eq!((&opened["port"], &opened["access"]), (&json!(8080), &json!("public")));
    let listed = server.good(200, ("GET", "/v1/sandboxes/web/ports", Value::Null)).await?;
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(2));
    let call = ("POST", "/v1/sandboxes/web/ports/8080/link", json!({"expires_in_ms": 60_000}));
    let made = server.good(200, call).await?;
    assert!(made["expires_at"].is_u64() && made["token"].is_string(), "{made}");
    server.good(200, ("POST", "/v1/sandboxes/web/ports/8080/expire", Value::Null)).await?;
    for (status, kind, call) in [
        (400, "invalid", ("PUT", "/v1/sandboxes/web/ports/0", json!({"access": "public"}))),
        (400, "invalid", ("PUT", "/v1/sandboxes/web/ports/x", json!({"access": "public"}))),
        (400, "invalid", ("PUT", place, json!({"access": "open"}))),
        (404, "not_found", ("POST", "/v1/sandboxes/no/ports/1/link", Value::Null)),
    ] {
        server.bad((status, kind), call).await?;
    }
    server.end().await
}

#[tokio::test]
async fn a_connection_leads_to_a_port() -> Result<()> {
    let server = Server::plain().await?;
    let inside = server.sandbox("web").await?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    inside.open_port(port(5432), listener.local_addr()?);
    let head = format!(
        "POST /v1/sandboxes/web/ports/5432/connect HTTP/1.1\nHost: infield\nInfield-Build: {BUILD}\n\
         Content-Type: application/json\nContent-Length: 2\nConnection: upgrade\n\
         Upgrade: infield-stream"
    );
    let mut client = server.unix().await?;
    assert_eq!(client.ask(&head, "{}").await?.status, 101);
    let (mut there, _) = listener.accept().await?;
    let (ahead, mut wire) = client.into_stream();
    assert!(ahead.is_empty());
    wire.write_all(b"ping").await?;
    wire.shutdown().await?;
    let mut heard = Vec::new();
    there.read_to_end(&mut heard).await?;
    assert_eq!(heard, b"ping", "the body of the request is no part of it");
    there.write_all(b"pong").await?;
    drop(there);
    heard.clear();
    wire.read_to_end(&mut heard).await?;
    assert_eq!(heard, b"pong", "each way has its own end");
    let missing = head.replace("5432", "5433");
    assert_eq!(server.unix().await?.ask(&missing, "{}").await?.status, 404);
    server.end().await
}
