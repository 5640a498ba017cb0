//! Who is let in, and what of it a server inside sees.

use anyhow::{Context, Result};
use infield_domain::SandboxId;
use infield_domain::preview::Access;
use serde_json::Value;

use super::stage::{HELLO, Stage};
use crate::rest::client::Reply;
use crate::rest::server::Server;

fn page(reply: &Reply) -> String {
    String::from_utf8_lossy(&reply.body).into_owned()
}

#[tokio::test]
async fn a_stranger_learns_nothing() -> Result<()> {
    let stage = Stage::plain().await?;
    let mut heard = stage.saying(HELLO).await?;
    let private = stage.get("/", "").await?;
    assert_eq!(private.status, 401);
    let other = SandboxId::from_random([9; 16]);
    let absent = format!("GET / HTTP/1.1\nHost: 3000-{other}.localhost\n{}", stage.proof());
    let absent = stage.visitor().await?.ask(&absent, "").await?;
    let wrong = stage.get("/", "X-Infield-Preview-Token: 00").await?;
    let unused = format!("GET / HTTP/1.1\nHost: {}\n{}", stage.host(3001), stage.proof());
    let unused = stage.visitor().await?.ask(&unused, "").await?;
    for reply in [&absent, &wrong, &unused] {
        assert_eq!((reply.status, &reply.body), (401, &private.body));
        let names =
            |reply: &Reply| reply.headers.iter().map(|(n, _)| n.clone()).collect::<Vec<_>>();
        assert_eq!(names(reply), names(&private));
    }
    assert!(!page(&private).contains("web") && private.header("location").is_none());
    for host in ["localhost", "127.0.0.1", "3000-web.localhost", "evil.example"] {
        let reply =
            stage.visitor().await?.ask(&format!("GET / HTTP/1.1\nHost: {host}"), "").await?;
        assert_eq!(reply.status, 404, "{host}");
    }
    let two = format!("GET / HTTP/1.1\nHost: {0}\nHost: {0}", stage.host(3000));
    assert_eq!(stage.visitor().await?.ask(&two, "").await?.status, 400);
    let tunnel = format!("CONNECT {0} HTTP/1.1\nHost: {0}\n{1}", stage.host(3000), stage.proof());
    assert_eq!(stage.visitor().await?.ask(&tunnel, "").await?.status, 405);
    assert!(heard.is_silent(), "nothing of it reached the server");
    stage.end().await
}

#[tokio::test]
async fn a_token_lets_in_and_is_taken_off() -> Result<()> {
    let stage = Stage::plain().await?;
    let mut heard = stage.saying(HELLO).await?;
    let lines = [
        stage.proof(),
        format!("X-Daytona-Preview-Token: {}", stage.token),
        "X-Forwarded-For: 6.6.6.6\nAuthorization: Bearer app\nCookie: a=1; infield-preview=x"
            .to_owned(),
    ];
    let path = format!("/p%20q?a=1&infield_preview_token={}&b=2", stage.token);
    let reply = stage.get(&path, &lines.join("\n")).await?;
    assert_eq!((reply.status, reply.body.as_slice()), (200, &b"hello"[..]));
    let head = heard.next().await?;
    assert!(head.starts_with("get /p%20q?a=1&b=2 http/1.1\r\n"), "{head}");
    assert!(!head.contains(&stage.token) && !head.contains("preview-token"), "{head}");
    assert!(head.contains("authorization: bearer app") && head.contains("cookie: a=1\r\n"));
    let host = stage.host(3000);
    assert!(head.contains(&format!("\r\nhost: {host}\r\n")), "{head}");
    assert!(head.contains(&format!("x-forwarded-host: {host}\r\n")), "{head}");
    assert!(head.contains("x-forwarded-for: 127.0.0.1\r\n") && !head.contains("6.6.6.6"));
    assert!(head.contains("x-forwarded-proto: http\r\n"), "{head}");
    stage.end().await
}

#[tokio::test]
async fn a_link_becomes_a_cookie_of_its_port_alone() -> Result<()> {
    let stage = Stage::plain().await?;
    let mut heard = stage.saying(HELLO).await?;
    let path = format!("/a?x=1&infield_preview_token={}", stage.token);
    let reply = stage.get(&path, "Accept: text/html").await?;
    assert_eq!(reply.status, 303);
    let place = format!("http://{}/a?x=1", stage.host(3000));
    assert_eq!(reply.header("location"), Some(place.as_str()));
    assert_eq!(reply.header("referrer-policy"), Some("no-referrer"));
    let cookie = reply.header("set-cookie").context("a cookie")?.to_owned();
    assert!(cookie.starts_with("infield-preview=") && !cookie.contains(&stage.token));
    assert!(cookie.contains("; HttpOnly") && cookie.contains("; SameSite=Lax"), "{cookie}");
    assert!(!cookie.to_lowercase().contains("domain"), "{cookie}");
    let kept = format!("Cookie: b=2; {}", cookie.split(';').next().context("a pair")?);
    assert_eq!(stage.get("/a?x=1", &kept).await?.status, 200);
    let head = heard.next().await?;
    assert!(head.contains("cookie: b=2\r\n") && !head.contains("infield-preview"), "{head}");
    let elsewhere = format!("GET / HTTP/1.1\nHost: {}\n{kept}", stage.host(3001));
    assert_eq!(stage.visitor().await?.ask(&elsewhere, "").await?.status, 401);
    // What another site's page has a browser send is not the visitor's wish.
    for foreign in [
        format!("Origin: http://{}", stage.host(3001)),
        "Origin: https://evil.example".to_owned(),
        "Origin: null".to_owned(),
        "Sec-Fetch-Site: same-site\nSec-Fetch-Mode: cors".to_owned(),
        "Sec-Fetch-Site: cross-site\nSec-Fetch-Mode: websocket".to_owned(),
    ] {
        assert_eq!(stage.get("/", &format!("{kept}\n{foreign}")).await?.status, 401, "{foreign}");
    }
    let followed = format!("{kept}\nSec-Fetch-Site: cross-site\nSec-Fetch-Mode: navigate");
    assert_eq!(stage.get("/", &followed).await?.status, 200);
    stage.expire().await?;
    assert_eq!(stage.get("/", &kept).await?.status, 401);
    stage.end().await
}

#[tokio::test]
async fn a_link_leads_nowhere_else() -> Result<()> {
    let stage = Stage::plain().await?;
    let path = format!("//evil.example/?infield_preview_token={}", stage.token);
    let reply = stage.get(&path, "Accept: text/html").await?;
    let place = format!("http://{}//evil.example/", stage.host(3000));
    assert_eq!((reply.status, reply.header("location")), (303, Some(place.as_str())));
    stage.end().await
}

#[tokio::test]
async fn a_public_port_is_open_and_leaves_no_cookie() -> Result<()> {
    let stage = Stage::plain().await?;
    let _heard = stage.saying(HELLO).await?;
    stage.set_access(Access::Public).await?;
    let reply = stage.get("/", "").await?;
    assert_eq!((reply.status, reply.header("set-cookie")), (200, None));
    stage.set_access(Access::Private).await?;
    assert_eq!(stage.get("/", "").await?.status, 401);
    stage.end().await
}

#[tokio::test]
async fn what_is_missing_is_said_on_a_plain_page() -> Result<()> {
    let stage = Stage::plain().await?;
    let nobody = stage.get("/", &stage.proof()).await?;
    assert_eq!((nobody.status, nobody.header("infield-preview-error")), (502, Some("not_found")));
    assert!(page(&nobody).contains("nothing listens on port 3000"), "{}", page(&nobody));
    stage.engine.stop_sandbox(&stage.who, "web").await?;
    let stopped = stage.get("/", &stage.proof()).await?;
    assert_eq!(stopped.status, 503);
    assert!(page(&stopped).contains("infield start web"), "{}", page(&stopped));
    assert!(stopped.header("location").is_none());
    stage.end().await
}

/// What opens a preview opens nothing of the API.
#[tokio::test]
async fn the_api_takes_no_cookie_and_no_preview_token() -> Result<()> {
    let server = Server::plain().await?;
    let _inside = server.sandbox("web").await?;
    let call = ("POST", "/v1/sandboxes/web/ports/3000/link", Value::Null);
    let made = server.good(200, call).await?;
    let token = made["token"].as_str().context("a token")?;
    for lines in [
        format!("Cookie: infield-preview={token}; __Host-infield-preview={token}"),
        format!("X-Infield-Preview-Token: {token}"),
        format!("Authorization: Bearer {token}"),
    ] {
        let head = format!("GET /v1/sandboxes HTTP/1.1\nHost: {}\n{lines}", server.address);
        let reply = server.tcp().await?.ask(&head, "").await?;
        assert_eq!(reply.status, 401, "{lines}");
        assert_eq!(reply.header("set-cookie"), None);
    }
    // Nor does the API answer under a preview's name.
    let id = made["sandbox_id"].as_str().context("an id")?;
    let head = format!("GET /api/health HTTP/1.1\nHost: 3000-{id}.localhost");
    assert_eq!(server.tcp().await?.ask(&head, "").await?.status, 403);
    server.end().await
}
