//! Follows a program that runs in a sandbox: its output to ours, our input and signals to it.
//!
//! ```text
//!   stdin ──▶ inputs ──▶ daemon ──▶ events ──▶ stdout, stderr
//!   signals, window size ──▶ inputs
//! ```
//!
//! Input and output move independently, so that a program which does not read cannot stop its own
//! output. The first interrupt is forwarded; the second ends the connection, and with it the
//! program, whatever state either side is in.

use std::future::pending;
use std::io::ErrorKind;
use std::process::ExitCode;

use infield_domain::command::{Ending, Signal, StoppedBy};
use infield_domain::network::Judgement;
use infield_domain::{Error, Result};
use infield_engine::destination;
use infield_rest::stream::{ClientFrame, ServerFrame};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use crate::client::{Connection, Events, Inputs};
use crate::error::{TIME_OVER, from_detail};
use crate::output;
use crate::stdio::Stdio;
use crate::terminal::{self, Raw};

/// What the program reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    /// Nothing, or what the request carried.
    None,
    /// Our standard input.
    Stdin,
    /// Our terminal, in raw mode.
    Terminal,
}

/// How it came to an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Followed {
    /// The program ended.
    Ended(Ending),
    /// We were told to end by this signal, twice or in raw mode.
    Interrupted(i32),
    /// Nobody reads our output any more.
    Unread,
}

impl Followed {
    /// What a shell sees; says on standard error what the program itself could not.
    pub(crate) fn exit_code(self) -> ExitCode {
        let ending = match self {
            Self::Ended(ending) => ending,
            Self::Interrupted(number) => return code(128 + number),
            // 128 + SIGPIPE, as a program that is cut off by `head` ends.
            Self::Unread => return code(128 + 13),
        };
        match ending.stopped_by {
            Some(StoppedBy::Timeout) => {
                let after = output::span(ending.wall_ms);
                output::complain(&format!("infield: stopped after {after}: its time was over\n"));
                ExitCode::from(TIME_OVER)
            }
            Some(StoppedBy::OutOfMemory) => {
                output::complain(
                    "infield: killed: it needed more memory than the sandbox has; see `--memory`\n",
                );
                code(ending.exit_code)
            }
            Some(StoppedBy::Caller) | None => code(ending.exit_code),
        }
    }
}

/// Exit codes are bytes; a code beyond them must not look like success.
fn code(number: i32) -> ExitCode {
    ExitCode::from(u8::try_from(number).unwrap_or(u8::MAX))
}

/// Follows until the program ends or we are told to end.
pub(crate) async fn follow(connection: Connection, input: Input) -> Result<Followed> {
    let raw = (input == Input::Terminal).then(Raw::enter).transpose()?;
    let (events, inputs) = connection.frames();
    let (told, tells) = mpsc::channel(16);
    let followed = tokio::select! {
        followed = show(events) => followed,
        failed = feed(inputs, input, tells) => failed,
        interrupted = watch(input, told) => interrupted,
    };
    drop(raw);
    followed
}

/// Shows output until the end.
async fn show(mut events: Events) -> Result<Followed> {
    let failed = |source| Error::internal("cannot use the standard streams").with_source(source);
    let stdout = Stdio::output().map_err(failed)?;
    let stderr = Stdio::errors().map_err(failed)?;
    loop {
        let written = match events.next().await? {
            ServerFrame::Started(_) => Ok(()),
            ServerFrame::Stdout(bytes) => stdout.write_all(&bytes).await,
            ServerFrame::Stderr(bytes) => stderr.write_all(&bytes).await,
            ServerFrame::Refused(connections) => {
                complain_of(&connections);
                Ok(())
            }
            ServerFrame::Ended(ending) => return Ok(Followed::Ended(ending)),
            ServerFrame::Error(body) => return Err(from_detail(body.error)),
        };
        match written {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(Followed::Unread),
            Err(error) => {
                return Err(Error::unavailable(format!("cannot write the output: {error}")));
            }
        }
    }
}

/// Says what the network refused, since the program may have said only that it failed.
fn complain_of(refused: &[infield_rest::wire::Connection]) {
    let (exceeded, denied): (Vec<_>, Vec<_>) =
        refused.iter().partition(|one| one.judgement == Judgement::Exceeded);
    let mut all: Vec<String> = denied.into_iter().map(destination).collect();
    all.sort();
    all.dedup();
    if !all.is_empty() {
        output::complain(&format!(
            "infield: the network of the sandbox refused {}; see `--allow` and `infield net`\n",
            all.join(", ")
        ));
    }
    if let Some(last) = exceeded.last() {
        let (to, why) = (destination(last), output::clean(&last.reason));
        output::complain(&format!(
            "infield: the network of the sandbox stopped {to}: {why}; see `infield net limit`\n"
        ));
    }
}

/// Forwards standard input and what `tells` says. Only a failure ends it: the daemon that takes
/// no more input may still have output for us.
async fn feed(
    mut inputs: Inputs,
    input: Input,
    mut tells: mpsc::Receiver<ClientFrame>,
) -> Result<Followed> {
    let stdin = match input {
        Input::None => None,
        Input::Stdin | Input::Terminal => Some(Stdio::input().map_err(|source| {
            Error::unavailable("cannot use standard input").with_source(source)
        })?),
    };
    let mut open = stdin.is_some();
    loop {
        let read = async {
            match &stdin {
                Some(stdin) if open => stdin.read().await,
                Some(_) | None => pending().await,
            }
        };
        let sent = tokio::select! {
            told = tells.recv() => match told {
                // The size of now: of many changes only the last one matters.
                Some(ClientFrame::Resize(_)) => {
                    inputs.send(ClientFrame::Resize(terminal::size())).await
                }
                Some(frame) => inputs.send(frame).await,
                None => pending().await,
            },
            bytes = read => {
                let bytes = bytes.map_err(|error| {
                    Error::unavailable(format!("cannot read standard input: {error}"))
                })?;
                open = !bytes.is_empty();
                inputs.stdin(bytes).await
            }
        };
        if sent.is_err() {
            // The program ended: its last frames are on their way, and `show` has them.
            return pending().await;
        }
    }
}

/// Turns signals into frames, until one of them means that we must end.
async fn watch(input: Input, told: mpsc::Sender<ClientFrame>) -> Result<Followed> {
    let listen = |kind| {
        signal(kind)
            .map_err(|source| Error::internal("cannot listen for signals").with_source(source))
    };
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut terminate = listen(SignalKind::terminate())?;
    let mut hangup = listen(SignalKind::hangup())?;
    let mut window = listen(SignalKind::window_change())?;
    let mut forwarded = false;
    loop {
        let (forward, number) = tokio::select! {
            _ = interrupt.recv() => (Signal::Interrupt, 2),
            _ = terminate.recv() => (Signal::Terminate, 15),
            _ = hangup.recv() => (Signal::Hangup, 1),
            _ = window.recv() => {
                if input == Input::Terminal {
                    // A full queue has one already, which will carry the size of its time.
                    drop(told.try_send(ClientFrame::Resize(terminal::size())));
                }
                continue;
            }
        };
        // In raw mode the interrupt key is input; a signal comes from outside and means us.
        if forwarded
            || input == Input::Terminal
            || told.try_send(ClientFrame::Signal(forward)).is_err()
        {
            return Ok(Followed::Interrupted(number));
        }
        forwarded = true;
    }
}
