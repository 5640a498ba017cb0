//! Files and trees, as they are.

use anyhow::Result;
use infield_rest::Limits;
use serde_json::{Value, json};

use super::client::Reply;
use super::server::{Options, Server};

const FILE: &str = "/v1/sandboxes/box/file?path=";

async fn read(server: &Server, path: &str, range: &str) -> Result<Reply> {
    let head = format!("GET {FILE}{path} HTTP/1.1\nHost: x\n{range}");
    server.unix().await?.ask(&head, "").await
}

async fn put(server: &Server, target: &str, body: &[u8]) -> Result<Reply> {
    let head = format!(
        "PUT {target} HTTP/1.1\nHost: x\nContent-Type: application/octet-stream\nContent-Length: {}",
        body.len()
    );
    server.unix().await?.ask(&head, body).await
}

#[tokio::test]
async fn bytes_go_in_and_out_unchanged() -> Result<()> {
    let server = Server::plain().await?;
    let guest = server.sandbox("box").await?;
    let content: Vec<u8> = (0..=255).cycle().take(300_000).collect();
    let reply = put(&server, &format!("{FILE}deep/a.bin&permissions=755"), &content).await?;
    assert_eq!((reply.status, &reply.json()["size"]), (200, &json!(300_000)));
    assert_eq!(guest.file("deep/a.bin").as_ref(), Some(&content));
    let reply = read(&server, "deep/a.bin", "").await?;
    assert!(reply.body == content);
    assert_eq!(reply.header("content-type"), Some("application/octet-stream"));
    assert_eq!(reply.header("content-disposition"), Some("attachment"));
    assert_eq!(reply.header("infield-file-mode"), Some("644"));
    let head = format!("HEAD {FILE}deep/a.bin HTTP/1.1\nHost: x");
    let mut client = server.unix().await?;
    client.send(format!("{}\r\n\r\n", head.replace('\n', "\r\n"))).await?;
    assert_eq!(client.read_head().await?.header("content-length"), Some("300000"));
    server.end().await
}

#[tokio::test]
async fn ranges_are_heeded() -> Result<()> {
    let server = Server::plain().await?;
    server.sandbox("box").await?.put_file("t", b"0123456789");
    for (range, status, body, shown) in [
        ("bytes=2-4", 206, "234", Some("bytes 2-4/10")),
        ("bytes=7-", 206, "789", Some("bytes 7-9/10")),
        ("bytes=7-99", 206, "789", Some("bytes 7-9/10")),
        ("bytes=-3", 200, "0123456789", None),
        ("bytes=0-1,3-4", 200, "0123456789", None),
    ] {
        let reply = read(&server, "t", &format!("Range: {range}")).await?;
        let text = String::from_utf8_lossy(&reply.body).into_owned();
        assert_eq!((reply.status, text.as_str()), (status, body), "{range}");
        assert_eq!(reply.header("content-range"), shown, "{range}");
    }
    let reply = read(&server, "t", "Range: bytes=10-").await?;
    assert_eq!((reply.status, reply.error().0.as_str()), (416, "invalid"));
    assert_eq!(reply.header("content-range"), Some("bytes */10"));
    server.end().await
}

#[tokio::test]
async fn writes_say_how() -> Result<()> {
    let server = Server::plain().await?;
    let guest = server.sandbox("box").await?;
    for (mode, status) in [("new", 200), ("new", 409), ("append", 200), ("replace", 200)] {
        let reply = put(&server, &format!("{FILE}f&mode={mode}"), b"ab").await?;
        assert_eq!(reply.status, status, "{mode}");
        if mode == "append" {
            assert_eq!(guest.file("f"), Some(b"abab".to_vec()));
        }
    }
    assert_eq!(guest.file("f"), Some(b"ab".to_vec()));
    assert_eq!(put(&server, &format!("{FILE}f&mode=burn"), b"").await?.status, 400);
    assert_eq!(put(&server, &format!("{FILE}f&permissions=4755"), b"").await?.status, 400);
    assert_eq!(put(&server, "/v1/sandboxes/none/file?path=f", b"").await?.status, 404);
    assert_eq!(put(&server, "/v1/sandboxes/box/file", b"").await?.error().0, "invalid");
    server.end().await
}

#[tokio::test]
async fn an_upload_that_is_too_large_leaves_nothing() -> Result<()> {
    let limits = Limits { upload_bytes: 1_000, ..Limits::STANDARD };
    let server = Server::start(Options { limits, ..Options::plain() }).await?;
    let guest = server.sandbox("box").await?;
    // Large enough that no buffer takes it: the client must get to the answer all the same.
    let reply = put(&server, &format!("{FILE}f"), &[7; 5_000_000]).await?;
    assert_eq!((reply.status, reply.error().0.as_str()), (400, "invalid"));
    assert_eq!(guest.file("f"), None);
    server.end().await
}

#[tokio::test]
async fn an_upload_that_breaks_off_leaves_nothing() -> Result<()> {
    let server = Server::plain().await?;
    let guest = server.sandbox("box").await?;
    let mut client = server.unix().await?;
    let head = format!(
        "PUT {FILE}f HTTP/1.1\r\nHost: x\r\nContent-Type: application/octet-stream\r\n\
         Content-Length: 100\r\n\r\nhalf"
    );
    client.send(head).await?;
    drop(client);
    let gone = || server.clients.absent_for().is_some();
    infield_testkit::eventually(super::client::LIMIT, "the client is gone", gone).await;
    assert_eq!(guest.file("f"), None);
    server.end().await
}

#[tokio::test]
async fn trees_go_out_and_in() -> Result<()> {
    let server = Server::plain().await?;
    let guest = server.sandbox("box").await?;
    guest.put_file("src/a", b"A");
    guest.put_file("src/b/c", b"C");
    let head = "GET /v1/sandboxes/box/tree?path=src HTTP/1.1\nHost: x";
    let tree = server.unix().await?.ask(head, "").await?;
    assert_eq!((tree.status, tree.header("content-type")), (200, Some("application/x-tar")));
    let reply = put(&server, "/v1/sandboxes/box/tree?path=copy", &tree.body).await?;
    assert_eq!((reply.status, reply.json()), (200, json!({"entries": 4})));
    assert_eq!(guest.file("copy/src/b/c"), Some(b"C".to_vec()));
    let head = "GET /v1/sandboxes/box/tree?path=none HTTP/1.1\nHost: x";
    assert_eq!(server.unix().await?.ask(head, "").await?.error().0, "not_found");
    server.end().await
}

#[tokio::test]
async fn folders_are_worked_with() -> Result<()> {
    let server = Server::plain().await?;
    let guest = server.sandbox("box").await?;
    guest.put_file("a.py", b"one\ntwo\n");
    let does = async |what: &str, body: Value| {
        let target = format!("/v1/sandboxes/box/files/{what}");
        server.good(200, ("POST", &target, body)).await
    };
    does("mkdir", json!({"path": "deep/er"})).await?;
    let all = does("list", json!({"depth": 2})).await?;
    assert_eq!(all["entries"].as_array().map(Vec::len), Some(3), "{all}");
    assert_eq!(does("list", json!({"limit": 1})).await?["truncated"], true);
    assert_eq!(does("stat", json!({"path": "a.py"})).await?["kind"], "file");
    let edit = json!({"path": "a.py", "old": "two", "new": "2"});
    assert_eq!(does("edit", edit.clone()).await?, json!({"replaced": 1}));
    let found = does("search", json!({"content": "2", "name": "*.py"})).await?;
    assert_eq!(found["entries"], json!([{"path": "a.py", "line": 2, "text": "2"}]));
    does("move", json!({"from": "a.py", "to": "b.py"})).await?;
    let target = "/v1/sandboxes/box/files/edit";
    server.bad((404, "not_found"), ("POST", target, edit)).await?;
    let target = "/v1/sandboxes/box/files/search";
    server.bad((400, "invalid"), ("POST", target, json!({}))).await?;
    let target = format!("{FILE}deep");
    server.bad((409, "conflict"), ("DELETE", &target, Value::Null)).await?;
    let target = format!("{FILE}deep&recursive=true");
    server.good(200, ("DELETE", &target, Value::Null)).await?;
    server.end().await
}
