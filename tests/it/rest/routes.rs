//! Each route's success and its failures.

use anyhow::Result;
use serde_json::{Value, json};

use super::server::Server;

const NONE: Value = Value::Null;

#[tokio::test]
async fn a_sandbox_lives_and_goes() -> Result<()> {
    let server = Server::plain().await?;
    let wish = json!({
        "name": "web", "labels": {"team": "a"}, "environment": {"TOKEN": "s3cret"},
        "require": ["memory"], "request_key": "k3y",
    });
    let made = server.good(201, ("POST", "/v1/sandboxes", wish.clone())).await?;
    assert_eq!((&made["state"], &made["image"]), (&json!("running"), &json!("host")));
    assert_eq!(made["environment"], json!({"TOKEN": "***"}));
    let again = server.good(201, ("POST", "/v1/sandboxes", wish)).await?;
    assert_eq!(again["id"], made["id"], "the request key makes it repeatable");
    let taken = ("POST", "/v1/sandboxes", json!({"name": "web"}));
    let message = server.bad((409, "conflict"), taken).await?;
    assert!(message.contains(made["id"].as_str().unwrap_or("?")), "{message}");

    let id = made["id"].as_str().expect("it has one");
    for reference in ["web", id] {
        let one = format!("/v1/sandboxes/{reference}");
        assert_eq!(server.good(200, ("GET", &one, NONE)).await?["id"], made["id"]);
    }
    let all = server.good(200, ("GET", "/v1/sandboxes?labels=team=a&states=running", NONE)).await?;
    assert_eq!(all["items"].as_array().map(Vec::len), Some(1));
    let none = server.good(200, ("GET", "/v1/sandboxes?labels=team=b", NONE)).await?;
    assert_eq!(none, json!({"items": [], "next": null}));

    let seen = server.good(200, ("GET", "/v1/sandboxes/web/inspection", NONE)).await?;
    assert_eq!(seen["sandbox"]["environment"], json!({"TOKEN": "***"}));
    assert!(seen["deadlines"]["stops_at"].is_u64(), "{seen}");
    server.good(200, ("GET", "/v1/sandboxes/web/usage", NONE)).await?;
    let stopped = server.good(200, ("POST", "/v1/sandboxes/web/stop", NONE)).await?;
    assert_eq!(stopped["state"], "stopped");
    let started = server.good(200, ("POST", "/v1/sandboxes/web/start", NONE)).await?;
    assert_eq!(started["state"], "running");
    let gone = server.good(200, ("DELETE", "/v1/sandboxes/web", NONE)).await?;
    assert_eq!(gone["state"], "deleted");
    for call in [
        ("GET", "/v1/sandboxes/web", NONE),
        ("POST", "/v1/sandboxes/web/start", NONE),
        ("DELETE", "/v1/sandboxes/web", NONE),
        ("GET", "/v1/sandboxes/web/usage", NONE),
    ] {
        server.bad((404, "not_found"), call).await?;
    }
    server.end().await
}

#[tokio::test]
async fn a_list_goes_on_where_it_ended() -> Result<()> {
    let server = Server::plain().await?;
    for name in ["a", "b", "c"] {
        server.sandbox(name).await?;
    }
    let (mut names, mut target) = (Vec::new(), "/v1/sandboxes?limit=2".to_owned());
    loop {
        let page = server.good(200, ("GET", &target, NONE)).await?;
        names.extend(
            page["items"].as_array().into_iter().flatten().map(|item| item["name"].clone()),
        );
        let Some(next) = page["next"].as_str() else { break };
        target = format!("/v1/sandboxes?limit=2&cursor={next}");
    }
    names.sort_by_key(|name| name.to_string());
    assert_eq!(names, ["a", "b", "c"]);
    server.end().await
}

#[tokio::test]
async fn bad_wishes_are_refused_by_name() -> Result<()> {
    let server = Server::plain().await?;
    for (wish, kind, part) in [
        (json!({"name": "-x"}), (400, "invalid"), "`name`"),
        (json!({"image": "NO"}), (400, "invalid"), "`image`"),
        (json!({"image": "no/such"}), (404, "not_found"), "no/such"),
        (json!({"network": "all"}), (400, "invalid"), "`network`"),
        (json!({"allow": ["10.0.0.0/8"]}), (400, "invalid"), "not public"),
        (json!({"resources": {"pids": 1}}), (400, "invalid"), "`pids`"),
        (json!({"require": ["luck"]}), (400, "invalid"), "`luck`"),
        (json!({"labels": []}), (400, "invalid"), "labels"),
    ] {
        let message = server.bad(kind, ("POST", "/v1/sandboxes", wish)).await?;
        assert!(message.contains(part), "{message} lacks {part}");
    }
    let git = json!({"git_repo": "https://git.example/a.git", "network": "none"});
    let message = server.bad((501, "unsupported"), ("POST", "/v1/sandboxes", git)).await?;
    assert!(message.contains("network"), "{message}");
    let all = server.good(200, ("GET", "/v1/sandboxes", NONE)).await?;
    assert_eq!(all["items"], json!([]), "nothing is half made");
    server.end().await
}

#[tokio::test]
async fn an_execution_answers_and_is_remembered() -> Result<()> {
    let server = Server::plain().await?;
    server.sandbox("box").await?;
    let target = "/v1/sandboxes/box/executions";
    let code = json!({"code": "print('hi')\nexit 3", "language": "python"});
    let ran = server.good(200, ("POST", target, code)).await?;
    assert_eq!(ran["status"], "finished");
    assert_eq!(ran["stdout"], json!({"text": "hi\n", "total_bytes": 3, "truncated": false}));
    assert_eq!(ran["ending"]["exit_code"], 3);
    assert_eq!((&ran["sandbox_name"], &ran["temporary"]), (&json!("box"), &json!(false)));

    let id = ran["execution_id"].as_str().expect("it has one");
    let one = format!("/v1/executions/{id}");
    assert_eq!(server.good(200, ("GET", &one, NONE)).await?["execution"]["id"], id);
    let all = server.good(200, ("GET", target, NONE)).await?;
    assert_eq!(all["items"][0]["execution"]["id"], id);
    let part = format!("{one}/output?stream=stdout&offset=1&limit=1");
    let page = server.good(200, ("GET", &part, NONE)).await?;
    assert_eq!(page["content"], json!({"text": "i"}));
    assert_eq!((&page["next_offset"], &page["total"]), (&json!(2), &json!(3)));

    let two = json!({"code": "1", "command": "ls"});
    server.bad((400, "invalid"), ("POST", target, two)).await?;
    let terminal = json!({"command": "sh", "terminal": {"columns": 80, "rows": 24}});
    server.bad((400, "invalid"), ("POST", target, terminal)).await?;
    server.bad((404, "not_found"), ("GET", "/v1/executions/ex-0000000000000000", NONE)).await?;
    server.bad((400, "invalid"), ("GET", "/v1/executions/nonsense", NONE)).await?;
    let attach = format!("{one}/attach");
    let message = server.bad((400, "invalid"), ("POST", &attach, json!({}))).await?;
    assert!(message.contains("stream"), "{message}");
    server.end().await
}

#[tokio::test]
async fn a_long_execution_is_handed_over_and_stopped() -> Result<()> {
    let server = Server::plain().await?;
    let guest = server.sandbox("box").await?;
    for end in ["DELETE", "POST"] {
        let wish = json!({"argv": ["hang"], "foreground_ms": 0});
        let ran = server.good(200, ("POST", "/v1/sandboxes/box/executions", wish)).await?;
        assert_eq!((&ran["status"], &ran["ending"]), (&json!("running"), &NONE));
        let one = format!("/v1/executions/{}", ran["execution_id"].as_str().unwrap_or("?"));
        if end == "DELETE" {
            let ended = server.good(200, ("DELETE", &one, NONE)).await?;
            assert_eq!(ended["execution"]["ending"]["stopped_by"], "caller");
        } else {
            let signal = json!({"signal": "kill"});
            server.good(200, ("POST", &format!("{one}/signal"), signal)).await?;
            let target = format!("{one}/output?wait_ms=5000");
            let page = server.good(200, ("GET", &target, NONE)).await?;
            assert_eq!(page["execution"]["ending"]["exit_code"], 137);
        }
        assert!(!guest.is_busy());
    }
    server.end().await
}

#[tokio::test]
async fn one_run_brings_and_takes_its_sandbox() -> Result<()> {
    let server = Server::plain().await?;
    let wish = json!({"execution": {"command": "echo once"}, "sandbox": {"labels": {"a": "b"}}});
    let ran = server.good(200, ("POST", "/v1/run", wish)).await?;
    assert_eq!((&ran["stdout"]["text"], &ran["temporary"]), (&json!("once\n"), &json!(true)));
    let what = "the sandbox is gone";
    infield_testkit::eventually(super::client::LIMIT, what, || server.provider.count() == 0).await;
    server.end().await
}

#[tokio::test]
async fn git_answers_what_it_said() -> Result<()> {
    let server = Server::plain().await?;
    server.sandbox("box").await?;
    let none = json!({"network": "none"});
    let changed = server.good(200, ("PUT", "/v1/sandboxes/box/network", none)).await?;
    assert_eq!(changed["network"], "none");
    let target = "/v1/sandboxes/box/git";
    let status = server.good(200, ("POST", target, json!({"operation": {"status": {}}}))).await?;
    assert_eq!(status["success"], true);
    let clone = json!({"operation": {"clone": {"url": "https://git.example/a.git"}}});
    let message = server.bad((501, "unsupported"), ("POST", target, clone)).await?;
    assert!(message.contains("network"), "{message}");
    let unknown = json!({"operation": {"explode": {}}});
    server.bad((400, "invalid"), ("POST", target, unknown)).await?;
    server.end().await
}

#[tokio::test]
async fn images_come_and_go() -> Result<()> {
    let server = Server::plain().await?;
    let all = server.good(200, ("GET", "/v1/images", NONE)).await?;
    assert_eq!(all["items"][0]["name"], "host");
    let head = "PUT /v1/images/team%2Fbase HTTP/1.1\nHost: x\nContent-Type: application/x-tar\n\
                Content-Length: 1024";
    let reply = server.unix().await?.ask(head, [0; 1_024]).await?;
    assert_eq!((reply.status, &reply.json()["name"]), (201, &json!("team/base")));
    server.good(200, ("DELETE", "/v1/images/team%2Fbase", NONE)).await?;
    server.bad((404, "not_found"), ("DELETE", "/v1/images/team%2Fbase", NONE)).await?;
    server.bad((400, "invalid"), ("DELETE", "/v1/images/NO", NONE)).await?;
    server.end().await
}

#[tokio::test]
async fn keys_are_shown_once() -> Result<()> {
    let server = Server::plain().await?;
    let made = server.good(201, ("POST", "/v1/keys", json!({"name": "ci"}))).await?;
    let names: Vec<_> = made.as_object().expect("it is an object").keys().collect();
    assert_eq!(names, ["id", "name", "key"]);
    let page = server.good(200, ("GET", "/v1/keys", NONE)).await?;
    assert!(!page.to_string().contains(made["key"].as_str().expect("it is a text")));
    let permissions = json!(["read", "manage", "execute", "images", "secrets"]);
    assert_eq!(page["items"][0]["permissions"], permissions, "a plain key is no admin");
    server.bad((409, "conflict"), ("POST", "/v1/keys", json!({"name": "ci"}))).await?;
    let target = format!("/v1/keys/{}", made["id"].as_str().expect("it is a text"));
    server.good(200, ("DELETE", &target, NONE)).await?;
    server.bad((404, "not_found"), ("DELETE", &target, NONE)).await?;
    server.end().await
}

#[tokio::test]
async fn the_trail_is_read_and_whole() -> Result<()> {
    let server = Server::plain().await?;
    server.sandbox("box").await?;
    let page = server.good(200, ("GET", "/v1/audit?limit=1", NONE)).await?;
    assert_eq!(page["items"][0]["action"], "sandbox.create");
    assert_eq!(page["items"][0]["credential"], "socket");
    let verdict = server.good(200, ("GET", "/v1/audit/verify", NONE)).await?;
    assert_eq!(verdict["broken_at"], NONE);
    assert!(verdict["records"].as_u64() > Some(0));
    server.end().await
}

#[tokio::test]
async fn the_host_and_the_end() -> Result<()> {
    let server = Server::plain().await?;
    let host = server.good(200, ("GET", "/v1/host", NONE)).await?;
    assert!(host["checks"].is_array() && host["enforcement"].is_object(), "{host}");
    server.sandbox("box").await?;
    let pruned = server.good(200, ("POST", "/v1/prune", json!({}))).await?;
    assert_eq!(pruned["sandboxes"], json!([]), "what runs stays");
    let wrong = json!({"sandboxes": "burn"});
    server.bad((400, "invalid"), ("POST", "/v1/shutdown", wrong)).await?;
    let stop = json!({"sandboxes": "stop"});
    assert_eq!(server.good(200, ("POST", "/v1/shutdown", stop)).await?, json!({}));
    let limit = super::client::LIMIT;
    tokio::time::timeout(limit, server.engine.closed()).await?;
    server.end().await
}

#[tokio::test]
async fn causes_stay_in_the_log() -> Result<()> {
    use infield_domain::Kind;
    use infield_testkit::Operation;
    let server = Server::plain().await?;
    server.provider.fail_next(Operation::Create, Kind::Internal, "it broke");
    let reply = server.ask("POST", "/v1/sandboxes", json!({})).await?;
    let (kind, _) = reply.error();
    assert_eq!((reply.status, kind.as_str()), (500, "internal"));
    let text = String::from_utf8_lossy(&reply.body).into_owned();
    assert!(!text.contains("source") && !text.contains("/crates/"), "{text}");
    server.end().await
}
