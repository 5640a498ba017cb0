//! The daemon's side of the launcher's socket.
//!
//! [`Launcher`] is a handle that many tasks share; [`Link`] is the one task that owns the socket.
//! Questions are numbered and answers may come in any order. When the launcher has died, its
//! guardian starts another and the link takes the new socket: questions that are safe to repeat
//! are asked again, within their own limit; the others fail as unavailable.
//!
//! ```text
//! ask ──▶ queue ──▶ Link ──▶ socket ──▶ launcher
//!  ▲                 │ pending by number
//!  └──── reply ◀─────┘◀── socket ◀── launcher
//! ```
//!
//! Numbers start at a random place, so that an answer to a daemon that died is never taken for
//! an answer to the next one on the same socket.

mod link;

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use infield_domain::{Error, Result};
use infield_jail::request::{Answer, Request};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, timeout_at};

use crate::convert;

pub use link::Link;

/// Questions that wait for the socket at most; an asker beyond that waits itself.
const QUEUE: usize = 256;

/// What the launcher said, with the descriptors that came along.
#[derive(Debug)]
pub struct Reply {
    /// The answer; never [`Answer::Failed`], which is an error.
    pub answer: Answer,
    /// The descriptors, in the order that the answer names.
    pub descriptors: Vec<OwnedFd>,
    /// Which launcher said it, counted from 1.
    pub launcher: u64,
}

/// A question on its way.
struct Question {
    request: Arc<Request>,
    descriptor: Option<OwnedFd>,
    replies: oneshot::Sender<Outcome>,
    /// Gets what comes ahead of the answer.
    ahead: Option<oneshot::Sender<Reply>>,
}

/// What became of a question: every part of the answer, or the socket's end before it.
enum Outcome {
    Answered(Vec<Reply>),
    Lost,
}

/// Asks the launcher.
#[derive(Clone)]
pub struct Launcher {
    questions: mpsc::Sender<Question>,
    count: watch::Receiver<u64>,
}

impl Launcher {
    /// Makes the handle and the task behind it. `sockets` brings the first socket and each
    /// later one; `first_number` is random.
    pub fn new(sockets: mpsc::Receiver<OwnedFd>, first_number: u64) -> (Self, Link) {
        let (questions, receiver) = mpsc::channel(QUEUE);
        let (counter, count) = watch::channel(0);
        (Self { questions, count }, Link::new((receiver, sockets), first_number, counter))
    }

    /// How many launchers there were, which changes when the next one takes over.
    pub fn count(&self) -> watch::Receiver<u64> {
        self.count.clone()
    }

    /// Asks what may be asked twice, again when the launcher died meanwhile.
    pub async fn ask(&self, request: Request, limit: Duration) -> Result<Reply> {
        single(self.ask_parts(request, limit).await?)
    }

    /// As [`Launcher::ask`], for an answer of several parts.
    pub async fn ask_parts(&self, request: Request, limit: Duration) -> Result<Vec<Reply>> {
        self.ask_again(request, limit, None).await
    }

    /// As [`Launcher::ask`]. `ahead` gets what the first launcher that is asked sends before its
    /// answer, and is dropped with it.
    pub async fn ask_ahead(
        &self,
        request: Request,
        limit: Duration,
        ahead: oneshot::Sender<Reply>,
    ) -> Result<Reply> {
        single(self.ask_again(request, limit, Some(ahead)).await?)
    }

    async fn ask_again(
        &self,
        request: Request,
        limit: Duration,
        mut ahead: Option<oneshot::Sender<Reply>>,
    ) -> Result<Vec<Reply>> {
        let deadline = Instant::now() + limit;
        let request = Arc::new(request);
        loop {
            let (replies, outcome) = oneshot::channel();
            let question = Question {
                request: request.clone(),
                descriptor: None,
                replies,
                ahead: ahead.take(),
            };
            if let Outcome::Answered(replies) = self.put(question, outcome, deadline).await? {
                return accept(replies);
            }
        }
    }

    /// Asks once, with a descriptor that cannot be sent twice.
    pub async fn ask_once(
        &self,
        request: Request,
        descriptor: OwnedFd,
        limit: Duration,
    ) -> Result<Reply> {
        let deadline = Instant::now() + limit;
        let (replies, outcome) = oneshot::channel();
        let (request, descriptor) = (Arc::new(request), Some(descriptor));
        let question = Question { request, descriptor, replies, ahead: None };
        match self.put(question, outcome, deadline).await? {
            Outcome::Answered(replies) => single(accept(replies)?),
            Outcome::Lost => Err(Error::unavailable("the launcher ended before it was done")
                .with_hint("repeat the request")),
        }
    }

    async fn put(
        &self,
        question: Question,
        outcome: oneshot::Receiver<Outcome>,
        deadline: Instant,
    ) -> Result<Outcome> {
        let asked = timeout_at(deadline, async {
            let sent = self.questions.send(question).await;
            sent.map_err(|_| ended())?;
            outcome.await.map_err(|_| ended())
        });
        asked.await.map_err(|_| {
            Error::timeout("the launcher did not answer in time")
                .with_hint("look at the load of the host, then repeat the request")
        })?
    }
}

fn ended() -> Error {
    Error::unavailable("the daemon is ending").with_hint("repeat the request")
}

/// Turns a refusal into an error.
fn accept(replies: Vec<Reply>) -> Result<Vec<Reply>> {
    let fail = |reply: Reply| match reply.answer {
        Answer::Failed(failure) => Err(convert::failure(failure)),
        Answer::Done
        | Answer::Started(_)
        | Answer::Wired
        | Answer::Host(_)
        | Answer::Usage(_)
        | Answer::Inventory { .. }
        | Answer::Volume(_)
        | Answer::Imported(_) => Ok(reply),
    };
    replies.into_iter().map(fail).collect()
}

fn single(mut replies: Vec<Reply>) -> Result<Reply> {
    match (replies.pop(), replies.is_empty()) {
        (Some(reply), true) => Ok(reply),
        _ => Err(convert::unexpected()),
    }
}

#[cfg(test)]
mod tests;
