//! Hand-over, progress, cancellation and tasks.

use std::time::Duration;

use infield_testkit::eventually;
use rmcp::model::{
    CallToolResponse, CancelTaskParams, CreateTaskResult, DetailedTask, GetTaskParams, TaskPayload,
    TaskStatus,
};
use serde_json::{Value, json};

use super::clients::{ERAS, Era, SOON, Talk, Wanted, call, request, talk};

fn impatient(era: Era) -> Wanted {
    let mut wanted = Wanted::plain(era);
    wanted.defaults.foreground_ms = 100;
    wanted
}

#[tokio::test]
async fn a_long_command_is_handed_over_and_can_be_stopped() {
    for era in ERAS {
        let talk = talk(impatient(era)).await;
        let (_, guest) = talk.sandbox().await;
        let begun = json!({"command": "echo begun\nhang", "sandbox_id": "box"});
        let first = talk.facts("execute_shell", begun).await;
        assert_eq!((&first["status"], &first["stdout"]), (&json!("running"), &json!("begun\n")));
        assert_eq!(first.get("exit_code"), None);
        let id = first["execution_id"].clone();
        let said = first["message"].as_str().expect("a text");
        assert!(said.contains("read_output with execution_id=ex-"), "{said}");
        assert!(guest.is_busy());
        let page = json!({"execution_id": id, "wait_seconds": 0, "stop": true});
        let page = talk.facts("read_output", page).await;
        assert_eq!((&page["status"], &page["text"]), (&json!("finished"), &json!("begun\n")));
        assert!(!guest.is_busy());
    }
}

#[tokio::test]
async fn a_server_that_begins_to_listen_is_named_once() {
    let talk = talk(impatient(Era::Modern)).await;
    let (sandbox, guest) = talk.sandbox().await;
    let port = std::num::NonZeroU16::new(3000).expect("not zero");
    guest.open_port(port, "127.0.0.1:9".parse().expect("an address"));
    let begun = json!({"command": "echo listening\nhang", "sandbox_id": "box"});
    let first = talk.facts("execute_shell", begun).await;
    assert_eq!(first["previews"], json!([{"port": 3000}]));
    let said = first["message"].as_str().expect("a text");
    let way = format!("`infield port {} 3000`", sandbox.id);
    assert!(said.contains("Port 3000 listens") && said.contains(&way), "{said}");
    guest.open_port(port.saturating_add(1), "127.0.0.1:9".parse().expect("an address"));
    let page = json!({"execution_id": first["execution_id"], "wait_seconds": 0});
    let page = talk.facts("read_output", page).await;
    assert_eq!(page["previews"], json!([{"port": 3001}]), "each is told once");
}

#[tokio::test]
async fn a_background_command_answers_at_once() {
    let talk = talk(Wanted::plain(Era::Modern)).await;
    talk.sandbox().await;
    let behind = json!({"command": "sleep 0.2\necho over", "sandbox": "box", "background": true});
    let first = talk.facts("execute_shell", behind).await;
    assert_eq!(first["status"], "running");
    let read = json!({"execution_id": first["execution_id"], "wait_seconds": 5});
    assert_eq!(talk.facts("read_output", read).await["text"], "over\n");
}

#[tokio::test]
async fn a_call_that_is_given_up_ends_its_command() {
    for era in ERAS {
        let talk = talk(Wanted::plain(era)).await;
        let (_, guest) = talk.sandbox().await;
        let arguments = json!({"command": "hang", "sandbox_id": "box"});
        let given_up = call(&talk.client, "execute_shell", arguments);
        let busy = eventually(SOON, "the command runs", || guest.is_busy());
        tokio::select! {
            result = given_up => panic!("it hangs, and answered {result}"),
            () = busy => {}
        }
        eventually(SOON, "the command was ended", || !guest.is_busy()).await;
    }
}

#[tokio::test]
async fn reports_come_while_a_command_runs() {
    for era in ERAS {
        let talk = talk(Wanted::plain(era)).await;
        talk.sandbox().await;
        let slow = json!({"command": "echo first line\nsleep 2.2", "sandbox_id": "box"});
        talk.facts("execute_shell", slow).await;
        let reports = talk.reports.lock().expect("no test panics here").clone();
        assert!((2..=4).contains(&reports.len()), "{reports:?}");
        assert!(reports.windows(2).all(|pair| pair[0].progress < pair[1].progress), "{reports:?}");
        let said: Vec<_> = reports.iter().filter_map(|one| one.message.as_deref()).collect();
        assert!(said.contains(&"first line"), "{said:?}");
    }
}

async fn task(talk: &Talk, command: &str) -> CreateTaskResult {
    let arguments = json!({"command": command, "sandbox_id": "box"});
    match talk.client.call_tool_once(request("execute_shell", arguments)).await {
        Ok(CallToolResponse::Task(task)) => task,
        other => panic!("a task, not {other:?}"),
    }
}

async fn settled(talk: &Talk, task: &CreateTaskResult) -> DetailedTask {
    let id = task.task.task_id.clone();
    let looks = async {
        loop {
            let now = talk.client.get_task(GetTaskParams::new(id.clone())).await.expect("a task");
            if now.task.status().is_terminal() {
                return now.task;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(SOON, looks).await.expect("the task ends soon")
}

#[tokio::test]
async fn a_client_with_tasks_gets_a_task_instead_of_the_hand_over() {
    for era in ERAS {
        let talk = talk(Wanted { tasks: true, ..impatient(era) }).await;
        talk.sandbox().await;
        let quick = json!({"command": "echo quick", "sandbox_id": "box"});
        assert_eq!(talk.facts("execute_shell", quick).await["stdout"], "quick\n");
        let slow = task(&talk, "echo slow\nsleep 0.4\nexit 3").await;
        let done = settled(&talk, &slow).await;
        let TaskPayload::Completed { result } = done.payload else { panic!("{done:?}") };
        let facts = &result["structuredContent"];
        assert_eq!((&facts["stdout"], &facts["exit_code"]), (&json!("slow\n"), &json!(3)));
    }
}

#[tokio::test]
async fn a_cancelled_task_ends_its_command() {
    let talk = talk(Wanted { tasks: true, ..impatient(Era::Modern) }).await;
    let (_, guest) = talk.sandbox().await;
    let endless = task(&talk, "hang").await;
    assert!(guest.is_busy());
    let id = endless.task.task_id.clone();
    talk.client.cancel_task(CancelTaskParams::new(id)).await.expect("it is taken");
    let done = settled(&talk, &endless).await;
    assert_eq!(done.status(), TaskStatus::Cancelled);
    assert!(!guest.is_busy());
}

#[tokio::test]
async fn a_call_that_is_given_up_before_it_becomes_a_task_ends_its_command() {
    let talk = talk(Wanted { tasks: true, ..Wanted::plain(Era::Modern) }).await;
    let (_, guest) = talk.sandbox().await;
    let given_up: Value = json!({"command": "hang", "sandbox_id": "box"});
    let busy = eventually(SOON, "the command runs", || guest.is_busy());
    tokio::select! {
        result = call(&talk.client, "execute_shell", given_up) => panic!("it hangs: {result}"),
        () = busy => {}
    }
    eventually(SOON, "the command was ended", || !guest.is_busy()).await;
}
