use std::path::Path;
use std::time::Duration;

use infield_domain::Principal;
use infield_domain::command::{Command, OnDisconnect, Stdin, Stream};
use infield_domain::guest::Guest;
use infield_domain::network::{Choice, Policy};
use infield_domain::provider::Running;
use infield_domain::sandbox::Retention;
use infield_testkit::{FakeProvider, Operation, eventually};

use super::*;
use crate::testing::{Daemon, SOON, named};
use crate::{CommandLine, CreateSandbox, ListAudit, OutputRequest, RunCommand, RunOptions, Target};

const FOREVER: Duration = Duration::from_secs(3_600);

struct Scene {
    home: tempfile::TempDir,
    provider: Arc<FakeProvider>,
    who: Principal,
}

impl Scene {
    fn new() -> Self {
        let home = tempfile::tempdir().expect("a folder");
        Self { home, provider: FakeProvider::new(), who: Principal::operator("alice") }
    }

    fn daemon(&self) -> Daemon {
        Daemon::start(self.home(), &self.provider)
    }

    fn home(&self) -> &Path {
        self.home.path()
    }

    /// A daemon with one sandbox, `web`.
    fn with_sandbox(&self, create: CreateSandbox) -> (Daemon, Sandbox) {
        let daemon = self.daemon();
        let sandbox = daemon.run(daemon.engine.create_sandbox(&self.who, create)).expect("made");
        (daemon, sandbox)
    }

    fn state(&self, daemon: &Daemon) -> Sandbox {
        daemon.run(daemon.engine.get_sandbox(&self.who, "web")).expect("recorded")
    }

    /// Starts of commands in the audit trail.
    fn starts(&self, daemon: &Daemon) -> usize {
        let list = ListAudit { subject: None, who: None, action: None, limit: 1_000, cursor: None };
        let page = daemon.run(daemon.engine.list_audit(&self.who, list)).expect("listed");
        page.items.iter().filter(|record| record.action == "execution.start").count()
    }

    /// Begins something that hangs in the provider, and kills the daemon in the middle of it.
    fn kill_during(&self, daemon: Daemon, operation: Operation) {
        self.provider.delay(operation, FOREVER);
        let before = self.provider.calls(operation);
        let (engine, who) = (daemon.engine.clone(), self.who.clone());
        let begun = daemon.spawn(async move {
            match operation {
                Operation::Create => engine.create_sandbox(&who, named("web")).await,
                Operation::Start => engine.start_sandbox(&who, "web").await,
                Operation::Stop => engine.stop_sandbox(&who, "web").await,
                Operation::Delete => engine.delete_sandbox(&who, "web").await,
                Operation::SetNetwork => {
                    engine.set_network(&who, "web", Choice::of(Policy::Public)).await
                }
                Operation::Pause => engine.pause_sandbox(&who, "web").await,
                Operation::Resume => engine.start_sandbox(&who, "web").await,
                Operation::Inventory
                | Operation::Usage
                | Operation::Resize
                | Operation::SetSecrets
                | Operation::MakeVolume
                | Operation::RemoveVolume => engine.get_sandbox(&who, "web").await,
            }
        });
        daemon.run(eventually(SOON, "the provider works", || {
            self.provider.calls(operation) > before
        }));
        daemon.kill();
        drop(begun);
        self.provider.delay(operation, Duration::ZERO);
    }
}

#[test]
fn killed_while_creating() {
    let scene = Scene::new();
    scene.kill_during(scene.daemon(), Operation::Create);
    let daemon = scene.daemon();
    let sandbox = scene.state(&daemon);
    assert_eq!(sandbox.state, State::Failed);
    let detail = sandbox.cause.and_then(|cause| cause.detail);
    assert_eq!(detail.as_deref(), Some("the daemon ended while the sandbox was made"));
    assert_eq!(scene.provider.count(), 0, "nothing is left of it");
}

#[test]
fn killed_between_creation_and_its_record() {
    let scene = Scene::new();
    scene.kill_during(scene.daemon(), Operation::Create);
    let id = scene.provider.history().pop().and_then(|(_, id)| id).expect("it was begun");
    let enforcement = Enforcement::default();
    scene.provider.plant(&id, Found::Running(Running { enforcement }));
    let daemon = scene.daemon();
    assert_eq!(scene.state(&daemon).state, State::Running);
}

#[test]
fn killed_while_starting_stopping_and_deleting() {
    for (operation, expected) in [
        (Operation::Start, Some(State::Failed)),
        (Operation::Stop, Some(State::Stopped)),
        (Operation::Delete, None),
    ] {
        let scene = Scene::new();
        let (daemon, sandbox) = scene.with_sandbox(named("web"));
        if operation == Operation::Start {
            daemon.run(daemon.engine.stop_sandbox(&scene.who, "web")).expect("stops");
        }
        scene.kill_during(daemon, operation);
        let daemon = scene.daemon();
        let seat = daemon.engine.registry().by_id(&sandbox.id);
        let state = seat.map(|seat| {
            let rests = |state: State| !state.is_moving();
            daemon.run(seat.wait_for(rests, SOON)).state
        });
        // A deletion may be over before one looks, or just now.
        let state = state.filter(|state| *state != State::Deleted);
        assert_eq!(state, expected, "{operation:?}");
        let left = if operation == Operation::Delete { 0 } else { 1 };
        assert_eq!(scene.provider.count(), left, "{operation:?}");
    }
}

#[test]
fn running_sandboxes_and_commands_are_found_again() {
    let scene = Scene::new();
    let (daemon, sandbox) = scene.with_sandbox(named("web"));
    let run = RunCommand {
        target: Target::Existing("web".to_owned()),
        command: CommandLine::Shell("echo early\nsleep 0.3\necho late\nexit 5".to_owned()),
        options: RunOptions::standard(),
    };
    let run = daemon.run(daemon.engine.run_command(&scene.who, run)).expect("starts");
    let id = run.execution_id.clone();
    daemon.kill();
    drop(run);
    let daemon = scene.daemon();
    assert_eq!(scene.state(&daemon).state, State::Running);
    assert_eq!(scene.provider.calls(Operation::Create), 1, "adopted, not made anew");
    let mut text = Vec::new();
    let execution = loop {
        let request = OutputRequest {
            execution: id.clone(),
            stream: Stream::Stdout,
            offset: text.len() as u64,
            limit: 1_000,
            wait_ms: 10_000,
            stop: false,
        };
        let page = daemon.run(daemon.engine.read_output(&scene.who, request)).expect("kept");
        text.extend_from_slice(&page.data);
        if page.data.is_empty() {
            break page.execution;
        }
    };
    assert_eq!(text, b"early\nlate\n");
    assert_eq!(execution.ending.map(|ending| ending.exit_code), Some(5));
    assert!(scene.provider.inside(&sandbox.id).is_some_and(|inside| !inside.is_busy()));
    // The new daemon saw the end and recorded it: it is known when the sandbox is gone.
    let recorded = || {
        let execution = daemon.run(daemon.engine.records().call({
            let id = id.clone();
            move |store| store.execution(&id)
        }));
        execution.expect("read").and_then(|row| row.execution.ending)
    };
    let begun = std::time::Instant::now();
    while recorded().is_none() {
        assert!(begun.elapsed() < SOON, "the end is not recorded");
    }
    assert_eq!(recorded().map(|ending| ending.exit_code), Some(5));
}

/// Starts a command behind the back of the daemon, as if it had ended before it wrote the record.
fn start_unrecorded(daemon: &Daemon, inside: &dyn Guest, text: &str) -> ExecutionId {
    let id = crate::names::execution_id();
    let command = Command {
        id: id.clone(),
        argv: ["sh", "-c", text].map(str::to_owned).to_vec(),
        environment: Default::default(),
        working_directory: "/workspace".parse().expect("a path"),
        user: "root".to_owned(),
        stdin: Stdin::Empty,
        terminal: None,
        timeout_ms: None,
        on_disconnect: OnDisconnect::Continue,
    };
    drop(daemon.run(inside.spawn(command)).expect("starts"));
    id
}

#[test]
fn commands_without_a_record_get_one() {
    let scene = Scene::new();
    let (daemon, sandbox) = scene.with_sandbox(named("web"));
    let inside = scene.provider.inside(&sandbox.id).expect("it runs");
    let over = start_unrecorded(&daemon, &*inside, "exit 5");
    let running = start_unrecorded(&daemon, &*inside, "hang");
    daemon.kill();
    let daemon = scene.daemon();
    let known = daemon.run(daemon.engine.list_executions(&scene.who, "web")).expect("listed");
    let mut known: Vec<_> = known.into_iter().map(|record| record.execution.id).collect();
    known.sort();
    let mut expected = vec![over.clone(), running.clone()];
    expected.sort();
    assert_eq!(known, expected);
    let ended = |daemon: &Daemon, id: &ExecutionId| {
        let (id, sandbox_id) = (id.clone(), sandbox.id.clone());
        let row = daemon.run(daemon.engine.records().call(move |store| store.execution(&id)));
        let row = row.expect("read").expect("recorded");
        assert_eq!(row.sandbox_id, sandbox_id);
        row.execution.ending.map(|ending| ending.exit_code)
    };
    let begun = std::time::Instant::now();
    while ended(&daemon, &over).is_none() {
        assert!(begun.elapsed() < SOON, "the end is not recorded");
    }
    assert_eq!(ended(&daemon, &over), Some(5));
    assert_eq!(ended(&daemon, &running), None);
    daemon.run(daemon.engine.stop_execution(&scene.who, &running)).expect("stopped");
    // The next daemon finds nothing new.
    daemon.kill();
    let audit = scene.starts(&scene.daemon());
    assert_eq!(audit, 2, "each was noted once");
}

#[test]
fn a_single_use_sandbox_whose_command_has_no_record_is_not_taken_from_it() {
    let scene = Scene::new();
    let daemon = scene.daemon();
    let made =
        daemon.run(daemon.engine.make_sandbox(&scene.who, CreateSandbox::standard(), Use::Single));
    let id = made.expect("made").id.clone();
    let inside = scene.provider.inside(&id).expect("it runs");
    let command = start_unrecorded(&daemon, &*inside, "sleep 0.3\necho late");
    daemon.kill();
    let daemon = scene.daemon();
    daemon.run(eventually(SOON, "it is gone", || scene.provider.count() == 0));
    let record = daemon.run(daemon.engine.get_execution(&scene.who, &command)).expect("known");
    assert_eq!(record.execution.ending.map(|ending| ending.exit_code), Some(0));
    let row = record.execution;
    assert_eq!(row.stdout_bytes, 5, "it ran to its end");
}

#[test]
fn commands_that_went_with_their_sandbox_are_recorded_as_lost() {
    let scene = Scene::new();
    let (daemon, sandbox) = scene.with_sandbox(named("web"));
    let run = RunCommand {
        target: Target::Existing("web".to_owned()),
        command: CommandLine::Shell("hang".to_owned()),
        options: RunOptions::standard(),
    };
    let run = daemon.run(daemon.engine.run_command(&scene.who, run)).expect("starts");
    let id = run.execution_id.clone();
    daemon.kill();
    drop(run);
    scene.provider.plant(&sandbox.id, Found::Layer(Some(Cause::of(Reason::OutOfMemory))));
    let daemon = scene.daemon();
    let record = daemon.run(daemon.engine.get_execution(&scene.who, &id)).expect("known");
    let ending = record.execution.ending.expect("it ended");
    assert_eq!((ending.exit_code, ending.signal), (137, Some(9)));
    let by = infield_domain::command::StoppedBy::OutOfMemory;
    assert_eq!(ending.stopped_by, Some(by));
}

#[test]
fn a_single_use_sandbox_goes_with_its_caller() {
    let scene = Scene::new();
    let daemon = scene.daemon();
    let run = |text: &str| RunCommand {
        target: Target::Temporary(Box::new(CreateSandbox::standard())),
        command: CommandLine::Shell(text.to_owned()),
        options: RunOptions::standard(),
    };
    let long = daemon.run(daemon.engine.run_command(&scene.who, run("sleep 0.3\necho late")));
    let short = daemon.run(daemon.engine.run_command(&scene.who, run("true")));
    let id = long.as_ref().expect("starts").execution_id.clone();
    daemon.kill();
    drop((long, short));
    let daemon = scene.daemon();
    daemon.run(eventually(SOON, "both are gone", || scene.provider.count() == 0));
    let request = OutputRequest {
        execution: id,
        stream: Stream::Stdout,
        offset: 0,
        limit: 1_000,
        wait_ms: 0,
        stop: false,
    };
    let page = daemon.run(daemon.engine.read_output(&scene.who, request)).expect("kept");
    assert_eq!(page.data, "late\n", "what nobody has read is kept");
}

#[test]
fn a_death_while_no_daemon_ran_has_its_cause() {
    let scene = Scene::new();
    let (daemon, sandbox) = scene.with_sandbox(named("web"));
    daemon.kill();
    scene.provider.plant(&sandbox.id, Found::Layer(Some(Cause::of(Reason::HostRestart))));
    let daemon = scene.daemon();
    let seat = daemon.engine.registry().by_id(&sandbox.id).expect("recorded");
    let stopped = daemon.run(seat.wait_for(|state| state == State::Stopped, SOON));
    assert_eq!(stopped.state, State::Stopped);
    assert_eq!(stopped.cause, Some(Cause::of(Reason::HostRestart)));
}

#[test]
fn what_has_no_record_is_removed() {
    let scene = Scene::new();
    let stranger = crate::names::sandbox_id();
    scene.provider.plant(&stranger, Found::Remains);
    drop(scene.daemon());
    assert_eq!(scene.provider.count(), 0);
}

#[test]
fn what_is_overdue_goes_first() {
    let scene = Scene::new();
    let retention = Retention { time_to_live_ms: Some(1), ..Retention::PERSISTENT };
    let daemon = scene.daemon();
    // Killed before its timer can do anything.
    scene.provider.delay(Operation::Delete, FOREVER);
    let create = CreateSandbox { retention, ..named("old") };
    daemon.run(daemon.engine.create_sandbox(&scene.who, create)).expect("made");
    daemon.kill();
    scene.provider.delay(Operation::Delete, Duration::ZERO);
    let daemon = scene.daemon();
    assert_eq!(scene.provider.count(), 0, "gone when the daemon is ready");
    assert!(daemon.engine.registry().all().is_empty());
}

#[test]
fn the_table_of_beginnings_holds() {
    use infield_domain::lifecycle::next;
    let found = || {
        let enforcement = Enforcement::default();
        [
            Some(Found::Running(Running { enforcement: enforcement.clone() })),
            Some(Found::Paused(Running { enforcement })),
            Some(Found::Layer(None)),
            Some(Found::Remains),
            None,
        ]
    };
    for state in [
        State::Creating,
        State::Starting,
        State::Running,
        State::Pausing,
        State::Paused,
        State::Resuming,
        State::Archived,
        State::Stopping,
        State::Stopped,
        State::Failed,
        State::Deleting,
    ] {
        for found in found() {
            let begin = beginning(state, found.clone());
            if let Some(event) = &begin.event {
                assert!(next(state, event).is_some(), "{state:?} {found:?} {event:?}");
            }
            let creates = state == State::Creating;
            assert!(!creates || begin.event.is_some(), "a creation never goes on: {found:?}");
        }
    }
}

#[test]
fn a_paused_sandbox_outlives_the_daemon_as_it_is() {
    let scene = Scene::new();
    let (daemon, made) = scene.with_sandbox(named("web"));
    daemon.run(daemon.engine.pause_sandbox(&scene.who, "web")).expect("paused");
    daemon.kill();
    let daemon = scene.daemon();
    assert_eq!(scene.state(&daemon).state, State::Paused);
    assert!(matches!(scene.provider.found(&made.id), Some(Found::Paused(_))));
    daemon.kill();
    // Somebody let it go on behind our back.
    let enforcement = Enforcement::default();
    scene.provider.plant(&made.id, Found::Running(Running { enforcement }));
    let daemon = scene.daemon();
    let seat = daemon.engine.registry().by_id(&made.id).expect("there");
    let held = daemon.run(seat.wait_for(|state| state == State::Paused, SOON));
    assert_eq!(held.state, State::Paused);
    assert!(matches!(scene.provider.found(&made.id), Some(Found::Paused(_))), "held again");
    let started = daemon.run(daemon.engine.start_sandbox(&scene.who, "web")).expect("goes on");
    assert_eq!(started.state, State::Running);
}

#[test]
fn killed_while_pausing_and_while_resuming() {
    for (operation, expected) in
        [(Operation::Pause, State::Paused), (Operation::Resume, State::Running)]
    {
        let scene = Scene::new();
        let (daemon, made) = scene.with_sandbox(named("web"));
        if operation == Operation::Resume {
            daemon.run(daemon.engine.pause_sandbox(&scene.who, "web")).expect("paused");
        }
        scene.kill_during(daemon, operation);
        let daemon = scene.daemon();
        let seat = daemon.engine.registry().by_id(&made.id).expect("there");
        let rests = |state| matches!(state, State::Paused | State::Running);
        let found = daemon.run(seat.wait_for(rests, SOON));
        assert_eq!(found.state, expected, "{operation:?}");
    }
}
