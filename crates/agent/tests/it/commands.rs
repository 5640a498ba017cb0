//! Commands: what they get, what comes out, and how they end.

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use infield_domain::command::{
    OnDisconnect, ProcessEvent, ProcessInput, Signal, Stdin, StoppedBy, Stream,
};
use infield_domain::guest::{Guest, Process, ReadOutput};
use infield_domain::{Kind, Result};

use crate::agent::{Agent, collect, command, eventually, id, is_alive, path, shell, terminal};

/// Runs a shell line and wants this output and exit code.
fn check(line: &str, stdout: &str, stderr: &str, exit_code: i32) {
    let seen = Agent::start().shell(line);
    assert_eq!((seen.out().as_str(), seen.err().as_str()), (stdout, stderr), "{line}");
    assert_eq!(seen.ending.exit_code, exit_code, "{line}");
}

#[test]
fn output_errors_and_exit_code_come_apart() {
    check("echo out; echo err >&2; exit 3", "out\n", "err\n", 3);
}

#[test]
fn standard_input_is_empty_unless_given() {
    check("cat; echo end", "end\n", "", 0);
}

#[test]
fn a_signal_is_told_as_128_and_its_number() {
    let seen = Agent::start().shell("kill -SEGV $$");
    assert_eq!((seen.ending.exit_code, seen.ending.signal), (139, Some(11)));
    assert_eq!(seen.ending.stopped_by, None);
}

#[test]
fn the_environment_is_built_from_nothing() {
    let agent = Agent::start();
    let mut env = command(&["/usr/bin/env"]);
    env.environment.insert("MINE".to_owned(), "a b=c".to_owned());
    let seen = agent.wait(async { collect(agent.client.spawn(env).await?).await }).expect("runs");
    let out = seen.out();
    let mut lines: Vec<&str> = out.lines().collect();
    lines.sort_unstable();
    let names: Vec<&str> = lines.iter().filter_map(|line| Some(line.split_once('=')?.0)).collect();
    assert_eq!(names, ["HOME", "LANG", "LOGNAME", "MINE", "PATH", "SHELL", "USER"]);
    assert!(lines.contains(&"MINE=a b=c"), "{lines:?}");
}

#[test]
fn no_descriptor_of_the_agent_reaches_a_command() {
    check("ls /proc/self/fd | tr '\\n' ' '", "0 1 2 3 ", "", 0);
}

#[test]
fn every_signal_is_let_through() {
    check(
        "grep -E 'Sig(Blk|Ign)' /proc/self/status | cut -f2",
        "0000000000000000\n0000000000000000\n",
        "",
        0,
    );
}

#[test]
fn programs_are_found_in_the_path() {
    let agent = Agent::start();
    let seen = agent.wait(async { collect(agent.client.spawn(command(&["true"])).await?).await });
    assert_eq!(seen.expect("runs").ending.exit_code, 0);
    let found = agent.wait(agent.client.find_program(&["no-such-program", "sh"])).expect("answers");
    assert!(found.is_some_and(|path| path.ends_with("/sh")));
    let found = agent.wait(agent.client.find_program(&["no-such-program"])).expect("answers");
    assert_eq!(found, None);
}

/// Wants a command refused with this kind and message, and nothing of it remembered.
fn check_refused(
    change: impl FnOnce(&mut infield_domain::command::Command),
    kind: Kind,
    message: &str,
) {
    let agent = Agent::start();
    let mut refused = command(&["/bin/true"]);
    change(&mut refused);
    let error = agent.wait(agent.client.spawn(refused)).err().expect("it is refused");
    assert_eq!((error.kind(), error.message()), (kind, message));
    assert!(agent.wait(agent.client.executions()).expect("answers").is_empty());
}

#[test]
fn a_missing_program_is_named() {
    let program =
        |command: &mut infield_domain::command::Command| command.argv = vec!["nonesuch".to_owned()];
    check_refused(program, Kind::NotFound, "program `nonesuch` not found");
}

#[test]
fn a_program_that_is_none_is_named() {
    check_refused(
        |c| c.argv = vec!["/etc/passwd".to_owned()],
        Kind::Denied,
        "permission denied to run `/etc/passwd`",
    );
}

#[test]
fn a_missing_working_directory_is_named() {
    check_refused(
        |c| c.working_directory = path("/nowhere/at/all"),
        Kind::NotFound,
        "working directory `/nowhere/at/all` is missing",
    );
}

#[test]
fn an_unknown_user_is_named() {
    check_refused(
        |c| c.user = "stranger".to_owned(),
        Kind::NotFound,
        "there is no user `stranger` in this sandbox",
    );
}

#[test]
fn commands_run_as_the_user() {
    let agent = Agent::start();
    let mut who = shell("id -u; id -g; id -G; echo $HOME");
    who.user = "daemon".to_owned();
    who.working_directory = path("/");
    let seen = agent.wait(async { collect(agent.client.spawn(who).await?).await }).expect("runs");
    assert_eq!(seen.out(), "1\n1\n1\n/usr/sbin\n");
}

#[test]
fn given_input_of_any_size_arrives() {
    let agent = Agent::start();
    for size in [0, 10, 300_000, 3_000_000] {
        let mut count = command(&["wc", "-c"]);
        count.stdin = Stdin::Bytes(vec![b'x'; size].into());
        let seen = agent.wait(async { collect(agent.client.spawn(count).await?).await });
        assert_eq!(seen.expect("runs").out().trim(), size.to_string());
    }
}

#[test]
fn input_streams_while_the_command_runs() {
    let agent = Agent::start();
    let mut cat = command(&["cat"]);
    cat.stdin = Stdin::Stream;
    let echoed: Result<_> = agent.wait(async {
        let mut process = agent.client.spawn(cat).await?;
        process.input.send(ProcessInput::Stdin("one".into())).await?;
        let first = process.events.next().await;
        process.input.send(ProcessInput::Stdin("two".into())).await?;
        process.input.send(ProcessInput::End).await?;
        Ok((first, collect(process).await?))
    });
    let (first, rest) = echoed.expect("runs");
    let one = ProcessEvent::Output { stream: Stream::Stdout, offset: 0, data: "one".into() };
    assert_eq!(first.expect("an event").expect("output"), one);
    assert_eq!((rest.out().as_str(), rest.ending.exit_code), ("two", 0));
}

#[test]
fn a_terminal_has_a_size_and_can_be_resized() {
    let agent = Agent::start();
    let mut size = shell("stty size; read line; stty size; echo $TERM");
    size.terminal = terminal(100, 40);
    size.stdin = Stdin::Stream;
    let seen: Result<_> = agent.wait(async {
        let mut process = agent.client.spawn(size).await?;
        let first = process.events.next().await;
        let new = terminal(80, 24).expect("a size");
        process.input.send(ProcessInput::Resize(new)).await?;
        process.input.send(ProcessInput::Stdin("go\n".into())).await?;
        Ok((first, collect(process).await?))
    });
    let (first, rest) = seen.expect("runs");
    let first = first.expect("an event").expect("output");
    assert!(matches!(first, ProcessEvent::Output { data, .. } if data.starts_with(b"40 100")));
    assert!(rest.out().contains("24 80\r\nxterm-256color"), "{rest:?}");
}

#[test]
fn ten_megabytes_come_whole_and_can_be_read_again() {
    let agent = Agent::start();
    let mut many = shell("seq 1 1500000");
    many.id = id();
    let name = many.id.clone();
    let seen = agent.wait(async { collect(agent.client.spawn(many).await?).await }).expect("runs");
    let expected: String = (1..=1_500_000).map(|number| format!("{number}\n")).collect();
    assert!(seen.stdout == expected.as_bytes(), "{} bytes", seen.stdout.len());
    let mut again = Vec::new();
    while again.len() < expected.len() {
        let request = ReadOutput {
            id: name.clone(),
            stream: Stream::Stdout,
            offset: again.len() as u64,
            limit: 1 << 20,
            wait_ms: 0,
        };
        let page = agent.wait(agent.client.read_output(request)).expect("a page");
        assert_eq!((page.offset, page.total), (again.len() as u64, expected.len() as u64));
        again.extend(page.data);
    }
    assert!(again == expected.as_bytes());
}

/// A reader that is sometimes slower and sometimes faster than the command: each time that its
/// row runs empty, somebody must fill it.
#[test]
fn hundreds_of_megabytes_flow_without_a_halt() {
    let agent = Agent::start();
    let process = agent.wait(agent.client.spawn(shell("head -c 300000000 /dev/zero")));
    let mut events = process.expect("runs").events;
    let mut seen = 0;
    while let Some(event) = agent.wait(events.next()) {
        if let ProcessEvent::Output { data, .. } = event.expect("an event") {
            seen += data.len();
        }
    }
    assert_eq!(seen, 300_000_000);
}

#[test]
fn a_flood_keeps_its_last_sixteen_megabytes() {
    let agent = Agent::start();
    let flood = shell("head -c 40000000 /dev/zero; printf end");
    let name = flood.id.clone();
    let process = agent.wait(agent.client.spawn(flood)).expect("runs");
    drop(process);
    let read = |offset, wait_ms| {
        let request =
            ReadOutput { id: name.clone(), stream: Stream::Stdout, offset, limit: 3, wait_ms };
        agent.wait(agent.client.read_output(request)).expect("a page")
    };
    let last = read(40_000_000, 10_000);
    assert_eq!((&last.data[..], last.total), (&b"end"[..], 40_000_003));
    let first = read(0, 0).offset;
    assert!((40_000_003 - (16 << 20)..=40_000_003 - (15 << 20)).contains(&first), "{first}");
}

#[test]
fn a_slow_reader_holds_the_command_back() {
    let agent = Agent::start();
    let marker = agent.workspace().join("done");
    let process = agent.wait(agent.client.spawn(shell("head -c 30000000 /dev/zero; touch done")));
    let process = process.expect("runs");
    let sofar = || {
        let all = agent.wait(agent.client.executions()).expect("answers");
        all[0].stdout_bytes
    };
    let mut last = 0;
    let mut same = 0;
    eventually("the command standing still", || {
        let now = sofar();
        same = if now == last { same + 1 } else { 0 };
        last = now;
        now > 0 && same > 20
    });
    assert!(last < 4_000_000, "{last} bytes were read ahead");
    assert!(!marker.exists());
    let seen = agent.wait(collect(process)).expect("runs");
    assert_eq!(seen.stdout.len(), 30_000_000);
    assert!(marker.exists());
}

#[test]
fn a_command_outlives_its_connection_and_is_attached_again() {
    let agent = Agent::start();
    let mut waits = shell("echo one; read line < go; echo two");
    waits.on_disconnect = OnDisconnect::Continue;
    let name = waits.id.clone();
    let fifo = agent.workspace().join("go");
    agent.shell("mkfifo go");
    drop(agent.wait(agent.client.spawn(waits)).expect("runs"));
    let process = agent.wait(agent.client.attach(&name, 0, 0)).expect("is there");
    std::fs::write(&fifo, "now\n").expect("the command waits");
    let seen = agent.wait(collect(process)).expect("runs");
    assert_eq!(seen.out(), "one\ntwo\n");
    let again = agent.wait(async { collect(agent.client.attach(&name, 4, 0).await?).await });
    assert_eq!(again.expect("is remembered").out(), "two\n");
}

/// Wants a process that wrote its number to `pid` to be gone within a second.
fn check_tree_ends(end: impl FnOnce(&Agent, &str) -> Option<StoppedBy>) {
    let agent = Agent::start();
    // A daemon as daemons are: forked twice, a session of its own, no environment, and its
    // marker lowered.
    let line = "setsid env -i /bin/sh -c 'ulimit -x 5; sleep 1000 & echo $! > pid.new; mv pid.new pid' & \
                sleep 1000";
    let stopped_by = end(&agent, line);
    let pid = std::fs::read_to_string(agent.workspace().join("pid")).expect("the daemon ran");
    let pid: u32 = pid.trim().parse().expect("a number");
    let until = Instant::now() + Duration::from_secs(1);
    eventually("the end of the daemon", || !is_alive(pid));
    assert!(Instant::now() < until, "it took too long");
    let all = agent.wait(agent.client.executions()).expect("answers");
    assert_eq!(all[0].ending.and_then(|ending| ending.stopped_by), stopped_by);
}

fn daemon_runs(agent: &Agent) {
    eventually("the daemon", || agent.workspace().join("pid").exists());
}

#[test]
fn a_kill_ends_a_daemon_that_hides() {
    check_tree_ends(|agent, line| {
        let started = shell(line);
        let name = started.id.clone();
        let process = agent.wait(agent.client.spawn(started)).expect("runs");
        daemon_runs(agent);
        agent.wait(agent.client.signal(&name, Signal::Kill)).expect("is signalled");
        let seen = agent.wait(collect(process)).expect("ends");
        assert_eq!(seen.ending.signal, Some(9));
        Some(StoppedBy::Caller)
    });
}

#[test]
fn a_time_limit_ends_a_daemon_that_hides() {
    check_tree_ends(|agent, line| {
        let mut started = shell(line);
        started.timeout_ms = Some(700);
        let process = agent.wait(agent.client.spawn(started)).expect("runs");
        let seen = agent.wait(collect(process)).expect("ends");
        assert!((700..1700).contains(&seen.ending.wall_ms), "{:?}", seen.ending);
        Some(StoppedBy::Timeout)
    });
}

#[test]
fn a_disconnect_ends_a_daemon_that_hides() {
    check_tree_ends(|agent, line| {
        let mut started = shell(line);
        started.on_disconnect = OnDisconnect::Kill;
        let Process { events, input } = agent.wait(agent.client.spawn(started)).expect("runs");
        daemon_runs(agent);
        drop(input);
        drop(events);
        eventually("the ending", || {
            let all = agent.wait(agent.client.executions()).expect("answers");
            all[0].ending.is_some()
        });
        Some(StoppedBy::Caller)
    });
}

#[test]
fn what_a_command_leaves_behind_goes_on() {
    let agent = Agent::start();
    let seen = agent.shell("sleep 1000 & echo $!");
    let pid: u32 = seen.out().trim().parse().expect("a number");
    assert!(is_alive(pid));
    assert!(seen.ending.wall_ms < 1000);
}

#[test]
fn another_commands_processes_are_left_alone() {
    let agent = Agent::start();
    let kept = agent.shell("sleep 1000 & echo $!");
    let pid: u32 = kept.out().trim().parse().expect("a number");
    let other = shell("sleep 1000");
    let name = other.id.clone();
    let process = agent.wait(agent.client.spawn(other)).expect("runs");
    agent.wait(agent.client.signal(&name, Signal::Kill)).expect("is signalled");
    agent.wait(collect(process)).expect("ends");
    assert!(is_alive(pid));
}

#[test]
fn a_fork_bomb_is_stopped() {
    let agent = Agent::start();
    let bomb = shell(
        "i=0; while [ $i -lt 60 ]; do (while :; do (:) & wait; done) & i=$((i+1)); done; touch lit; wait",
    );
    let name = bomb.id.clone();
    let process = agent.wait(agent.client.spawn(bomb)).expect("runs");
    eventually("the bomb", || agent.workspace().join("lit").exists());
    let before = Instant::now();
    agent.wait(agent.client.signal(&name, Signal::Kill)).expect("is signalled");
    agent.wait(collect(process)).expect("ends");
    assert!(before.elapsed() < Duration::from_secs(1), "{:?}", before.elapsed());
    let stat = format!("/proc/{}/task/{}/children", agent.pid(), agent.pid());
    eventually("no child left", || {
        std::fs::read_to_string(&stat).is_ok_and(|c| c.trim().is_empty())
    });
}

#[test]
fn signals_reach_the_whole_tree_and_the_ended_are_no_error() {
    let agent = Agent::start();
    let trap = shell("trap 'echo caught; exit 7' TERM; echo ready; while :; do sleep 0.01; done");
    let name = trap.id.clone();
    let seen: Result<_> = agent.wait(async {
        let mut process = agent.client.spawn(trap).await?;
        process.events.next().await;
        process.input.send(ProcessInput::Signal(Signal::Terminate)).await?;
        collect(process).await
    });
    let seen = seen.expect("ends");
    assert_eq!((seen.out().as_str(), seen.ending.exit_code), ("caught\n", 7));
    agent.wait(agent.client.signal(&name, Signal::Kill)).expect("an ended command is no error");
    let unknown = agent.wait(agent.client.signal(&id(), Signal::Kill));
    assert_eq!(unknown.map_err(|error| error.kind()), Err(Kind::NotFound));
}

#[test]
fn an_id_is_used_once() {
    let agent = Agent::start();
    let first = command(&["/bin/true"]);
    let second = first.clone();
    agent.wait(async { collect(agent.client.spawn(first).await?).await }).expect("runs");
    let error = agent.wait(agent.client.spawn(second)).err().expect("it is refused");
    assert_eq!(error.kind(), Kind::Conflict);
}

#[test]
fn reading_waits_for_output_and_for_the_end() {
    let agent = Agent::start();
    let late = shell("sleep 0.2; echo late");
    let name = late.id.clone();
    drop(agent.wait(agent.client.spawn(late)).expect("runs"));
    let read = |offset| {
        let request = ReadOutput {
            id: name.clone(),
            stream: Stream::Stdout,
            offset,
            limit: 100,
            wait_ms: 9000,
        };
        agent.wait(agent.client.read_output(request)).expect("a page")
    };
    assert_eq!(&read(0).data[..], b"late\n");
    let end = read(5);
    assert!(end.data.is_empty() && end.execution.ending.is_some());
}

#[test]
fn more_commands_run_than_are_remembered() {
    let agent = Agent::start();
    let first = command(&["/bin/true"]);
    let forgotten = first.id.clone();
    agent.wait(async { collect(agent.client.spawn(first).await?).await }).expect("runs");
    for _ in 0..300 {
        let one = command(&["/bin/true"]);
        agent.wait(async { collect(agent.client.spawn(one).await?).await }).expect("runs");
    }
    assert_eq!(agent.wait(agent.client.executions()).expect("answers").len(), 256);
    let gone = agent.wait(agent.client.attach(&forgotten, 0, 0)).err();
    assert_eq!(gone.map(|error| error.kind()), Some(Kind::NotFound));
}
