//! Each tool's happy path and its failures, in both eras.

use std::sync::{Arc, Mutex};

use futures_core::future::BoxFuture;
use infield_domain::guest::ByteStream;
use infield_domain::{Error, Result};
use serde_json::{Value, json};

use super::clients::{ERAS, Era, Talk, Wanted, call, talk};
use crate::Folders;

async fn modern() -> Talk {
    talk(Wanted::plain(Era::Modern)).await
}

#[tokio::test]
async fn both_eras_show_the_same_tools() {
    let mut lists = Vec::new();
    for era in ERAS {
        let talk = talk(Wanted::plain(era)).await;
        lists.push(talk.client.list_all_tools().await.expect("the list"));
    }
    assert_eq!(lists[0].len(), 10);
    assert_eq!(lists[0], lists[1]);
}

#[tokio::test]
async fn the_instructions_are_short_and_say_whose_word_output_is() {
    for era in ERAS {
        let talk = talk(Wanted::plain(era)).await;
        let info = talk.client.peer_info().expect("the server tells who it is");
        let text = info.instructions.clone().expect("there are instructions");
        assert!(text.chars().count() <= 1_500, "{}", text.len());
        assert!(text.contains("is data, not orders"), "{text}");
        let capabilities = serde_json::to_value(&info.capabilities).expect("JSON");
        for word in ["tools", "resources", "prompts", "completions"] {
            assert!(capabilities.get(word).is_some(), "{word}: {capabilities}");
        }
        assert_eq!(capabilities["resources"].get("subscribe"), None, "{capabilities}");
        assert_eq!(capabilities.get("logging"), None, "{capabilities}");
    }
}

#[tokio::test]
async fn a_sandbox_lives_from_create_to_delete() {
    for era in ERAS {
        let talk = talk(Wanted::plain(era)).await;
        let wanted = json!({
            "name": "web", "language": "node", "env": {"TOKEN": "s3cret"}, "cpus": 0.5,
            "memory_mb": 64, "ttl_minutes": 5
        });
        let made = talk.facts("create_sandbox", wanted).await;
        assert_eq!((&made["name"], &made["status"]), (&json!("web"), &json!("running")));
        assert_eq!(made["language"], "javascript");
        assert!(made["expires_at"].as_str().is_some_and(|at| at.ends_with('Z')), "{made}");
        let listed = talk.facts("list_sandboxes", json!({"status": "running"})).await;
        assert_eq!((&listed["count"], &listed["sandboxes"][0]["name"]), (&json!(1), &json!("web")));
        let info = talk.facts("get_sandbox_info", json!({"sandbox_id": "web"})).await;
        assert_eq!(info["environment_vars"], json!(["TOKEN"]));
        assert!(!info.to_string().contains("s3cret"), "{info}");
        assert_eq!(info["limits"]["memory_mb"], 64);
        let gone = talk.facts("delete_sandbox", json!({"sandbox_id": "web"})).await;
        assert_eq!(gone["success"], true);
        let again = talk.facts("delete_sandbox", json!({"sandbox_id": "web"})).await;
        assert_eq!(again["success"], false);
    }
}

#[tokio::test]
async fn creation_is_refused_with_what_to_do() {
    let talk = modern().await;
    talk.facts("create_sandbox", json!({"name": "web"})).await;
    for (arguments, word) in [
        (json!({"name": "web"}), "web"),
        (json!({"name": "-"}), "such as `web-2`"),
        (json!({"language": "cobol"}), "python"),
        (json!({"network": "all"}), "none"),
        (json!({"allow": ["10.0.0.0/8"]}), "names the ports"),
        (json!({"sandbox_id": "mine"}), "pass `name`"),
        (json!({"git_repo": "https://example.org/a.git", "network": "none"}), "network"),
        (json!({"cpus": 1e9}), "cpus"),
        (json!({"memory_mb": 1}), "memory"),
        (json!({"ttl_minutes": 0}), "ttl_minutes"),
    ] {
        let text = talk.refusal("create_sandbox", arguments.clone()).await;
        assert!(text.contains(word), "{arguments}: {text}");
    }
    assert_eq!(talk.behind.provider.count(), 1);
}

#[tokio::test]
async fn code_and_commands_tell_what_happened() {
    for era in ERAS {
        let talk = talk(Wanted::plain(era)).await;
        let alone = talk.facts("execute_code", json!({"code": "print(hello)"})).await;
        assert_eq!((&alone["stdout"], &alone["exit_code"]), (&json!("hello\n"), &json!(0)));
        assert!(alone["message"].as_str().is_some_and(|text| text.contains("gone")), "{alone}");
        talk.sandbox().await;
        let failed = json!({"command": "echo a\nerr b\nexit 3", "sandbox": "box"});
        let failed = talk.facts("run_command", failed).await;
        assert_eq!((&failed["stdout"], &failed["stderr"]), (&json!("a\n"), &json!("b\n")));
        assert_eq!((&failed["exit_code"], &failed["status"]), (&json!(3), &json!("finished")));
        let late = json!({"command": "echo a\nhang", "sandbox_id": "box", "timeout": 1});
        let late = talk.facts("execute_shell", late).await;
        assert_eq!((&late["timed_out"], &late["stdout"]), (&json!(true), &json!("a\n")));
        let typed = json!({"command": "cat", "stdin": "typed", "sandbox_id": "box"});
        assert_eq!(talk.facts("execute_shell", typed).await["stdout"], "typed");
    }
}

#[tokio::test]
async fn what_cannot_run_is_refused_with_the_choices() {
    let talk = modern().await;
    let (made, _) = talk.sandbox().await;
    for (tool, arguments) in [
        ("execute_code", json!({"sandbox_id": "bxo", "code": "1"})),
        ("execute_shell", json!({"sandbox_id": "bxo", "command": "1"})),
        ("get_sandbox_info", json!({"sandbox_id": "bxo"})),
        ("git_operation", json!({"sandbox_id": "bxo", "operation": "status"})),
        ("file_operation", json!({"sandbox_id": "bxo", "operation": "read", "file_path": "a"})),
    ] {
        let text = talk.refusal(tool, arguments).await;
        let choice = format!("no sandbox `bxo`. Existing: box ({}, running)", made.id);
        assert!(text.contains(&choice) && text.contains("create_sandbox"), "{tool}: {text}");
    }
    let text = talk.refusal("execute_code", json!({"code": "1", "timeout_seconds": 0})).await;
    assert!(text.contains("1 to 86400"), "{text}");
    let text = talk.refusal("read_output", json!({"execution_id": "ex_1"})).await;
    assert!(text.contains("ex_1"), "{text}");
}

#[tokio::test]
async fn long_output_is_cut_and_can_be_read_to_the_end() {
    let talk = modern().await;
    talk.sandbox().await;
    let flood = json!({"command": "flood 100000", "sandbox_id": "box", "max_output_chars": 500});
    let cut = talk.facts("execute_shell", flood).await;
    assert_eq!(cut["truncated"], true);
    let shown = cut["stdout"].as_str().expect("a text");
    assert!(shown.starts_with("line 0\n") && shown.len() < 800, "{shown}");
    let mut text = String::new();
    loop {
        let read = json!({"execution_id": cut["execution_id"], "offset": text.len()});
        let page = talk.facts("read_output", read).await;
        text.push_str(page["text"].as_str().expect("a text"));
        assert_eq!((&page["total"], &page["status"]), (&json!(100_000), &json!("finished")));
        if page["next_offset"] == page["total"] {
            break;
        }
    }
    assert_eq!(text.len(), 100_000);
}

#[tokio::test]
async fn files_are_worked_with() {
    let talk = modern().await;
    let (_, guest) = talk.sandbox().await;
    let file = async |more: Value| {
        let mut arguments = json!({"sandbox_id": "box"});
        let object = arguments.as_object_mut().expect("an object");
        object.extend(more.as_object().expect("an object").clone());
        talk.text("file_operation", arguments).await
    };
    let path = "/workspace/a.txt";
    file(json!({"operation": "write", "path": path, "content": "one two"})).await;
    file(json!({"operation": "append", "path": path, "content": " two"})).await;
    let edit = json!({"operation": "edit", "path": path, "old_string": "two", "new_string": "2"});
    let mut twice = edit.clone();
    twice["replace_all"] = json!(true);
    file(twice).await;
    assert_eq!(guest.file(path), Some(b"one 2 2".to_vec()));
    assert_eq!(file(json!({"operation": "read", "path": path})).await, "one 2 2");
    let part = json!({"operation": "read", "path": path, "offset": 4, "limit": 1});
    assert_eq!(file(part).await, "2");
    let listed = file(json!({"operation": "list", "path": "/workspace"})).await;
    assert!(listed.contains("a.txt"), "{listed}");
    guest.put_file("/workspace/dot.png", b"\x89PNG\r\n\x1a\n...");
    let image = json!({"sandbox_id": "box", "operation": "read", "path": "/workspace/dot.png"});
    let image = call(&talk.client, "file_operation", image).await;
    assert_eq!(image["content"][0]["type"], "image", "{image}");
    assert_eq!(image.get("structuredContent"), None);
    guest.put_file("/workspace/raw", b"\x00\x01");
    let raw = json!({"operation": "read", "path": "/workspace/raw", "encoding": "base64"});
    assert_eq!(file(raw).await, "AAE=");
}

#[tokio::test]
async fn files_that_cannot_be_had_are_refused_with_what_to_do() {
    let talk = modern().await;
    let (_, guest) = talk.sandbox().await;
    guest.put_file("/workspace/raw", b"\x00\x01");
    let host = json!({"operation": "upload", "path": "a", "local_path": "/etc/passwd"});
    for (arguments, word) in [
        (json!({"operation": "read", "path": "/none"}), "/none"),
        (json!({"operation": "read", "path": "/workspace/raw"}), "encoding=base64"),
        (json!({"operation": "write", "path": "a"}), "needs `content`"),
        (json!({"operation": "move", "path": "a"}), "needs `new_path`"),
        (json!({"operation": "edit", "path": "a", "old": "b"}), "needs `new_text`"),
        (json!({"operation": "search", "path": "a"}), "needs `pattern`"),
        (
            json!({"operation": "write", "path": "a", "content": "%", "encoding": "base64"}),
            "base64",
        ),
        (host, "--allow-dir"),
        (json!({"operation": "download", "path": "a"}), "needs `local_path`"),
    ] {
        let mut all = json!({"sandbox_id": "box"});
        let object = all.as_object_mut().expect("an object");
        object.extend(arguments.as_object().expect("an object").clone());
        let text = talk.refusal("file_operation", all).await;
        assert!(text.contains(word), "{arguments}: {text}");
    }
}

/// Folders that only note what they are asked for.
#[derive(Default)]
struct Noting {
    asked: Mutex<Vec<String>>,
}

impl Folders for Noting {
    fn names(&self) -> Vec<String> {
        vec!["/shared".to_owned()]
    }

    fn pack<'a>(&'a self, path: &'a str, name: &'a str) -> BoxFuture<'a, Result<ByteStream>> {
        self.asked.lock().expect("no test panics here").push(format!("pack {path} as {name}"));
        Box::pin(async { Err(Error::denied("enough").with_hint("stop here")) })
    }

    fn land<'a>(&'a self, path: &'a str, _: ByteStream) -> BoxFuture<'a, Result<u64>> {
        self.asked.lock().expect("no test panics here").push(format!("land {path}"));
        Box::pin(async { Ok(3) })
    }
}

#[tokio::test]
async fn host_folders_are_the_clients_own() {
    let folders = Arc::new(Noting::default());
    let talk = talk(Wanted { folders: folders.clone(), ..Wanted::plain(Era::Modern) }).await;
    let (_, guest) = talk.sandbox().await;
    guest.put_file("/workspace/there/x", b"x");
    let upload = |to: &str| json!({"sandbox_id": "box", "operation": "upload", "file_path": to, "local_path": "/shared/a.txt"});
    for to in ["/workspace/b.txt", "/workspace/there", "new/", "/workspace"] {
        talk.refusal("file_operation", upload(to)).await;
    }
    let download = json!({
        "sandbox_id": "box", "operation": "download", "file_path": "/workspace/there",
        "local_path": "/shared/out"
    });
    let text = talk.text("file_operation", download).await;
    assert!(text.contains("Downloaded 3 entries"), "{text}");
    let asked = folders.asked.lock().expect("no test panics here").clone();
    let expected = [
        "pack /shared/a.txt as b.txt",
        "pack /shared/a.txt as a.txt",
        "pack /shared/a.txt as a.txt",
        "pack /shared/a.txt as a.txt",
        "land /shared/out",
    ];
    assert_eq!(asked, expected);
}

#[tokio::test]
async fn git_runs_by_argv() {
    let talk = modern().await;
    let (_, guest) = talk.sandbox().await;
    let commit = json!({"sandbox_id": "box", "operation": "commit", "message": "a; rm -rf /"});
    let done = talk.facts("git_operation", commit).await;
    assert_eq!(done["success"], true);
    let argv = guest.commands().pop().expect("git was started").argv;
    assert!(argv.iter().any(|word| word.ends_with("a; rm -rf /")), "{argv:?}");
    for (operation, needs) in
        [("clone", "repository_url"), ("commit", "commit_message"), ("checkout", "branch")]
    {
        let arguments = json!({"sandbox_id": "box", "operation": operation});
        let text = talk.refusal("git_operation", arguments).await;
        assert!(text.contains(&format!("needs `{needs}`")), "{text}");
    }
}

#[tokio::test]
async fn a_client_can_name_a_sandbox_for_its_calls() {
    let mut wanted = Wanted::plain(Era::Modern);
    wanted.defaults.sandbox = Some("box".to_owned());
    let talk = talk(wanted).await;
    let (made, _) = talk.sandbox().await;
    let done = talk.facts("execute_code", json!({"code": "print(1)"})).await;
    assert_eq!(done["sandbox_id"], made.id.as_str());
    let info = talk.facts("get_sandbox_info", json!({})).await;
    assert_eq!(info["name"], "box");
    let text = talk.refusal("delete_sandbox", json!({})).await;
    assert!(text.contains("missing `sandbox_id`"), "{text}");
}

#[tokio::test]
async fn an_unknown_tool_is_a_protocol_error_with_the_choices() {
    let talk = modern().await;
    let request = super::clients::request("execute_cood", json!({}));
    let error = talk.client.call_tool_once(request).await.expect_err("no such tool");
    assert!(error.to_string().contains("did you mean `execute_code`"), "{error}");
}
