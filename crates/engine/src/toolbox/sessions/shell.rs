//! The living shell of one session, and the task that drives it.
//!
//! ```text
//!                 text of a command
//!  driver ─────────────────────────────▶ stdin ┌───────┐   opens /proc/RELAY/fd/{0,1,2}
//!         ◀── id and exit code ──────── stdout │ shell │──────────────┐
//!                                              └───────┘              ▼
//!         ◀── output of the command ───────────────────────────── relay (stopped)
//! ```
//!
//! Each command has a *relay*: a process that does nothing, whose streams are the command's. The
//! shell says over its own standard output, which no command has, how a command ended, so nothing
//! that a command prints can be taken for its end. The relay is killed by the shell behind the
//! command, and its streams' end is that of the output.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use infield_domain::command::{Command, ProcessEvent, ProcessInput, Signal, Stdin, Stream};
use infield_domain::guest::{Guest, InputSink, Process, ProcessEvents};
use infield_domain::{Error, ExecutionId, Result};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::entry::{Entry, Left};
use crate::inside::Inside;
use crate::names;
use crate::toolbox::process;

/// Says its number, and does nothing until it is killed.
const RELAY: &str = "echo $$; while :; do kill -STOP $$; done";
/// How long a relay may take to say its number.
const RELAY_LIMIT: Duration = Duration::from_secs(10);
/// How long output is waited for after a command's end, while something left behind writes.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// Bytes of a line of the shell's at most.
const LINE_BYTES: usize = 256;
/// What a command that the shell's end cut short ended with.
pub(super) const LOST: i32 = 137;
/// What a command ended with that could not be begun.
const NOT_BEGUN: i32 = 126;

/// A command that waits for its turn; it keeps the sandbox busy from now on.
pub(super) struct Job {
    pub(super) entry: Arc<Entry>,
    pub(super) inside: Inside,
    pub(super) stdin: Stdin,
    pub(super) input: mpsc::Receiver<Bytes>,
}

/// The task's own side of a session.
pub(super) struct Driver {
    pub(super) guest: Arc<dyn Guest>,
    /// The shell as it was started.
    pub(super) shell: Command,
    pub(super) process: Process,
    pub(super) jobs: mpsc::Receiver<Job>,
    /// How the command before ended, which the next one may ask for.
    pub(super) last: i32,
}

/// What is heard of the shell.
enum Heard {
    Line(String),
    /// It ended, with this exit code if it could say.
    Over(Option<i32>),
}

/// A relay that has said its number.
struct Relay {
    id: ExecutionId,
    process: Process,
    pid: u32,
}

impl Driver {
    /// Runs commands in their order until the shell ends or the session is ended; gives the
    /// shell's exit code if it ended by itself.
    pub(super) async fn drive(&mut self, end: &CancellationToken) -> Option<i32> {
        let mut lines = Lines::default();
        let code = tokio::select! {
            code = self.work(&mut lines) => code,
            () = end.cancelled() => None,
        };
        if code.is_none() {
            self.kill().await;
        }
        code
    }

    /// Ends everything that runs in the session, also what its shell left behind.
    pub(super) async fn kill(&mut self) {
        process::kill(&*self.guest, &self.shell.id, &mut self.process.events).await;
    }

    async fn work(&mut self, lines: &mut Lines) -> Option<i32> {
        loop {
            let job = tokio::select! {
                heard = hear(&mut self.process.events, lines) => match heard {
                    Heard::Line(_) => continue,
                    Heard::Over(code) => return code,
                },
                job = self.jobs.recv() => job?,
            };
            let entry = job.entry.clone();
            match self.run(job, lines).await {
                Ok(Ran::Code(code)) => {
                    self.last = code;
                    entry.finish(code);
                }
                Ok(Ran::ShellOver(code)) => {
                    entry.finish(code.unwrap_or(LOST));
                    return code;
                }
                Err(error) => {
                    entry.log.push(Stream::Stderr, format!("{error}\n").as_bytes());
                    entry.finish(NOT_BEGUN);
                }
            }
        }
    }

    async fn run(&mut self, job: Job, lines: &mut Lines) -> Result<Ran> {
        let Job { entry, inside, stdin, input } = job;
        let relay = open_relay(&*self.guest, &self.shell, stdin).await?;
        let script = script((&entry.id, &entry.command), relay.pid, self.last);
        self.process.input.send(ProcessInput::Stdin(script.into())).await?;
        // What the relay said of itself is none of the command's.
        let said = relay.pid.to_string().len() as u64 + 1;
        let mut left = Left { guest: self.guest.clone(), id: relay.id.clone(), told: [said, 0] };
        let Relay { id, process: Process { mut events, input: sink }, .. } = relay;
        let feed = feed(input, sink);
        tokio::pin!(feed);
        let (mut ran, mut is_fed) = (None, false);
        let patience = tokio::time::sleep(Duration::MAX);
        tokio::pin!(patience);
        let (mut streams_open, mut waits) = (true, false);
        while ran.is_none() || streams_open {
            tokio::select! {
                heard = hear(&mut self.process.events, lines), if ran.is_none() => {
                    ran = match heard {
                        Heard::Line(line) => code_of(&line, &entry.id).map(Ran::Code),
                        Heard::Over(code) => {
                            // The shell was to end the relay, and cannot any more.
                            let ended = self.guest.signal(&id, Signal::Kill).await;
                            streams_open &= ended.is_ok();
                            Some(Ran::ShellOver(code))
                        }
                    };
                    if ran.is_some() {
                        patience.as_mut().reset(tokio::time::Instant::now() + LAST_WORDS);
                    }
                }
                event = events.next(), if streams_open && !waits => match event {
                    Some(Ok(ProcessEvent::Output { stream, data, .. })) => {
                        left.note(stream, data.len());
                        entry.log.push(stream, &data);
                        waits = entry.log.is_ahead();
                    }
                    Some(Ok(ProcessEvent::Ended(_)) | Err(_)) | None => streams_open = false,
                },
                () = entry.log.readers(), if waits => {
                    waits = false;
                    patience.as_mut().reset(tokio::time::Instant::now() + LAST_WORDS);
                }
                () = &mut feed, if !is_fed => is_fed = true,
                () = &mut patience, if ran.is_some() && !waits => break,
            }
        }
        *entry.left.lock().await = Some(left);
        drop(inside);
        ran.ok_or_else(|| Error::internal("a command of a session has no end"))
    }
}

/// Starts a relay with the folder, user and variables of this shell.
async fn open_relay(guest: &dyn Guest, shell: &Command, stdin: Stdin) -> Result<Relay> {
    let command = Command {
        id: names::execution_id(),
        argv: ["sh", "-c", RELAY].map(str::to_owned).into(),
        stdin,
        ..shell.clone()
    };
    let id = command.id.clone();
    let mut process = guest.spawn(command).await?;
    let mut lines = Lines::default();
    let heard = tokio::time::timeout(RELAY_LIMIT, hear(&mut process.events, &mut lines)).await;
    let pid = match heard {
        Ok(Heard::Line(line)) => line.parse().ok(),
        Ok(Heard::Over(_)) | Err(_) => None,
    };
    let pid = pid.ok_or_else(|| Error::unavailable("a command's streams could not be made"))?;
    Ok(Relay { id, process, pid })
}

/// How a command came to its end.
enum Ran {
    Code(i32),
    /// The shell ended with it or under it.
    ShellOver(Option<i32>),
}

async fn feed(mut input: mpsc::Receiver<Bytes>, mut sink: Box<dyn InputSink>) {
    while let Some(data) = input.recv().await {
        if let Err(error) = sink.send(ProcessInput::Stdin(data)).await {
            tracing::debug!(%error, "a command takes no more input");
            return;
        }
    }
    // An input that nobody holds any more has no end: the command's streams end with it.
    std::future::pending().await
}

async fn hear(events: &mut ProcessEvents, lines: &mut Lines) -> Heard {
    loop {
        if let Some(line) = lines.pop() {
            return Heard::Line(line);
        }
        match events.next().await {
            Some(Ok(ProcessEvent::Output { stream: Stream::Stdout, data, .. })) => {
                lines.push(&data)
            }
            // Complaints of the shell about itself, such as jobs that ended.
            Some(Ok(ProcessEvent::Output { stream: Stream::Stderr, .. })) => {}
            Some(Ok(ProcessEvent::Ended(ending))) => return Heard::Over(Some(ending.exit_code)),
            Some(Err(_)) | None => return Heard::Over(None),
        }
    }
}

/// Lines that come bit by bit. What is longer than any line of ours is dropped.
#[derive(Default)]
struct Lines {
    bytes: Vec<u8>,
}

impl Lines {
    fn push(&mut self, data: &[u8]) {
        for part in data.split_inclusive(|byte| *byte == b'\n') {
            let begun = self.bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            if self.bytes.len() - begun + part.len() > LINE_BYTES {
                self.bytes.truncate(begun);
            } else if self.bytes.len() < 64 * LINE_BYTES {
                self.bytes.extend_from_slice(part);
            }
        }
    }

    fn pop(&mut self) -> Option<String> {
        let end = self.bytes.iter().position(|byte| *byte == b'\n')?;
        let line: Vec<u8> = self.bytes.drain(..=end).collect();
        Some(String::from_utf8_lossy(&line[..end]).into_owned())
    }
}

/// What the shell reads for one command: its text, as an argument and so in one step, with the
/// relay's streams. It finds in `$?` how the command before ended; behind `&&`, a shell that is to
/// end at errors takes that for none.
fn script((id, command): (&str, &str), pid: u32, last: i32) -> String {
    let quoted = command.replace('\'', r"'\''");
    let fd = format!("/proc/{pid}/fd");
    let before = match last {
        0 => String::new(),
        last => format!("(exit {last}) && \\:\n"),
    };
    format!(
        "{before}{{ eval '{quoted}'; }} <{fd}/0 >{fd}/1 2>{fd}/2\n\
         \\printf '%s %d\\n' {id} \"$?\"; \\kill -9 {pid}\n"
    )
}

/// The exit code in a line about this command.
fn code_of(line: &str, id: &str) -> Option<i32> {
    line.strip_prefix(id)?.strip_prefix(' ')?.parse().ok()
}

#[cfg(test)]
mod tests;
