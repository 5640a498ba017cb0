//! Who may see what; resources and completion.

use infield_testkit::open_engine;
use rmcp::RoleClient;
use rmcp::model::{
    CompleteRequestParams, CompletionContext, GetTaskParams, ReadResourceRequestParams, Reference,
};
use rmcp::service::RunningService;
use serde_json::{Value, json};

use super::clients::{ERAS, Ears, Era, Wanted, call, connect, talk};

type Client = RunningService<RoleClient, Ears>;

async fn read(client: &Client, uri: &str) -> Result<Value, String> {
    let result = client.read_resource(ReadResourceRequestParams::new(uri)).await;
    result
        .map(|result| serde_json::to_value(&result.contents[0]).expect("JSON"))
        .map_err(|error| error.to_string())
}

async fn complete(client: &Client, name: &str, value: &str, sandbox: &str) -> Vec<String> {
    let template = Reference::for_resource("sandbox://{sandbox_id}/{+path}");
    let argument: rmcp::model::ArgumentInfo =
        serde_json::from_value(json!({"name": name, "value": value})).expect("an argument");
    let before =
        CompletionContext::with_arguments([("sandbox_id".to_owned(), sandbox.to_owned())].into());
    let request = CompleteRequestParams::new(template, argument).with_context(before);
    client.complete(request).await.expect("an answer").completion.values
}

#[tokio::test]
async fn resources_show_sandboxes_and_their_files() {
    for era in ERAS {
        let talk = talk(Wanted::plain(era)).await;
        let (made, guest) = talk.sandbox().await;
        guest.put_file("/workspace/note.txt", b"attached");
        guest.put_file("/workspace/raw.png", b"\x00\xff");
        let listed = talk.client.list_all_resources().await.expect("the list");
        let uris: Vec<_> = listed.iter().map(|one| one.uri.clone()).collect();
        assert_eq!(uris, ["sandbox://".to_owned(), format!("sandbox://{}", made.id)]);
        let templates = talk.client.list_all_resource_templates().await.expect("the list");
        assert_eq!(templates.len(), 2);

        let all = read(&talk.client, "sandbox://").await.expect("the list of sandboxes");
        assert!(all["text"].as_str().is_some_and(|text| text.contains(made.id.as_str())), "{all}");
        let one = read(&talk.client, "sandbox://box").await.expect("a sandbox");
        assert_eq!(one["mimeType"], "application/json");
        let text = read(&talk.client, "sandbox://box/workspace/note.txt").await.expect("a file");
        assert_eq!(text["text"], "attached");
        let blob = read(&talk.client, "sandbox://box/workspace/raw.png").await.expect("a file");
        assert_eq!((&blob["blob"], &blob["mimeType"]), (&json!("AP8="), &json!("image/png")));
        let folder = read(&talk.client, "sandbox://box/workspace").await.expect("a folder");
        assert!(folder["text"].as_str().is_some_and(|text| text.contains("note.txt")), "{folder}");

        for uri in ["sandbox://none", "sandbox://box/none", "file:///etc/passwd"] {
            let error = read(&talk.client, uri).await.expect_err("there is no such thing");
            assert!(error.contains("Next:") || error.contains("none"), "{uri}: {error}");
        }
    }
}

#[tokio::test]
async fn names_and_paths_are_completed() {
    let talk = talk(Wanted::plain(Era::Modern)).await;
    let (made, guest) = talk.sandbox().await;
    guest.put_file("/workspace/note.txt", b"");
    guest.put_file("/workspace/now/x", b"");
    assert_eq!(complete(&talk.client, "sandbox_id", "bo", "").await, ["box"]);
    assert_eq!(complete(&talk.client, "sandbox_id", "sbx-", "").await, [made.id.as_str()]);
    let paths = complete(&talk.client, "path", "workspace/no", "box").await;
    assert_eq!(paths, ["workspace/note.txt", "workspace/now/"]);
    assert!(complete(&talk.client, "path", "none/no", "box").await.is_empty());
}

/// Two owners over one engine: nothing of the one is there for the other.
#[tokio::test]
async fn nothing_of_another_owner_can_be_had() {
    let talk = talk(Wanted { tasks: true, ..Wanted::plain(Era::Modern) }).await;
    let (made, guest) = talk.sandbox().await;
    guest.put_file("/workspace/secret", b"secret");
    let begun = json!({"command": "echo secret", "sandbox_id": "box"});
    let execution = talk.facts("execute_shell", begun).await["execution_id"].clone();

    let stranger = Wanted { owner: "stranger", tasks: true, ..Wanted::plain(Era::Modern) };
    let (stranger, _) = connect(&talk.behind.engine, stranger).await;
    for reference in ["box", made.id.as_str()] {
        for (tool, arguments) in [
            ("execute_code", json!({"code": "1"})),
            ("execute_shell", json!({"command": "1"})),
            ("get_sandbox_info", json!({})),
            ("file_operation", json!({"operation": "read", "file_path": "/workspace/secret"})),
            ("git_operation", json!({"operation": "status"})),
        ] {
            let mut arguments = arguments;
            arguments["sandbox_id"] = json!(reference);
            let result = call(&stranger, tool, arguments).await;
            assert_eq!(result["isError"], json!(true), "{tool}: {result}");
            let text = result.to_string();
            assert!(text.contains("Existing: none") && !text.contains("secret"), "{tool}: {text}");
        }
        let gone = call(&stranger, "delete_sandbox", json!({"sandbox_id": reference})).await;
        assert_eq!(gone["structuredContent"]["success"], json!(false), "{gone}");
        for path in ["", "/workspace/secret"] {
            let uri = format!("sandbox://{reference}{path}");
            let error = read(&stranger, &uri).await.expect_err("it is not theirs");
            assert!(!error.contains("secret\n"), "{error}");
        }
        assert!(complete(&stranger, "path", "workspace/", reference).await.is_empty());
    }
    let read = call(&stranger, "read_output", json!({"execution_id": execution})).await;
    assert_eq!(read["isError"], json!(true), "{read}");
    let listed = call(&stranger, "list_sandboxes", json!({})).await;
    assert_eq!(listed["structuredContent"]["count"], json!(0), "{listed}");
    assert_eq!(stranger.list_all_resources().await.expect("the list").len(), 1);
    assert!(complete(&stranger, "sandbox_id", "", "").await.is_empty());
    let task = stranger.get_task(GetTaskParams::new("no-such-task")).await;
    assert!(task.is_err(), "{task:?}");
    assert_eq!(talk.behind.provider.count(), 1);
}

#[tokio::test]
async fn an_engine_serves_many_conversations() {
    let behind = open_engine().await.expect("the fake engine opens");
    let (one, _) = connect(&behind.engine, Wanted::plain(Era::Legacy)).await;
    let made = call(&one, "create_sandbox", json!({"name": "kept"})).await;
    one.cancel().await.expect("the first conversation ends");
    let (two, _) = connect(&behind.engine, Wanted::plain(Era::Modern)).await;
    let listed = call(&two, "list_sandboxes", json!({})).await;
    let (made, listed) = (&made["structuredContent"], &listed["structuredContent"]);
    assert_eq!(listed["sandboxes"][0]["sandbox_id"], made["sandbox_id"]);
}
