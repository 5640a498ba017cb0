//! Who gets in, and what everybody is told.

use std::sync::atomic::Ordering;

use anyhow::Result;
use infield_rest::Authentication;
use serde_json::{Value, json};

use super::client::Reply;
use super::server::{BUILD, Options, Server};

/// Asks over the network with these headers.
async fn ask(server: &Server, line: &str, headers: &str) -> Result<Reply> {
    let head = format!("{line} HTTP/1.1\nHost: 127.0.0.1\n{headers}");
    server.tcp().await?.ask(&head, "").await
}

#[tokio::test]
async fn health_needs_no_key_and_everything_else_does() -> Result<()> {
    let server = Server::plain().await?;
    let reply = ask(&server, "GET /api/health", "").await?;
    assert_eq!((reply.status, reply.json()), (200, json!({"status": "ok"})));
    for line in ["GET /v1/build", "GET /v1/sandboxes", "GET /nowhere", "GET /mcp", "GET /"] {
        let reply = ask(&server, line, "").await?;
        assert_eq!((reply.status, reply.error().0.as_str()), (401, "unauthenticated"), "{line}");
        assert_eq!(reply.header("www-authenticate"), Some("Bearer"));
    }
    for wrong in ["Bearer x", "Bearer", "Basic eDp5", "Bearer inf_0000", "bearer\u{a0}x", ""] {
        let reply = ask(&server, "GET /v1/build", &format!("Authorization: {wrong}")).await?;
        assert_eq!(reply.status, 401, "{wrong}");
    }
    let key = server.key("ci", &["read"]).await?;
    let reply = ask(&server, "GET /v1/build", &format!("Authorization: Bearer {key}")).await?;
    let build = json!({"version": "0.1.0", "build": BUILD, "pid": 7});
    assert_eq!((reply.status, reply.json()), (200, build));
    server.end().await
}

#[tokio::test]
async fn health_is_bad_until_sandboxes_can_be_made() -> Result<()> {
    let server = Server::plain().await?;
    server.healthy.store(false, Ordering::SeqCst);
    let reply = ask(&server, "GET /api/health", "").await?;
    assert_eq!((reply.status, reply.error().0.as_str()), (503, "unavailable"));
    server.healthy.store(true, Ordering::SeqCst);
    assert_eq!(ask(&server, "GET /api/health", "").await?.status, 200);
    server.end().await
}

#[tokio::test]
async fn a_key_does_what_it_may() -> Result<()> {
    let server = Server::plain().await?;
    let reader = format!("Authorization: Bearer {}", server.key("reader", &["read"]).await?);
    assert_eq!(ask(&server, "GET /v1/sandboxes", &reader).await?.status, 200);
    for line in ["POST /v1/sandboxes", "POST /v1/shutdown", "GET /v1/keys", "GET /v1/audit"] {
        let reply = ask(&server, line, &reader).await?;
        assert_eq!((reply.status, reply.error().0.as_str()), (403, "denied"), "{line}");
    }
    assert!(server.engine.is_ready(), "no key without `admin` ends the daemon");
    server.end().await
}

#[tokio::test]
async fn a_revoked_key_is_no_key() -> Result<()> {
    let server = Server::plain().await?;
    let key = format!("Authorization: Bearer {}", server.key("ci", &["read"]).await?);
    assert_eq!(ask(&server, "GET /v1/build", &key).await?.status, 200);
    server.good(200, ("DELETE", "/v1/keys/ci", Value::Null)).await?;
    assert_eq!(ask(&server, "GET /v1/build", &key).await?.status, 401);
    server.end().await
}

#[tokio::test]
async fn web_pages_get_nothing_even_without_keys() -> Result<()> {
    let open = Options { authentication: Authentication::None, ..Options::plain() };
    let server = Server::start(open).await?;
    assert_eq!(ask(&server, "GET /v1/sandboxes", "").await?.status, 200);
    let sends = |headers: &'static str| ask(&server, "POST /v1/prune", headers);
    assert_eq!(sends("Content-Type: application/json").await?.status, 200);
    for (headers, status) in [
        ("", 403),
        ("X-HTTP-Method-Override: GET", 403),
        ("Content-Type: text/plain", 400),
        ("Content-Type: application/x-www-form-urlencoded", 400),
        ("Content-Type: application/json\nOrigin: https://evil.example", 403),
        ("Content-Type: application/json\nOrigin: null", 403),
        ("Content-Type: application/json\nSec-Fetch-Site: cross-site", 403),
    ] {
        let reply = sends(headers).await?;
        assert_eq!(reply.status, status, "{headers}: {:?}", reply.error());
    }
    for path in ["/mcp", "/v1/sandboxes", "/api/health", "/nowhere"] {
        let head = format!("GET {path} HTTP/1.1\nHost: rebound.example");
        let reply = server.tcp().await?.ask(&head, "").await?;
        assert_eq!((reply.status, reply.error().0.as_str()), (403, "denied"), "{path}");
        let preflight = "Origin: https://tools.example\nAccess-Control-Request-Method: POST";
        let reply = ask(&server, &format!("OPTIONS {path}"), preflight).await?;
        assert_eq!(reply.status, 403, "{path}");
        assert!(reply.header("access-control-allow-origin").is_none());
    }
    server.end().await
}

#[tokio::test]
async fn get_never_becomes_another_method() -> Result<()> {
    let server = Server::plain().await?;
    let key = format!("Authorization: Bearer {}", server.key("k", &["read", "manage"]).await?);
    for name in ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"] {
        let reply =
            ask(&server, "GET /v1/prune?_method=POST", &format!("{key}\n{name}: POST")).await?;
        assert_eq!((reply.status, reply.header("allow")), (405, Some("POST")), "{name}");
    }
    server.end().await
}

#[tokio::test]
async fn no_auth_is_for_the_loopback_alone() -> Result<()> {
    use infield_rest::{Clients, Doors, Limits, Listeners, Settings, wire};
    let settings = Settings {
        build: wire::Build { version: String::new(), build: String::new(), pid: 0 },
        authentication: Authentication::None,
        allowed_hosts: Vec::new(),
        allowed_origins: Vec::new(),
        peer: std::sync::Arc::new(|_| Ok(infield_domain::Principal::operator("x"))),
        health: std::sync::Arc::new(|| Ok(())),
        clients: Clients::new(),
        limits: Limits::STANDARD,
    };
    let doors = Doors { engine: infield_testkit::open_engine().await?.engine, mcp: None, settings };
    let tcp = vec![tokio::net::TcpListener::bind("0.0.0.0:0").await?];
    let listeners = Listeners { unix: Vec::new(), tcp };
    let error = infield_rest::serve(listeners, doors, Default::default()).await;
    let error = error.expect_err("anybody could come in");
    assert!(error.message().contains("loopback"), "{error}");
    Ok(())
}

#[tokio::test]
async fn a_refused_peer_is_told_so() -> Result<()> {
    let server = Server::start(Options { refuse_peers: true, ..Options::plain() }).await?;
    let message = server.bad((403, "denied"), ("GET", "/v1/sandboxes", Value::Null)).await?;
    assert_eq!(message, "this socket is not for you");
    server.end().await
}

#[tokio::test]
async fn another_build_is_told_apart() -> Result<()> {
    let server = Server::plain().await?;
    let asks = async |line: &str| {
        let head = format!("{line} HTTP/1.1\nHost: x\nInfield-Build: build-6");
        server.unix().await?.ask(&head, "").await
    };
    let reply = asks("GET /v1/sandboxes").await?;
    assert_eq!((reply.status, reply.error().0.as_str()), (409, "conflict"));
    assert_eq!(reply.json()["error"]["code"], "build");
    assert_eq!(asks("GET /v1/build").await?.json()["build"], BUILD);
    assert_eq!(asks("GET /api/health").await?.status, 200);
    assert_eq!(asks("POST /v1/shutdown").await?.status, 200, "a newer command takes over");
    server.end().await
}

#[tokio::test]
async fn a_unix_client_names_itself() -> Result<()> {
    let server = Server::plain().await?;
    for (client, owner) in [("Infield-Client: claude-code", "claude-code"), ("", "operator")] {
        let head = format!(
            "POST /v1/keys HTTP/1.1\nHost: x\n{client}\nInfield-Request-Id: made-by-{owner}\n\
             Content-Type: application/json\nContent-Length: 14"
        );
        let body = json!({"name": &owner[..3]}).to_string();
        assert_eq!(server.unix().await?.ask(&head.replace("\n\n", "\n"), body).await?.status, 201);
    }
    let page = server.good(200, ("GET", "/v1/audit", Value::Null)).await?;
    let seen: Vec<_> = page["items"].as_array().expect("it is a list").iter().collect();
    assert_eq!(seen[0]["who"], "operator");
    assert_eq!(seen[0]["request_id"], "made-by-operator");
    assert_eq!(seen[1]["who"], "claude-code");
    for wrong in ["a\tb", "<script>", &"x".repeat(65)] {
        let head = format!("GET /v1/build HTTP/1.1\nHost: x\nInfield-Request-Id: {wrong}");
        let reply = server.unix().await?.ask(&head, "").await?;
        let id = reply.header("infield-request-id").expect("every answer has one");
        assert!(id != wrong && !id.is_empty());
    }
    server.end().await
}

#[tokio::test]
async fn unknown_routes_and_methods_are_explained() -> Result<()> {
    let server = Server::plain().await?;
    let reply = server.ask("GET", "/v1/sandboxs", Value::Null).await?;
    assert_eq!((reply.status, reply.error().0.as_str()), (404, "not_found"));
    assert_eq!(reply.json()["error"]["hint"], "did you mean `/v1/sandboxes`?");
    let reply = server.ask("PUT", "/v1/sandboxes", Value::Null).await?;
    assert_eq!(reply.status, 405);
    let allowed = reply.header("allow").expect("it says what is allowed");
    assert!(allowed.contains("GET") && allowed.contains("POST"), "{allowed}");
    let message = server.bad((404, "not_found"), ("GET", "/%1b%5b31m", Value::Null)).await?;
    assert!(!message.contains('\u{1b}'), "{message:?}");
    server.end().await
}

#[tokio::test]
async fn answers_are_not_kept_and_not_guessed_at() -> Result<()> {
    let server = Server::plain().await?;
    for target in ["/v1/sandboxes", "/nowhere", "/api/health"] {
        let reply = server.ask("GET", target, Value::Null).await?;
        assert_eq!(reply.header("cache-control"), Some("no-store"), "{target}");
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"), "{target}");
    }
    server.end().await
}

#[tokio::test]
async fn names_in_the_path_are_bounded_text() -> Result<()> {
    let server = Server::plain().await?;
    let call = ("GET", "/v1/sandboxes/%ff%fe", Value::Null);
    assert!(server.bad((400, "invalid"), call).await?.contains("UTF-8"));
    let long = format!("/v1/sandboxes/{}", "x".repeat(300));
    server.bad((400, "invalid"), ("GET", &long, Value::Null)).await?;
    let call = ("GET", "/v1/executions/..%2f..%2fetc", Value::Null);
    server.bad((400, "invalid"), call).await?;
    server.end().await
}
