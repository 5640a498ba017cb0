//! The process of one context, and the task that drives it.
//!
//! ```text
//!  idle ──job──▶ running ──done on both streams──▶ idle
//!                  │ client gone, time over ──▶ interrupted ──done──▶ idle
//!                  │                                 └─ not done in time ─▶ killed
//!                  └─ process ended ─▶ gone
//! ```
//!
//! While code runs, its process is read as fast as the client takes it. Between two runs, what
//! threads of the last one still write is dropped, at a pace that costs little.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use infield_domain::command::{ProcessEvent, ProcessInput, Signal, Stream};
use infield_domain::guest::{Guest, Process};
use infield_domain::{Error, ExecutionId, Result};
use serde::Serialize;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::News;
use super::speech::{Heard, Speech};
use crate::inside::Inside;
use crate::names;
use crate::toolbox::process;

/// How long interrupted code may take to end before its process is killed.
const GRACE: Duration = Duration::from_secs(2);
/// Between two pieces that nobody asked for.
const IDLE_PACE: Duration = Duration::from_millis(5);

/// Code that waits for its turn; it keeps the sandbox busy from now on.
pub(super) struct Job {
    pub(super) code: String,
    pub(super) environment: BTreeMap<String, String>,
    pub(super) limit: Duration,
    pub(super) news: mpsc::Sender<News>,
    pub(super) inside: Inside,
}

/// The task's own side of a context.
pub(super) struct Worker {
    pub(super) guest: Arc<dyn Guest>,
    pub(super) id: ExecutionId,
    pub(super) process: Process,
    pub(super) jobs: mpsc::Receiver<Job>,
}

/// What the driver is asked.
#[derive(Serialize)]
struct Request<'a> {
    mark: &'a str,
    code: &'a str,
    variables: &'a BTreeMap<String, String>,
}

/// What is to be told when a context has ended with its code.
pub(super) struct Last {
    to: mpsc::Sender<News>,
    news: News,
}

impl Last {
    /// Tells it, to a client who takes it.
    pub(super) async fn tell(self) {
        let told = self.to.send(self.news);
        let _told = tokio::time::timeout(GRACE, told).await;
    }
}

/// Why code is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    ClientGone,
    TimeOver,
}

/// One run, as far as it is.
struct Turn {
    news: mpsc::Sender<News>,
    /// What the client has not taken yet.
    waiting: VecDeque<News>,
    speeches: [Speech; 2],
    begun: [bool; 2],
    done: [bool; 2],
    cut: Option<Cut>,
    is_interrupted: bool,
}

impl Worker {
    /// Runs code in its order until the process has ended or the context is to end; gives what is
    /// still to be told of the code that it ended with.
    pub(super) async fn drive(mut self, end: &CancellationToken) -> Option<Last> {
        let last = tokio::select! {
            last = self.work() => last,
            () = end.cancelled() => None,
        };
        process::kill(&*self.guest, &self.id, &mut self.process.events).await;
        self.jobs.close();
        while let Ok(job) = self.jobs.try_recv() {
            // Whoever is gone hears nothing.
            let _told = job.news.try_send(News::Gone("its context has ended".to_owned()));
        }
        last
    }

    async fn work(&mut self) -> Option<Last> {
        loop {
            let job = tokio::select! {
                event = self.process.events.next() => match event {
                    Some(Ok(ProcessEvent::Output { .. })) => {
                        tokio::time::sleep(IDLE_PACE).await;
                        continue;
                    }
                    Some(Ok(ProcessEvent::Ended(_)) | Err(_)) | None => return None,
                },
                job = self.jobs.recv() => job?,
            };
            if job.news.is_closed() {
                continue;
            }
            let to = job.news.clone();
            if let Err(news) = self.run(job).await {
                return Some(Last { to, news });
            }
        }
    }

    /// Runs code to its end; gives the last news when the context ends with it.
    async fn run(&mut self, job: Job) -> std::result::Result<(), News> {
        let mark = names::letters("");
        let request = Request { mark: &mark, code: &job.code, variables: &job.environment };
        let mut line = serde_json::to_vec(&request).map_err(|error| gone(&error))?;
        line.push(b'\n');
        let Process { events, input } = &mut self.process;
        let asks = input.send(ProcessInput::Stdin(line.into()));
        tokio::pin!(asks);
        let (mut is_asked, mut is_cut_at) = (false, Instant::now() + job.limit);
        let (news, mut turn) = (job.news.clone(), Turn::new(job.news, &mark));
        while !turn.is_over() {
            if turn.is_to_be_cut() {
                // Code that goes on all the same is killed when its grace is over.
                is_cut_at = Instant::now() + GRACE;
                self.guest.signal(&self.id, Signal::Interrupt).await.map_err(|e| gone(&e))?;
            }
            tokio::select! {
                event = events.next(), if turn.may_hear() => {
                    if let Err(error) = turn.hear(event) {
                        turn.tell_rest().await;
                        return Err(gone(&error));
                    }
                }
                permit = news.reserve(), if !turn.waiting.is_empty() => {
                    if let (Ok(permit), Some(news)) = (permit, turn.waiting.pop_front()) {
                        permit.send(news);
                    }
                }
                asked = &mut asks, if !is_asked => {
                    asked.map_err(|error| gone(&error))?;
                    is_asked = true;
                }
                () = news.closed(), if turn.cut.is_none() => {
                    turn.cut(Cut::ClientGone);
                    is_cut_at = Instant::now() + GRACE;
                }
                () = sleep_until(is_cut_at) => match turn.cut {
                    None => {
                        turn.cut(Cut::TimeOver);
                        is_cut_at = Instant::now() + GRACE;
                    }
                    Some(Cut::TimeOver) => return Err(News::TimedOut),
                    Some(Cut::ClientGone) => return Err(gone(&"the code did not end")),
                },
            }
        }
        drop(job.inside);
        turn.finish().await;
        Ok(())
    }
}

fn gone(reason: &impl ToString) -> News {
    News::Gone(reason.to_string())
}

impl Turn {
    fn new(news: mpsc::Sender<News>, mark: &str) -> Self {
        Self {
            news,
            waiting: VecDeque::new(),
            speeches: [Speech::new(mark), Speech::new(mark)],
            begun: [false; 2],
            done: [false; 2],
            cut: None,
            is_interrupted: false,
        }
    }

    /// Has it end; what it still writes is for nobody.
    fn cut(&mut self, cut: Cut) {
        self.cut = Some(cut);
        self.waiting.clear();
    }

    /// Whether it is time to interrupt the code: before it has begun, that would be lost.
    fn is_to_be_cut(&mut self) -> bool {
        let is_due = self.cut.is_some() && self.begun[0] && !self.is_interrupted;
        self.is_interrupted |= is_due;
        is_due
    }

    fn is_over(&self) -> bool {
        self.done == [true; 2] && self.waiting.is_empty()
    }

    fn may_hear(&self) -> bool {
        self.waiting.is_empty() && self.done != [true; 2]
    }

    fn hear(&mut self, event: Option<Result<ProcessEvent>>) -> Result<()> {
        let (stream, data) = match event {
            Some(Ok(ProcessEvent::Output { stream, data, .. })) => (stream, data),
            Some(Ok(ProcessEvent::Ended(ending))) => {
                let code = ending.exit_code;
                let message = format!("the interpreter has ended with exit code {code}");
                return Err(Error::unavailable(message));
            }
            Some(Err(error)) => return Err(error),
            None => return Err(Error::unavailable("the connection to the interpreter broke off")),
        };
        let at = usize::from(stream == Stream::Stderr);
        for heard in self.speeches[at].push(&data) {
            match heard {
                Heard::Begun => self.begun[at] = true,
                Heard::Done => self.done[at] |= self.begun[at],
                Heard::Text(text) => self.say(at, News::Output(stream, text)),
                Heard::Fault(fault) => self.say(at, News::Failed(fault)),
            }
        }
        Ok(())
    }

    /// Keeps what is of this run, for a client who is there.
    fn say(&mut self, at: usize, news: News) {
        if self.begun[at] && !self.done[at] && self.cut.is_none() {
            self.waiting.push_back(news);
        }
    }

    /// Tells what is held when nothing more comes, to a client who takes it.
    async fn tell_rest(&mut self) {
        for at in [0, 1] {
            let stream = if at == 0 { Stream::Stdout } else { Stream::Stderr };
            if let Some(Heard::Text(text)) = self.speeches[at].rest() {
                self.say(at, News::Output(stream, text));
            }
        }
        let tell = async {
            for news in self.waiting.drain(..) {
                self.news.send(news).await?;
            }
            Ok::<(), mpsc::error::SendError<News>>(())
        };
        let _told = tokio::time::timeout(GRACE, tell).await;
    }

    /// Tells the end, to a client who takes it.
    async fn finish(self) {
        let last = match self.cut {
            Some(Cut::TimeOver) => News::TimedOut,
            Some(Cut::ClientGone) | None => News::Completed,
        };
        let told = self.news.send(last);
        let _told = tokio::time::timeout(GRACE, told).await;
    }
}
