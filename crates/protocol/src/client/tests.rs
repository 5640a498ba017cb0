//! A hostile agent: whatever it says, a call ends with an error and never with a lie.

use std::sync::{Arc, Mutex};

use futures_util::StreamExt;
use infield_domain::command::{Command, OnDisconnect, ProcessEvent, Stdin, Stream};
use infield_domain::files::{List, Range};
use infield_domain::guest::{Guest, ReadOutput};
use infield_domain::{ExecutionId, GuestPath, Kind, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::frame::encode;
use crate::message::{Blob, Code, Ending, Event, Execution, Failure, FileEntry, FileKind};

/// A client whose agent says these events, whatever it is asked, and hangs up.
fn hostile(events: &[Event]) -> Client {
    let mut bytes = Vec::new();
    for event in events {
        encode(event, &mut bytes).expect("the event fits");
    }
    saying(bytes)
}

fn saying(bytes: Vec<u8>) -> Client {
    let bytes = Arc::new(Mutex::new(bytes));
    Client::new(move || {
        let bytes = bytes.lock().expect("nobody panicked").clone();
        let (ours, theirs) = UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        theirs.set_nonblocking(true)?;
        let mut theirs = tokio::net::UnixStream::from_std(theirs)?;
        tokio::spawn(async move {
            let mut request = [0; 1024];
            let heard = theirs.read(&mut request).await;
            // A client that hung up in disgust is what some of these tests want.
            let said = theirs.write_all(&bytes).await;
            drop((heard, said));
        });
        Ok(ours)
    })
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(future)
}

fn id() -> ExecutionId {
    ExecutionId::from_random([3; 16])
}

fn path() -> GuestPath {
    "p".parse().expect("a path")
}

fn command() -> Command {
    Command {
        id: id(),
        argv: vec!["true".to_owned()],
        environment: std::collections::BTreeMap::new(),
        working_directory: path(),
        user: "root".to_owned(),
        stdin: Stdin::Empty,
        terminal: None,
        timeout_ms: None,
        on_disconnect: OnDisconnect::Kill,
    }
}

/// Follows a command of an agent that says this, and gives what was told before the error.
fn check_process(events: &[Event], expected: usize) {
    let told: Result<Vec<Result<ProcessEvent>>> = run(async {
        let process = hostile(events).spawn(command()).await?;
        Ok(process.events.collect().await)
    });
    let told = told.expect("it started");
    assert_eq!(told.len(), expected + 1, "{told:?}");
    let last = told.last().expect("an error").as_ref().expect_err("the last is an error");
    assert_eq!(last.kind(), Kind::Unavailable);
}

fn output(offset: u64, bytes: &[u8]) -> Event {
    Event::Output { stream: message::Stream::Stdout, offset, data: Blob(bytes.to_vec()) }
}

use crate::message;

#[test]
fn output_that_makes_no_sense_ends_the_stream() {
    check_process(&[Event::Started], 0);
    check_process(&[Event::Started, output(0, b"abc"), output(2, b"x")], 1);
    check_process(&[Event::Started, output(0, b"abc"), output(3, b"")], 1);
    check_process(&[Event::Started, output(u64::MAX, b"abc")], 0);
    check_process(&[Event::Started, output(9, b"abc"), Event::Started], 1);
    check_process(&[Event::Started, Event::Done], 0);
}

#[test]
fn an_ending_ends_whatever_comes_after() {
    let ending = Ending { exit_code: 0, signal: None, stopped_by: None, wall_ms: 1 };
    let events = [Event::Started, Event::Ended(ending), output(0, b"more")];
    let told: Vec<_> = run(async {
        hostile(&events).spawn(command()).await.expect("it started").events.collect().await
    });
    assert!(matches!(&told[..], [Ok(ProcessEvent::Ended(_))]), "{told:?}");
}

/// Wants a call refused with this kind.
fn check<T: std::fmt::Debug>(call: Result<T>, expected: Kind) {
    assert_eq!(call.expect_err("it is refused").kind(), expected);
}

#[test]
fn answers_to_another_question_are_refused() {
    let client = hostile(&[Event::Count(1)]);
    check(run(client.spawn(command())).map(drop), Kind::Unavailable);
    check(run(client.executions()), Kind::Unavailable);
    check(run(client.find_program(&["sh"])), Kind::Unavailable);
    check(run(client.stat(&path())), Kind::Unavailable);
    check(run(client.make_directory(&path())), Kind::Unavailable);
    check(run(client.archive_out(&path())).map(drop), Kind::Unavailable);
    check(run(client.list(List { path: path(), depth: 1, limit: 1 })), Kind::Unavailable);
}

#[test]
fn bytes_that_are_no_frames_are_refused() {
    for bytes in [vec![0xff; 100], vec![0, 0, 0, 2, 0, 0], vec![0, 0, 0, 9], Vec::new()] {
        check(run(saying(bytes).executions()), Kind::Unavailable);
    }
}

#[test]
fn pages_of_another_command_or_place_are_refused() {
    let page = |id: &str, offset, data: &[u8], total| {
        let (command, ending) = ("true".to_owned(), None);
        let (id, stdout_bytes, stderr_bytes) = (id.to_owned(), 0, 0);
        let execution =
            Execution { id, command, started_at: 0, ending, stdout_bytes, stderr_bytes };
        Event::Page { execution, offset, data: Blob(data.to_vec()), total }
    };
    let read = |event: Event| {
        let request =
            ReadOutput { id: id(), stream: Stream::Stdout, offset: 5, limit: 3, wait_ms: 0 };
        run(hostile(&[event]).read_output(request))
    };
    let own = id().to_string();
    assert_eq!(read(page(&own, 5, b"abc", 8)).expect("is right").total, 8);
    check(read(page("ex-0000000000000000", 5, b"abc", 8)), Kind::Unavailable);
    check(read(page("../etc", 5, b"abc", 8)), Kind::Unavailable);
    check(read(page(&own, 4, b"abc", 8)), Kind::Unavailable);
    check(read(page(&own, 5, b"abcd", 9)), Kind::Unavailable);
    check(read(page(&own, 5, b"abc", 7)), Kind::Unavailable);
    check(read(page(&own, u64::MAX, b"abc", 7)), Kind::Unavailable);
}

#[test]
fn more_than_was_asked_for_is_refused() {
    let entry = || FileEntry {
        path: "p".to_owned(),
        kind: FileKind::File,
        size: 3,
        mode: 0o107_644,
        uid: 0,
        gid: 0,
        modified_at: 0,
        target: None,
    };
    let entries = Event::Entries(vec![entry(), entry()]);
    let client = hostile(&[entries, Event::Finished { truncated: false }]);
    check(run(client.list(List { path: path(), depth: 1, limit: 1 })), Kind::Unavailable);
    let both = run(client.list(List { path: path(), depth: 1, limit: 2 })).expect("is right");
    assert_eq!(both.entries[0].mode, 0o7644);
    let data = |bytes: &[u8]| Event::Data(Blob(bytes.to_vec()));
    let client = hostile(&[Event::Entry(entry()), data(b"ab"), data(b"cd"), Event::Done]);
    let range = Range { offset: 0, length: Some(3) };
    let pieces: Vec<_> =
        run(async { client.read(&path(), range).await.expect("it begins").1.collect().await });
    assert!(matches!(&pieces[..], [Ok(_), Err(_)]), "{pieces:?}");
}

#[test]
fn failures_keep_their_kind_and_lose_what_a_terminal_would_obey() {
    let (code, message) = (Code::NotFound, format!("\u{1b}[2J{}", "x".repeat(2000)));
    let failure = Failure { code, message, hint: Some("look\r\n".to_owned()) };
    let error = run(hostile(&[Event::Failed(failure)]).stat(&path())).expect_err("it failed");
    assert_eq!((error.kind(), error.hint()), (Kind::NotFound, Some("look")));
    assert!(error.message().starts_with("[2Jxx") && error.message().len() == 600);
}
