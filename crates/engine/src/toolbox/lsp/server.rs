//! A language server that runs, and the task that listens to it.
//!
//! ```text
//!  use case ──▶ request ──▶ outbox ──▶ stdin  ┌────────┐
//!     ▲                                       │ server │
//!     └── answer ◀── frames ◀──────── stdout  └────────┘
//! ```
//!
//! One use case has its turn at a time, so at most one answer is waited for. What the server says
//! without being asked is read and dropped, and a question of its own gets a fixed answer. A server
//! that breaks the protocol is ended.

use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use infield_domain::command::{ProcessEvent, ProcessInput, Stream};
use infield_domain::guest::{InputSink, Process};
use infield_domain::{Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::documents::Documents;
use super::frames::{Frames, framed};
use super::words::{self, Said};

#[cfg(test)]
mod tests;

/// Messages that wait for the server to read.
const OUTBOX: usize = 2;
/// Bytes of the server's complaints that are kept.
const COMPLAINT_BYTES: usize = 2 << 10;
/// Characters of its last complaint that are told.
const TOLD_CHARS: usize = 300;

/// A server, as use cases hold it.
#[derive(Debug)]
pub(super) struct Server {
    outbox: mpsc::Sender<Bytes>,
    /// How long one answer is waited for, and one reading.
    limit: Duration,
    next_id: AtomicI64,
    waiting: Mutex<Option<Waiting>>,
    /// Whose turn it is, with the files that the server was told of.
    pub(super) documents: tokio::sync::Mutex<Documents>,
    /// Asks for its end.
    pub(super) end: CancellationToken,
    /// It has ended.
    pub(super) over: CancellationToken,
    why: Mutex<Option<Why>>,
}

#[derive(Debug)]
struct Waiting {
    id: i64,
    answer: oneshot::Sender<Bytes>,
}

/// Why a server is over.
#[derive(Clone, Debug)]
enum Why {
    /// It ended by itself, with this code and these last words.
    Ended(i32, String),
    /// It said what it must not.
    Broke(String),
}

/// What the listening task needs besides the server.
pub(super) struct Ears {
    pub(super) process: Process,
    outbox: mpsc::Receiver<Bytes>,
}

impl Server {
    /// A server over a process that has just begun, each of whose answers is waited for this long.
    pub(super) fn new(process: Process, limit: Duration) -> (Self, Ears) {
        let (sender, outbox) = mpsc::channel(OUTBOX);
        let server = Self {
            outbox: sender,
            limit,
            next_id: AtomicI64::new(1),
            waiting: Mutex::default(),
            documents: tokio::sync::Mutex::default(),
            end: CancellationToken::new(),
            over: CancellationToken::new(),
            why: Mutex::default(),
        };
        (server, Ears { process, outbox })
    }

    /// Asks, and waits for the answer.
    pub(super) async fn ask<T: DeserializeOwned + Default>(
        &self,
        method: &str,
        params: &impl Serialize,
    ) -> Result<T> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let (sender, answer) = oneshot::channel();
        self.with_waiting(|waiting| *waiting = Some(Waiting { id, answer: sender }));
        let answered = async {
            self.tell(&words::request(id, method, params)).await?;
            tokio::select! {
                answer = answer => answer.map_err(|_| self.gone()),
                () = self.over.cancelled() => Err(self.gone()),
            }
        };
        match tokio::time::timeout(self.limit, answered).await {
            Ok(answer) => words::answered(&answer?),
            Err(_) => {
                let cancel = words::notice("$/cancelRequest", &serde_json::json!({ "id": id }));
                self.tell_if_it_reads(&cancel);
                Err(silent())
            }
        }
    }

    /// Tells it something; waits while it does not read.
    pub(super) async fn tell(&self, message: &Value) -> Result<()> {
        let frame = framed(message)?;
        tokio::select! {
            sent = tokio::time::timeout(self.limit, self.outbox.send(frame)) => match sent {
                Ok(sent) => sent.map_err(|_| self.gone()),
                Err(_) => Err(silent()),
            },
            () = self.over.cancelled() => Err(self.gone()),
        }
    }

    /// Tells it something unless too much waits for it already.
    fn tell_if_it_reads(&self, message: &Value) {
        let sent = framed(message).map(|frame| self.outbox.try_send(frame).is_ok());
        if !matches!(sent, Ok(true)) {
            tracing::debug!("a language server does not read what it is told");
        }
    }

    /// Listens until the server ends or is to end. Whoever calls this ends the process and says
    /// that it is over.
    pub(super) async fn listen(&self, ears: Ears) {
        let Ears { process: Process { mut events, input }, outbox } = ears;
        let feed = feed(outbox, input);
        tokio::pin!(feed);
        let (mut frames, mut complaint) = (Frames::default(), Vec::new());
        loop {
            tokio::select! {
                event = events.next() => match event {
                    Some(Ok(ProcessEvent::Output { stream: Stream::Stdout, data, .. })) => {
                        if let Err(error) = self.hear(&mut frames, &data) {
                            return self.note(Why::Broke(error.message().to_owned()));
                        }
                    }
                    Some(Ok(ProcessEvent::Output { stream: Stream::Stderr, data, .. })) => {
                        complaint.extend_from_slice(&data);
                        let early = complaint.len().saturating_sub(COMPLAINT_BYTES);
                        complaint.drain(..early);
                    }
                    Some(Ok(ProcessEvent::Ended(ending))) => {
                        let words = last_line(&complaint);
                        return self.note(Why::Ended(ending.exit_code, words));
                    }
                    Some(Err(_)) | None => return,
                },
                () = &mut feed => {}
                () = self.end.cancelled() => return,
            }
        }
    }

    /// How it ended, if it ended by itself.
    pub(super) fn exit_code(&self) -> Option<i32> {
        match &*self.why.lock().expect("no holder of this lock panics") {
            Some(Why::Ended(code, _)) => Some(*code),
            Some(Why::Broke(_)) | None => None,
        }
    }

    fn hear(&self, frames: &mut Frames, data: &[u8]) -> Result<()> {
        frames.push(data);
        while let Some(message) = frames.next()? {
            match words::understand(&message)? {
                Said::Answer(id) => self.hand_over(id, message),
                Said::Question(answer) => self.tell_if_it_reads(&answer),
                Said::Notice => {}
            }
        }
        Ok(())
    }

    /// Hands an answer to whoever waits for it; nobody waits for what comes too late.
    fn hand_over(&self, id: i64, message: Bytes) {
        let waiting = self.with_waiting(|waiting| waiting.take_if(|waiting| waiting.id == id));
        if waiting.is_none_or(|waiting| waiting.answer.send(message).is_err()) {
            tracing::debug!("a language server answered what nobody asks any more");
        }
    }

    fn note(&self, why: Why) {
        *self.why.lock().expect("no holder of this lock panics") = Some(why);
    }

    /// The error of a server that is over.
    fn gone(&self) -> Error {
        let why = self.why.lock().expect("no holder of this lock panics").clone();
        let error = match why {
            Some(Why::Ended(code, words)) if words.is_empty() => {
                Error::unavailable(format!("the language server ended with exit code {code}"))
            }
            Some(Why::Ended(code, words)) => Error::unavailable(format!(
                "the language server ended with exit code {code}: {words}"
            )),
            Some(Why::Broke(how)) => Error::unavailable(how),
            None => Error::unavailable("the language server has ended"),
        };
        error.with_hint("start it again")
    }

    fn with_waiting<T>(&self, act: impl FnOnce(&mut Option<Waiting>) -> T) -> T {
        act(&mut self.waiting.lock().expect("no holder of this lock panics"))
    }
}

/// Writes what is in the outbox; never ends, as the server's end is heard of elsewhere.
async fn feed(mut outbox: mpsc::Receiver<Bytes>, mut input: Box<dyn InputSink>) {
    while let Some(frame) = outbox.recv().await {
        if let Err(error) = input.send(ProcessInput::Stdin(frame)).await {
            tracing::debug!(%error, "a language server takes nothing any more");
            break;
        }
    }
    std::future::pending().await
}

fn last_line(complaint: &[u8]) -> String {
    let text = String::from_utf8_lossy(complaint);
    let line = text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default();
    line.chars().filter(|letter| !letter.is_control()).take(TOLD_CHARS).collect()
}

pub(super) fn silent() -> Error {
    Error::timeout("the language server does not answer").with_hint("stop it and start it again")
}
