//! What anybody can cost.

use std::time::Duration;

use anyhow::{Context, Result};
use infield_rest::Limits;
use infield_testkit::eventually;
use serde_json::{Value, json};

use super::client::LIMIT;
use super::server::{Options, Server};

async fn with(limits: Limits) -> Result<Server> {
    Server::start(Options { limits, ..Options::plain() }).await
}

#[tokio::test]
async fn malformed_bodies_are_explained() -> Result<()> {
    let server = Server::plain().await?;
    let wrong = json!({"nmae": "x"});
    let reply = server.ask("POST", "/v1/sandboxes", wrong).await?;
    assert_eq!(reply.json()["error"]["hint"], "did you mean `name`?");
    let wrong = json!({"resources": {"pids": "many"}});
    let message = server.bad((400, "invalid"), ("POST", "/v1/sandboxes", wrong)).await?;
    assert!(message.contains("resources.pids"), "{message}");
    let target = "/v1/sandboxes?limti=3";
    let reply = server.ask("GET", target, Value::Null).await?;
    assert_eq!(
        (reply.status, &reply.json()["error"]["hint"]),
        (400, &json!("did you mean `limit`?"))
    );
    server.end().await
}

#[tokio::test]
async fn a_large_body_is_refused_before_it_is_read() -> Result<()> {
    let server = with(Limits { json_bytes: 1_000, ..Limits::STANDARD }).await?;
    let wish = json!({"name": "x".repeat(2_000)});
    let message = server.bad((400, "invalid"), ("POST", "/v1/sandboxes", wish)).await?;
    assert!(message.contains("1000 bytes"), "{message}");
    server.end().await
}

#[tokio::test]
async fn slow_headers_and_idle_connections_end() -> Result<()> {
    let server = with(Limits { headers: Duration::from_millis(200), ..Limits::STANDARD }).await?;
    let mut half = server.tcp().await?;
    half.send("GET /api/health HTTP/1.1\r\nHost: lo").await?;
    let mut silent = server.tcp().await?;
    let mut idle = server.unix().await?;
    assert_eq!(idle.ask("GET /api/health HTTP/1.1\nHost: x", "").await?.status, 200);
    assert!(silent.is_closed().await && idle.is_closed().await);
    // A half request may be answered 408 before the end; what counts is the end.
    eventually(LIMIT, "all are gone", || server.clients.open() == 0).await;
    drop(half);
    server.end().await
}

#[tokio::test]
async fn a_body_that_stalls_ends() -> Result<()> {
    let server =
        with(Limits { body_stall: Duration::from_millis(100), ..Limits::STANDARD }).await?;
    let head =
        "POST /v1/prune HTTP/1.1\nHost: x\nContent-Type: application/json\nContent-Length: 9";
    let reply = server.unix().await?.ask(head, "{").await?;
    assert_eq!((reply.status, reply.error().0.as_str()), (504, "timeout"));
    server.end().await
}

#[tokio::test]
async fn a_reader_that_stops_is_cut_off() -> Result<()> {
    let server =
        with(Limits { write_stall: Duration::from_millis(100), ..Limits::STANDARD }).await?;
    let key = server.key("reader", &["read", "manage"]).await?;
    let keyed =
        |line: &str| format!("{line} HTTP/1.1\nHost: localhost\nAuthorization: Bearer {key}");
    let wish = json!({"name": "web"}).to_string();
    let kind = format!("Content-Type: application/json\nContent-Length: {}", wish.len());
    let make = format!("{}\n{kind}", keyed("POST /v1/sandboxes"));
    let made = server.tcp().await?.ask(&make, wish).await?.json();
    let id = made["id"].as_str().context("it has an id")?.parse()?;
    let inside = server.provider.inside(&id).context("it runs")?;
    // More than any pipe on the way holds.
    inside.put_file("/workspace/large", &vec![0; 32 << 20]);
    let mut client = server.tcp().await?;
    let head = keyed("GET /toolbox/web/files/download?path=large").replace('\n', "\r\n");
    client.send(format!("{head}\r\n\r\n")).await?;
    let head = client.read_head().await?;
    assert_eq!((head.status, head.header("content-length")), (200, Some("33554432")));
    eventually(LIMIT, "it is cut off", || server.clients.open() == 0).await;
    server.end().await
}

#[tokio::test]
async fn strangers_do_not_lock_the_operator_out() -> Result<()> {
    let server = with(Limits { tcp_connections: 2, ..Limits::STANDARD }).await?;
    let crowd = [server.tcp().await?, server.tcp().await?];
    eventually(LIMIT, "two are in", || server.clients.open() == 2).await;
    let mut waiting = server.tcp().await?;
    waiting.send("GET /api/health HTTP/1.1\r\nHost: localhost\r\n\r\n").await?;
    assert_eq!(server.ask("GET", "/v1/build", Value::Null).await?.status, 200);
    // The operator has left again, and the third stranger has still not come in.
    eventually(LIMIT, "still two are in", || server.clients.open() == 2).await;
    drop(crowd);
    assert_eq!(waiting.reply().await?.status, 200, "until there is room");
    server.end().await
}

#[tokio::test]
async fn clients_are_counted() -> Result<()> {
    let server = Server::plain().await?;
    assert!(server.clients.absent_for().is_some());
    let client = server.unix().await?;
    eventually(LIMIT, "it is in", || server.clients.open() == 1).await;
    assert!(server.clients.absent_for().is_none());
    drop(client);
    eventually(LIMIT, "it is gone", || server.clients.absent_for().is_some()).await;
    server.end().await
}

#[tokio::test]
async fn the_end_closes_idle_connections() -> Result<()> {
    let server = Server::plain().await?;
    let mut idle = server.tcp().await?;
    assert_eq!(idle.ask("GET /api/health HTTP/1.1\nHost: localhost", "").await?.status, 200);
    server.end().await?;
    assert!(idle.is_closed().await);
    Ok(())
}
