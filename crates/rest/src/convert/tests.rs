//! Wishes that say little, and answers that say no secret.

use infield_domain::Kind;
use infield_domain::command::{OnDisconnect, Stdin, TerminalSize};
use infield_domain::isolation::Control;
use infield_domain::lifecycle::State;
use infield_domain::network::{Choice, Policy};
use infield_domain::sandbox::{Resources, Retention, Sandbox, Spec};
use infield_engine::{CommandLine, Target, TimeLimit};

use super::*;

fn check_refused<T>(result: Result<T>, kind: Kind, message: &str) {
    let error = result.err().expect("it is refused");
    assert_eq!(error.kind(), kind);
    assert!(error.message().contains(message), "`{}` lacks `{message}`", error.message());
}

#[test]
fn an_empty_wish_is_a_temporary_sandbox() {
    let create = create_sandbox(wire::CreateSandbox::default()).expect("it is valid");
    assert_eq!(create.retention, Retention::TEMPORARY);
    assert_eq!(create.resources, Resources::DEFAULT);
    assert_eq!(create.network, Choice::default());
    assert!(create.name.is_none() && create.image.is_none() && create.git.is_none());
}

#[test]
fn zero_is_never_and_missing_is_the_default() {
    let wish = wire::CreateSandbox {
        stop_after_idle_ms: Some(0),
        time_to_live_ms: Some(5),
        resources: wire::ResourceWishes { pids: Some(9), ..Default::default() },
        require: vec!["memory".to_owned(), "seccomp".to_owned()],
        ..Default::default()
    };
    let create = create_sandbox(wish).expect("it is valid");
    assert_eq!(create.retention.stop_after_idle_ms, None);
    assert_eq!(create.retention.time_to_live_ms, Some(5));
    let kept = Retention::TEMPORARY.delete_after_stop_ms;
    assert_eq!(create.retention.delete_after_stop_ms, kept);
    assert_eq!(create.resources, Resources { pids: 9, ..Resources::DEFAULT });
    assert_eq!(create.require, [Control::Memory, Control::Seccomp]);
}

#[test]
fn refusals_name_the_field() {
    let some = |text: &str| Some(text.to_owned());
    let wish = wire::CreateSandbox::default;
    let create = create_sandbox;
    check_refused(
        create(wire::CreateSandbox { name: some("-"), ..wish() }),
        Kind::Invalid,
        "`name`",
    );
    check_refused(
        create(wire::CreateSandbox { language: some("cobol"), ..wish() }),
        Kind::Invalid,
        "`language`",
    );
    check_refused(
        create(wire::CreateSandbox { network: some("all"), ..wish() }),
        Kind::Invalid,
        "`network`",
    );
    check_refused(
        create(wire::CreateSandbox { require: vec!["luck".to_owned()], ..wish() }),
        Kind::Invalid,
        "`require`: there is no `luck`",
    );
    check_refused(
        create(wire::CreateSandbox { git_branch: some("main"), ..wish() }),
        Kind::Invalid,
        "`git_repo`",
    );
}

#[test]
fn lists_are_narrowed_by_words_with_commas() {
    let query = wire::ListSandboxes {
        states: Some("running,stopped".to_owned()),
        labels: Some("team=web,stage=".to_owned()),
        ..Default::default()
    };
    let list = list_sandboxes(query).expect("it is valid");
    assert_eq!(list.states, [State::Running, State::Stopped]);
    assert_eq!(list.labels["team"], "web");
    assert_eq!(list.labels["stage"], "");
    assert_eq!(list.limit, PAGE_ITEMS);
    let wrong = |states: &str| wire::ListSandboxes {
        states: Some(states.to_owned()),
        ..Default::default()
    };
    check_refused(list_sandboxes(wrong("happy")), Kind::Invalid, "there is no `happy`");
}

fn target() -> Target {
    Target::Existing("box".to_owned())
}

fn argv(words: &[&str]) -> Option<Vec<String>> {
    Some(words.iter().map(|word| (*word).to_owned()).collect())
}

#[test]
fn an_execution_is_one_of_three() {
    let none = wire::Execute::default();
    check_refused(work(none, target(), Mode::Answer), Kind::Invalid, "one of");
    let two =
        wire::Execute { code: Some(String::new()), argv: argv(&["ls"]), ..Default::default() };
    check_refused(work(two, target(), Mode::Answer), Kind::Invalid, "one of");
    let stray = wire::Execute {
        command: Some("ls".to_owned()),
        language: Some("go".to_owned()),
        ..Default::default()
    };
    check_refused(work(stray, target(), Mode::Answer), Kind::Invalid, "`language`");
}

#[test]
fn a_stream_kills_and_an_answer_continues() {
    for (mode, expected) in
        [(Mode::Answer, OnDisconnect::Continue), (Mode::Stream, OnDisconnect::Kill)]
    {
        let wish = wire::Execute { argv: argv(&["a", "b"]), ..Default::default() };
        let (work, gather) = work(wish, target(), mode).expect("it is valid");
        let Work::Command(run) = work else { panic!("argv is a command") };
        assert!(matches!(run.command, CommandLine::Argv(words) if words == ["a", "b"]));
        assert_eq!(run.options.on_disconnect, expected);
        assert_eq!(run.options.time_limit, TimeLimit::Standard);
        assert_eq!(run.options.stdin, Stdin::Empty);
        assert_eq!(gather.foreground_ms, 45_000);
    }
}

#[test]
fn what_needs_a_stream_says_so() {
    let terminal = Some(TerminalSize { columns: 80, rows: 24 });
    let wishes = [
        wire::Execute { argv: argv(&["sh"]), terminal, ..Default::default() },
        wire::Execute {
            argv: argv(&["sh"]),
            stdin: Some(wire::Stdin::Stream),
            ..Default::default()
        },
    ];
    for wish in wishes {
        assert!(work(wish.clone(), target(), Mode::Stream).is_ok());
        check_refused(work(wish, target(), Mode::Answer), Kind::Invalid, "need a stream");
    }
}

#[test]
fn permissions_are_octal_without_set_id_bits() {
    let query = |text: &str| wire::WriteQuery {
        path: "x".to_owned(),
        mode: None,
        permissions: Some(text.to_owned()),
    };
    assert_eq!(write(&query("755")).expect("it is valid").permissions, Some(0o755));
    for wrong in ["4755", "9", "rwx", "-1", ""] {
        check_refused(write(&query(wrong)), Kind::Invalid, "`permissions`");
    }
}

#[test]
fn answers_mask_every_variable() {
    let spec = Spec {
        name: "box".parse().expect("it is a name"),
        image: infield_domain::ImageName::host(),
        language: infield_domain::language::Language::Python,
        user: "root".to_owned(),
        working_directory: "/workspace".parse().expect("it is a path"),
        environment: [("TOKEN".to_owned(), "s3cret".to_owned())].into(),
        labels: [("team".to_owned(), "web".to_owned())].into(),
        retention: Retention::TEMPORARY,
        resources: Resources::DEFAULT,
        networks: Default::default(),
        secrets: Vec::new(),
        volumes: Vec::new(),
        network: Policy::None,
        previews: infield_domain::preview::Previews::default(),
        allowance: infield_domain::network::Allowance::DEFAULT,
        require: vec![Control::Memory],
    };
    let record = Sandbox {
        id: infield_domain::SandboxId::from_random([7; 16]),
        owner: "me".to_owned(),
        request_key: Some("k3y".to_owned()),
        spec,
        state: State::Running,
        cause: None,
        provider: "local".to_owned(),
        enforcement: None,
        created_at: 1,
        changed_at: 2,
        active_at: 3,
    };
    let text = serde_json::to_string_pretty(&sandbox(record)).expect("it is JSON");
    assert!(!text.contains("s3cret") && !text.contains("k3y"), "{text}");
    insta::assert_snapshot!(text);
}
