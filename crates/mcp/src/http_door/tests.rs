//! The HTTP service over fakes: who is let in, and how long sessions live.

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use infield_domain::Principal;
use infield_testkit::{TestEngine, open_engine};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::{HttpDoor, HttpSettings, MOST_SESSIONS};
use crate::Defaults;

async fn door() -> (TestEngine, HttpDoor) {
    let behind = open_engine().await.expect("the fake engine opens");
    let settings = HttpSettings {
        defaults: Defaults::standard(),
        allowed_hosts: vec!["127.0.0.1".to_owned()],
        allowed_origins: vec!["https://tools.example:443".to_owned()],
        shutdown: CancellationToken::new(),
    };
    let door = HttpDoor::new(behind.engine.clone(), settings);
    (behind, door)
}

/// What is sent: who, more headers, and the message.
struct Sent<'a> {
    owner: Option<&'a str>,
    headers: &'a [(&'a str, &'a str)],
    message: Value,
}

async fn send(door: &HttpDoor, sent: Sent<'_>) -> (StatusCode, String, String) {
    let mut request = Request::post("/mcp")
        .header("host", "127.0.0.1:3986")
        .header("accept", "application/json, text/event-stream")
        .header("content-type", "application/json");
    for (name, value) in sent.headers {
        request = request.header(*name, *value);
    }
    let body = Full::new(Bytes::from(sent.message.to_string()));
    let mut request = request.body(body).expect("a request");
    if let Some(owner) = sent.owner {
        let principal = Principal { sees_all: false, ..Principal::operator(owner) };
        request.extensions_mut().insert(principal);
    }
    let answer = door.clone().oneshot(request).await.expect("the service does not fail");
    let session = answer.headers().get("mcp-session-id");
    let session = session.map(|id| id.to_str().expect("a text").to_owned()).unwrap_or_default();
    let status = answer.status();
    let body = answer.into_body().collect().await.expect("a body").to_bytes();
    (status, session, String::from_utf8_lossy(&body).into_owned())
}

fn initialize() -> Value {
    json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"}
    }})
}

fn list() -> Value {
    json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {
        "name": "list_sandboxes", "arguments": {}
    }})
}

#[tokio::test]
async fn nobody_is_let_in_without_a_principal() {
    let (_behind, door) = door().await;
    let sent = Sent { owner: None, headers: &[], message: initialize() };
    let (status, session, body) = send(&door, sent).await;
    assert_eq!((status, session.as_str()), (StatusCode::UNAUTHORIZED, ""), "{body}");
}

#[tokio::test]
async fn a_session_belongs_to_its_owner() {
    let (_behind, door) = door().await;
    let opening = Sent { owner: Some("one"), headers: &[], message: initialize() };
    let (status, session, body) = send(&door, opening).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    assert!(!session.is_empty(), "{body}");
    let headers = [("mcp-session-id", session.as_str()), ("mcp-protocol-version", "2025-11-25")];
    let own = Sent { owner: Some("one"), headers: &headers, message: list() };
    let (status, _, body) = send(&door, own).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    assert!(body.contains("count"), "{body}");
    let foreign = Sent { owner: Some("two"), headers: &headers, message: list() };
    assert_eq!(send(&door, foreign).await.0, StatusCode::NOT_FOUND);
    let invented = [("mcp-session-id", "invented")];
    let invented = Sent { owner: Some("one"), headers: &invented, message: list() };
    assert_eq!(send(&door, invented).await.0, StatusCode::NOT_FOUND);
}

async fn check_origin(headers: &[(&str, &str)], expected: StatusCode) {
    let (_behind, door) = door().await;
    let (status, _, body) =
        send(&door, Sent { owner: Some("one"), headers, message: initialize() }).await;
    assert_eq!(status, expected, "{headers:?}: {body}");
}

#[tokio::test]
async fn pages_of_strangers_are_kept_out() {
    let (yes, no) = (StatusCode::OK, StatusCode::FORBIDDEN);
    check_origin(&[("origin", "http://evil.example")], no).await;
    check_origin(&[("origin", "null")], no).await;
    check_origin(&[("origin", "http://127.0.0.1:4000")], no).await;
    check_origin(&[("origin", "http://127.0.0.1:3986")], yes).await;
    check_origin(&[("origin", "https://tools.example")], yes).await;
    check_origin(&[("origin", "http://127.0.0.1:3986"), ("origin", "http://evil.example")], no)
        .await;
}

#[tokio::test]
async fn sessions_are_bounded_and_the_oldest_gives_way() {
    let (_behind, door) = door().await;
    let mut first = String::new();
    for number in 0..=MOST_SESSIONS {
        let opening = Sent { owner: Some("one"), headers: &[], message: initialize() };
        let (status, session, body) = send(&door, opening).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        if number == 0 {
            first = session;
        }
    }
    assert_eq!(door.manager.sessions.read().await.len(), MOST_SESSIONS);
    let headers = [("mcp-session-id", first.as_str()), ("mcp-protocol-version", "2025-11-25")];
    let late = Sent { owner: Some("one"), headers: &headers, message: list() };
    assert_eq!(send(&door, late).await.0, StatusCode::NOT_FOUND);
}
