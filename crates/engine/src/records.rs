//! The way to the store: one thread that owns it, and a queue before it.
//!
//! The store is synchronous, so that no task ever waits inside SQLite. [`Records::call`] waits
//! for its answer; [`Records::post`] does not, and keeps its place in the order. What is only
//! posted rests for a moment, so that the thread does not take a processor from the sandbox whose
//! start it writes down, and does several jobs when it wakes. It ends when the queue is closed and
//! empty.
//!
//! What was written lies in the store's log until it is brought into the file, which waits for the
//! disk. The thread does that in a pause, or, when there is none, after jobs for which nobody
//! waited.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;

use infield_domain::{Error, Result};
use infield_store::Store;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

type Job = Box<dyn FnOnce(&mut Store) + Send>;

/// How long a posted job may rest.
const REST: Duration = Duration::from_millis(5);
/// How many may rest.
const RESTING: usize = 64;

/// Pages in the log that are brought into the file in the next pause.
const ENOUGH: u32 = 250;
/// Nothing was to do for so long: a pause.
const PAUSE: Duration = Duration::from_millis(250);
/// Pages in the log for which no pause is waited for, but for jobs that only were posted.
const MANY: u32 = 1_500;

/// The store, behind its thread.
pub(crate) struct Records {
    queue: Arc<Queue>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    due: Condvar,
}

#[derive(Default)]
struct Waiting {
    jobs: VecDeque<Job>,
    /// Whether somebody waits for one of them.
    is_awaited: bool,
    /// Whether the jobs rest no longer.
    is_due: bool,
    /// Whether somebody will end their rest.
    is_timed: bool,
    is_closed: bool,
}

/// What the thread has to do.
enum Next {
    /// These jobs.
    Jobs(VecDeque<Job>, Awaited),
    /// Nothing, for as long as it had the patience.
    Nothing,
    /// To end.
    End,
}

/// Who waits for one of several jobs.
#[derive(Clone, Copy, Debug)]
enum Awaited {
    BySomebody,
    ByNobody,
}

impl Records {
    /// Gives the store to a thread of its own.
    pub(crate) fn open(store: Store) -> Result<Self> {
        let queue = Arc::new(Queue::default());
        let jobs = Arc::clone(&queue);
        let thread = std::thread::Builder::new()
            .name("infield-store".to_owned())
            .spawn(move || work(store, &jobs))
            .map_err(|cause| {
                Error::unavailable("no thread for the database can be started")
                    .with_hint("raise the limit of processes of the daemon's user")
                    .with_source(cause)
            })?;
        Ok(Self { queue, thread: Mutex::new(Some(thread)) })
    }

    /// Does something with the store; what comes of it can be waited for. It has its turn when
    /// this returns, before the future is ever polled.
    pub(crate) fn call<T, Work>(
        &self,
        work: Work,
    ) -> impl Future<Output = Result<T>> + Send + use<T, Work>
    where
        T: Send + 'static,
        Work: FnOnce(&mut Store) -> Result<T> + Send + 'static,
    {
        let (sender, answer) = oneshot::channel();
        // The caller may have gone away; the work is done all the same.
        let job: Job = Box::new(move |store| drop(sender.send(work(store))));
        let pushed = self.push(job, |queue, waiting| {
            waiting.is_awaited = true;
            queue.wake(waiting);
        });
        async move {
            pushed?;
            answer.await.map_err(|_| closed())?
        }
    }

    /// Does something with the store, in its turn. A fault is logged, since nobody waits.
    pub(crate) fn post(
        &self,
        what: &'static str,
        work: impl FnOnce(&mut Store) -> Result<()> + Send + 'static,
    ) {
        let job: Job = Box::new(move |store| {
            if let Err(error) = work(store) {
                tracing::error!(what, error = &error as &dyn std::error::Error, "record lost");
            }
        });
        if let Err(error) = self.push(job, Queue::let_rest) {
            tracing::error!(what, error = &error as &dyn std::error::Error, "record lost");
        }
    }

    /// Takes no more work, does what is queued, and ends the thread.
    pub(crate) async fn close(&self) {
        let flushed = self.call(|_| Ok(())).await;
        let mut waiting = self.queue.lock();
        waiting.is_closed = true;
        self.queue.wake(&mut waiting);
        drop(waiting);
        let thread = self.thread.lock().expect("no holder of this lock panics").take();
        if let (Ok(()), Some(thread)) = (flushed, thread) {
            // The queue was empty a moment ago, so that the thread is at its end.
            if thread.join().is_err() {
                tracing::error!("the thread of the database panicked");
            }
        }
    }

    fn push(&self, job: Job, then: impl FnOnce(&Arc<Queue>, &mut Waiting)) -> Result<()> {
        let mut waiting = self.queue.lock();
        if waiting.is_closed {
            return Err(closed());
        }
        waiting.jobs.push_back(job);
        then(&self.queue, &mut waiting);
        Ok(())
    }
}

impl Drop for Records {
    fn drop(&mut self) {
        let mut waiting = self.queue.lock();
        waiting.is_closed = true;
        self.queue.wake(&mut waiting);
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().expect("no holder of this lock panics")
    }

    fn wake(&self, waiting: &mut Waiting) {
        waiting.is_due = true;
        self.due.notify_one();
    }

    /// Lets the jobs rest, if there is a runtime that can end their rest.
    fn let_rest(self: &Arc<Self>, waiting: &mut Waiting) {
        match Handle::try_current() {
            Ok(_) if waiting.is_timed && waiting.jobs.len() < RESTING => {}
            Ok(runtime) if waiting.jobs.len() < RESTING => {
                waiting.is_timed = true;
                let queue = Arc::clone(self);
                runtime.spawn(async move {
                    tokio::time::sleep(REST).await;
                    let mut waiting = queue.lock();
                    waiting.is_timed = false;
                    if !waiting.jobs.is_empty() {
                        queue.wake(&mut waiting);
                    }
                });
            }
            Ok(_) | Err(_) => self.wake(waiting),
        }
    }

    /// What is to do, once there is something; without an end to the patience it waits for ever.
    fn next(&self, patience: Option<Duration>) -> Next {
        let quiet = |waiting: &mut Waiting| !waiting.is_due;
        let waiting = self.lock();
        let mut waiting = match patience {
            None => self.due.wait_while(waiting, quiet).expect("no holder of this lock panics"),
            Some(limit) => {
                let waited = self.due.wait_timeout_while(waiting, limit, quiet);
                let (waiting, waited) = waited.expect("no holder of this lock panics");
                if waited.timed_out() {
                    return Next::Nothing;
                }
                waiting
            }
        };
        waiting.is_due = waiting.is_closed;
        let is_awaited = std::mem::take(&mut waiting.is_awaited);
        let awaited = if is_awaited { Awaited::BySomebody } else { Awaited::ByNobody };
        let jobs = std::mem::take(&mut waiting.jobs);
        if jobs.is_empty() && waiting.is_closed { Next::End } else { Next::Jobs(jobs, awaited) }
    }
}

fn work(mut store: Store, queue: &Queue) {
    let mut patience = None;
    loop {
        match queue.next(patience) {
            Next::Jobs(jobs, awaited) => {
                for job in jobs {
                    job(&mut store);
                }
                let pages = noted("the log of the database is not known", store.pages_in_log());
                patience = pages.and_then(|pages| patience_for(pages, awaited));
            }
            Next::Nothing => {
                noted("the log of the database grows", store.checkpoint());
                // When that failed, it is tried again after the next job.
                patience = None;
            }
            Next::End => return,
        }
    }
}

/// How long nothing must be to do until the log is brought into the file, after such jobs.
fn patience_for(pages: u32, awaited: Awaited) -> Option<Duration> {
    match (pages, awaited) {
        (..ENOUGH, _) => None,
        (MANY.., Awaited::ByNobody) => Some(Duration::ZERO),
        (ENOUGH.., Awaited::BySomebody | Awaited::ByNobody) => Some(PAUSE),
    }
}

fn noted<T>(what: &'static str, result: Result<T>) -> Option<T> {
    result
        .inspect_err(|error| tracing::error!(error = error as &dyn std::error::Error, "{what}"))
        .ok()
}

fn closed() -> Error {
    Error::unavailable("the daemon is ending").with_hint("try again when it has started anew")
}

#[cfg(test)]
mod tests;
