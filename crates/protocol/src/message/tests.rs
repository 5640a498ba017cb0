use std::fmt::Write as _;

use super::*;

/// One of every shape, so that a change of any shows.
fn surface() -> Vec<(&'static str, Vec<u8>)> {
    let mut all = Vec::new();
    let mut put = |name, encoded: Result<Vec<u8>, postcard::Error>| {
        all.push((name, encoded.expect("every shape can be encoded")));
    };
    put(
        "opening",
        postcard::to_allocvec(&Opening { generation: GENERATION, request: Request::Executions }),
    );
    for (name, request) in requests() {
        put(name, postcard::to_allocvec(&request));
    }
    for (name, input) in [
        ("input data", Input::Data(Blob(vec![1, 2]))),
        ("input end", Input::End),
        ("input resize", Input::Resize(TerminalSize { columns: 80, rows: 24 })),
        ("input file", Input::File { path: text("p"), permissions: Some(0o600) }),
    ] {
        put(name, postcard::to_allocvec(&input));
    }
    for (name, event) in events() {
        put(name, postcard::to_allocvec(&event));
    }
    all
}

fn text(text: &str) -> String {
    text.to_owned()
}

fn requests() -> Vec<(&'static str, Request)> {
    let spawn = |stdin, terminal, timeout_ms, on_disconnect| {
        Request::Spawn(Spawn {
            id: text("ex"),
            argv: vec![text("a"), text("b")],
            environment: vec![(text("K"), text("V"))],
            working_directory: text("/w"),
            user: text("root"),
            stdin,
            terminal,
            timeout_ms,
            on_disconnect,
        })
    };
    let size = Some(TerminalSize { columns: 80, rows: 24 });
    let signal = |signal| Request::Signal { id: text("ex"), signal };
    let write = |mode| Request::Write { path: text("p"), mode, permissions: Some(0o600) };
    let (id, path) = (text("ex"), text("p"));
    vec![
        ("spawn empty", spawn(Stdin::Empty, None, None, OnDisconnect::Continue)),
        ("spawn bytes", spawn(Stdin::Bytes(Blob(vec![9])), size, Some(7), OnDisconnect::Kill)),
        ("spawn stream", spawn(Stdin::Stream, None, None, OnDisconnect::Kill)),
        ("attach", Request::Attach { id: id.clone(), stdout: 1, stderr: 2 }),
        (
            "read output",
            Request::ReadOutput { id, stream: Stream::Stderr, offset: 1, limit: 2, wait_ms: 3 },
        ),
        ("interrupt", signal(Signal::Interrupt)),
        ("terminate", signal(Signal::Terminate)),
        ("kill", signal(Signal::Kill)),
        ("hangup", signal(Signal::Hangup)),
        ("executions", Request::Executions),
        ("find program", Request::FindProgram(vec![text("sh")])),
        ("stat", Request::Stat(path.clone())),
        ("list", Request::List { path: path.clone(), depth: 1, limit: 2 }),
        ("read", Request::Read { path: path.clone(), offset: 1, length: Some(2) }),
        ("write replace", write(WriteMode::Replace)),
        ("write append", write(WriteMode::Append)),
        ("write new", write(WriteMode::New)),
        ("edit", Request::Edit { path: path.clone(), old: text("o"), new: text("n"), all: true }),
        ("make directory", Request::MakeDirectory(path.clone())),
        ("remove", Request::Remove { path: path.clone(), recursive: true }),
        ("rename", Request::Rename { from: path.clone(), to: text("q") }),
        (
            "search",
            Request::Search { path: path.clone(), name: Some(text("*")), content: None, limit: 3 },
        ),
        ("archive out", Request::ArchiveOut(path.clone())),
        ("archive in", Request::ArchiveIn(path)),
        ("dial", Request::Dial(3000)),
        ("as", Request::As { user: text("u"), request: Box::new(Request::WriteAll) }),
        ("write all", Request::WriteAll),
        ("read all", Request::ReadAll(vec![text("p")])),
    ]
}

fn failures() -> Vec<(&'static str, Event)> {
    let failed = |code| Event::Failed(Failure { code, message: text("m"), hint: Some(text("h")) });
    vec![
        ("failed internal", failed(Code::Internal)),
        ("failed not found", failed(Code::NotFound)),
        ("failed conflict", failed(Code::Conflict)),
        ("failed invalid", failed(Code::Invalid)),
        ("failed denied", failed(Code::Denied)),
        ("failed quota", failed(Code::Quota)),
        ("failed unsupported", failed(Code::Unsupported)),
        ("failed unavailable", failed(Code::Unavailable)),
        ("failed timeout", failed(Code::Timeout)),
    ]
}

fn events() -> Vec<(&'static str, Event)> {
    let ending = |stopped_by| Ending { exit_code: 137, signal: Some(9), stopped_by, wall_ms: 5 };
    let execution = Execution {
        id: text("ex"),
        command: text("a b"),
        started_at: 1,
        ending: Some(ending(None)),
        stdout_bytes: 2,
        stderr_bytes: 3,
    };
    let entry = |kind| FileEntry {
        path: text("p"),
        kind,
        size: 1,
        mode: 0o644,
        uid: 2,
        gid: 3,
        modified_at: 4,
        target: Some(text("t")),
    };
    let found = Match { path: text("p"), line: Some(1), text: Some(text("l")) };
    let (stream, data) = (Stream::Stdout, Blob(vec![7]));
    let refused = Failure { code: Code::NotFound, message: text("m"), hint: None };
    let mut all = failures();
    all.extend([
        ("done", Event::Done),
        ("started", Event::Started),
        ("output", Event::Output { stream, offset: 1, data: data.clone() }),
        ("ended", Event::Ended(ending(None))),
        ("ended by time", Event::Ended(ending(Some(StoppedBy::Timeout)))),
        ("ended by caller", Event::Ended(ending(Some(StoppedBy::Caller)))),
        ("ended by memory", Event::Ended(ending(Some(StoppedBy::OutOfMemory)))),
        (
            "page",
            Event::Page { execution: execution.clone(), offset: 1, data: data.clone(), total: 2 },
        ),
        ("executions", Event::Executions(vec![execution])),
        ("program", Event::Program(Some(text("/bin/sh")))),
        ("entry", Event::Entry(entry(FileKind::File))),
        ("entries", Event::Entries(vec![entry(FileKind::Directory), entry(FileKind::Symlink)])),
        ("other", Event::Entry(entry(FileKind::Other))),
        ("matches", Event::Matches(vec![found])),
        ("finished", Event::Finished { truncated: true }),
        ("data", Event::Data(data)),
        ("count", Event::Count(300)),
        ("refused", Event::Refused(refused)),
    ]);
    all
}

/// A change here is a change of what agents that run already understand: it needs a new
/// [`GENERATION`], and then the snapshot may change with it.
#[test]
fn the_surface_is_frozen() {
    let mut shown = format!("generation {GENERATION}\n");
    for (name, bytes) in surface() {
        let hex: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        writeln!(shown, "{name}: {}", hex.join(" ")).expect("writing to a string");
    }
    insta::assert_snapshot!(shown);
}

#[test]
fn every_shape_comes_back() {
    for (name, request) in requests() {
        let bytes = postcard::to_allocvec(&request).expect("every shape can be encoded");
        assert_eq!(frame::decode::<Request>(&bytes).expect(name), request);
    }
    for (name, event) in events() {
        let bytes = postcard::to_allocvec(&event).expect("every shape can be encoded");
        assert_eq!(frame::decode::<Event>(&bytes).expect(name), event);
    }
}

#[test]
fn another_generation_is_seen_before_anything_else() {
    let mut body = postcard::to_allocvec(&(GENERATION + 1)).expect("a number");
    body.extend([0xff; 8]);
    assert!(
        matches!(open(&body), Err(OpeningError::Generation { theirs }) if theirs == GENERATION + 1)
    );
    assert!(matches!(open(&[]), Err(OpeningError::Malformed(_))));
    assert!(matches!(open(&[3, 200]), Err(OpeningError::Malformed(_))));
}
