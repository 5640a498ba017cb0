use infield_domain::command::{ProcessEvent, StoppedBy, Stream};
use infield_domain::language::Language;
use infield_testkit::{Step, eventually};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::testing::{Fixture, SOON, collect, fixture, named};
use crate::{Collect, Outcome, OutputRequest, RunCode, Status};

impl Fixture {
    async fn shell(&self, sandbox: &str, text: &str, options: RunOptions) -> Result<Run> {
        let target = Target::Existing(sandbox.to_owned());
        let command = CommandLine::Shell(text.to_owned());
        self.engine.run_command(&self.who, RunCommand { target, command, options }).await
    }

    async fn once(&self, code: &str) -> Run {
        let target = Target::Temporary(Box::new(CreateSandbox::standard()));
        let (code, language, arguments) = (code.to_owned(), None, Vec::new());
        let options = RunOptions::standard();
        let run = RunCode { target, code, language, arguments, options };
        self.engine.run_code(&self.who, run).await.expect("starts")
    }

    async fn rest(&self, id: &ExecutionId, offset: u64) -> crate::Output {
        let request = OutputRequest {
            execution: id.clone(),
            stream: Stream::Stdout,
            offset,
            limit: u64::MAX,
            wait_ms: 10_000,
            stop: false,
        };
        self.engine.read_output(&self.who, request).await.expect("kept")
    }
}

fn told(outcome: &Outcome) -> (&str, &str, Option<i32>) {
    let code = outcome.ending.map(|ending| ending.exit_code);
    (&outcome.stdout.text, &outcome.stderr.text, code)
}

#[tokio::test]
async fn a_command_tells_what_came_of_it() {
    let f = fixture().await;
    f.create("web").await;
    let run = f.shell("web", "echo out\nerr bad\nexit 3", RunOptions::standard()).await;
    let outcome = run.expect("starts").collect(collect()).await.expect("ends");
    assert_eq!(told(&outcome), ("out\n", "bad\n", Some(3)));
    assert_eq!(outcome.status, Status::Finished);
    let records = f.engine.list_executions(&f.who, "web").await.expect("listed");
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].execution.ending.map(|ending| ending.exit_code), Some(3));
}

#[tokio::test]
async fn a_temporary_sandbox_goes_after_its_command() {
    let f = fixture().await;
    let run = f.once("print(1)").await;
    let outcome = run.collect(collect()).await.expect("ends");
    assert_eq!(told(&outcome), ("1\n", "", Some(0)));
    assert!(outcome.temporary);
    eventually(SOON, "the sandbox is gone", || f.provider.count() == 0).await;
}

#[tokio::test]
async fn nothing_of_a_long_output_is_lost() {
    let f = fixture().await;
    let run = f.once("flood 10000000").await;
    let id = run.execution_id.clone();
    let outcome = run.collect(collect()).await.expect("ends");
    assert!(outcome.stdout.truncated);
    assert_eq!(outcome.stdout.total_bytes, 10_000_000);
    assert!(outcome.stdout.text.chars().count() < 10_200);
    assert!(outcome.stdout.text.contains(&format!("read_output execution_id={id}")));
    // Also after the sandbox is gone.
    eventually(SOON, "the sandbox is gone", || f.provider.count() == 0).await;
    let mut text = Vec::new();
    while text.len() < 10_000_000 {
        let page = f.rest(&id, text.len() as u64).await;
        assert!(!page.data.is_empty());
        text.extend_from_slice(&page.data);
    }
    let lines = String::from_utf8(text).expect("text");
    assert!(lines.lines().take(500_000).enumerate().all(|(n, line)| line == format!("line {n}")));
}

#[tokio::test]
async fn a_long_command_is_handed_over() {
    let f = fixture().await;
    let run = f.once("print(first)\nsleep 0.2\nprint(second)\nexit 4").await;
    let id = run.execution_id.clone();
    let outcome = run.collect(Collect { foreground_ms: 50, ..collect() }).await.expect("waits");
    assert_eq!((outcome.status, outcome.stdout.text.as_str()), (Status::Running, "first\n"));
    eventually(SOON, "the sandbox is gone", || f.provider.count() == 0).await;
    let page = f.rest(&id, 0).await;
    assert_eq!(page.data, "first\nsecond\n");
    assert_eq!(page.execution.ending.map(|ending| ending.exit_code), Some(4));
}

#[tokio::test]
async fn cancelling_ends_the_command() {
    let f = fixture().await;
    f.create("web").await;
    let run = f.shell("web", "echo on\nhang", RunOptions::standard()).await.expect("starts");
    let cancel = CancellationToken::new();
    let canceller = cancel.clone();
    let on_progress: Box<dyn FnMut(crate::Progress) + Send> = Box::new(move |_| canceller.cancel());
    let collect = Collect { cancel, on_progress: Some(on_progress), ..collect() };
    let outcome = run.collect(collect).await.expect("ends");
    let ending = outcome.ending.expect("it ended");
    assert_eq!(ending.stopped_by, Some(StoppedBy::Caller));
    assert_eq!(outcome.stdout.text, "on\n");
}

#[tokio::test]
async fn a_time_limit_ends_the_command() {
    let f = fixture().await;
    f.create("web").await;
    let options = RunOptions { time_limit: TimeLimit::After(30), ..RunOptions::standard() };
    let run = f.shell("web", "hang", options).await.expect("starts");
    let outcome = run.collect(collect()).await.expect("ends");
    assert_eq!(outcome.ending.and_then(|ending| ending.stopped_by), Some(StoppedBy::Timeout));
    let options = RunOptions { time_limit: TimeLimit::After(0), ..RunOptions::standard() };
    assert_eq!(f.shell("web", "true", options).await.err().map(|e| e.kind()), Some(Kind::Invalid));
}

#[tokio::test]
async fn a_stopped_sandbox_is_started_for_a_command() {
    let f = fixture().await;
    f.create("web").await;
    f.engine.stop_sandbox(&f.who, "web").await.expect("stops");
    let run = f.shell("web", "echo back", RunOptions::standard()).await.expect("starts");
    assert_eq!(run.collect(collect()).await.expect("ends").stdout.text, "back\n");
}

#[tokio::test]
async fn running_work_is_not_idle() {
    let f = fixture().await;
    let retention = infield_domain::sandbox::Retention {
        stop_after_idle_ms: Some(40),
        ..infield_domain::sandbox::Retention::TEMPORARY
    };
    let create = CreateSandbox { retention, ..named("web") };
    let sandbox = f.engine.create_sandbox(&f.who, create).await.expect("made");
    let run = f.shell("web", "sleep 0.3\necho done", RunOptions::standard()).await.expect("starts");
    // Nobody follows it; it is work all the same.
    let id = run.execution_id.clone();
    drop(run);
    let page = f.rest(&id, 0).await;
    assert_eq!(page.data, "done\n");
    let seat = f.engine.registry().by_id(&sandbox.id).expect("it lives");
    eventually(SOON, "it stops when the work is over", || {
        seat.sandbox().state == infield_domain::lifecycle::State::Stopped
    })
    .await;
}

#[tokio::test]
async fn a_sandbox_that_dies_under_a_command_says_why() {
    use infield_domain::lifecycle::{Cause, Reason};
    let f = fixture().await;
    let sandbox = f.create("web").await;
    let run = f.shell("web", "hang", RunOptions::standard()).await.expect("starts");
    let id = run.execution_id.clone();
    f.provider.kill(&sandbox.id, Cause::of(Reason::OutOfMemory));
    let error = run.collect(collect()).await.expect_err("it died");
    assert!(error.message().contains("memory limit"), "{error}");
    let mut ending = None;
    while ending.is_none() {
        ending = f.engine.get_execution(&f.who, &id).await.expect("known").execution.ending;
        tokio::task::yield_now().await;
    }
    assert_eq!(ending.and_then(|ending| ending.stopped_by), Some(StoppedBy::OutOfMemory));
}

#[tokio::test]
async fn each_language_starts_its_way() {
    let f = fixture().await;
    let id = f.create("web").await.id;
    let inside = f.provider.inside(&id).expect("it runs");
    inside.set_script(|_| vec![Step::Exit(0)]);
    for (language, program, from_stdin) in [
        (Language::Python, "python3", true),
        (Language::JavaScript, "node", true),
        (Language::Bash, "bash", true),
        (Language::C, "sh", false),
        (Language::TypeScript, "sh", false),
    ] {
        let run = RunCode {
            target: Target::Existing("web".to_owned()),
            code: "THE CODE".to_owned(),
            language: Some(language),
            arguments: vec!["an argument".to_owned()],
            options: RunOptions::standard(),
        };
        let run = f.engine.run_code(&f.who, run).await.expect("starts");
        run.collect(collect()).await.expect("ends");
        let command = inside.commands().pop().expect("it was started");
        assert_eq!(command.argv[0], program);
        assert_eq!(command.argv.last().map(String::as_str), Some("an argument"));
        assert!(!command.argv.iter().any(|part| part.contains("THE CODE")), "{command:?}");
        let stdin = command.stdin == Stdin::Bytes(Bytes::from_static(b"THE CODE"));
        assert_eq!(stdin, from_stdin, "{language:?}");
    }
}

#[tokio::test]
async fn a_missing_program_is_named_with_its_mend() {
    let f = fixture().await;
    let id = f.create("web").await.id;
    f.provider.inside(&id).expect("it runs").remove_program("python3");
    let run = RunCode {
        target: Target::Existing("web".to_owned()),
        code: "print(1)".to_owned(),
        language: None,
        arguments: Vec::new(),
        options: RunOptions::standard(),
    };
    let error = f.engine.run_code(&f.who, run).await.err().expect("no python");
    assert_eq!(error.kind(), Kind::Unsupported);
    assert_eq!(error.hint(), Some("install `python3` in the image"));
}

#[tokio::test]
async fn a_stream_takes_input_and_two_can_follow() {
    let f = fixture().await;
    f.create("web").await;
    let options = RunOptions { stdin: Stdin::Stream, ..RunOptions::standard() };
    let target = Target::Existing("web".to_owned());
    let command = CommandLine::Argv(vec!["cat".to_owned()]);
    let run = RunCommand { target, command, options };
    let run = f.engine.run_command(&f.who, run).await.expect("starts");
    let attach =
        crate::Attach { execution: run.execution_id.clone(), stdout_offset: 0, stderr_offset: 0 };
    let second = f.engine.attach(&f.who, attach).await.expect("follows");
    let mut process = run.into_process();
    let input = infield_domain::command::ProcessInput::Stdin(Bytes::from_static(b"hello"));
    process.input.send(input).await.expect("taken");
    process.input.send(infield_domain::command::ProcessInput::End).await.expect("taken");
    let mut text = Vec::new();
    while let Some(event) = futures_util::StreamExt::next(&mut process.events).await {
        if let ProcessEvent::Output { data, .. } = event.expect("an event") {
            text.extend_from_slice(&data);
        }
    }
    assert_eq!(text, b"hello");
    assert_eq!(second.collect(collect()).await.expect("ends").stdout.text, "hello");
}

/// Not a limit of speed, which a busy machine has not: a guard against a wait where none belongs.
#[tokio::test]
async fn the_engine_adds_little_to_a_run() {
    let f = fixture().await;
    let mut fastest = std::time::Duration::MAX;
    for _ in 0..20 {
        let begun = std::time::Instant::now();
        let run = f.once("print(1)").await;
        run.collect(collect()).await.expect("ends");
        fastest = fastest.min(begun.elapsed());
    }
    assert!(fastest < std::time::Duration::from_millis(20), "{fastest:?}");
}
