//! The way to the store: one thread that owns it, and a queue before it.
//!
//! The store is synchronous, so that no task ever waits inside SQLite. [`Records::call`] waits
//! for its answer; [`Records::post`] does not, and keeps its place in the order. What is only
//! posted rests for a moment, so that the thread does not take a processor from the sandbox whose
//! start it writes down, and does several jobs when it wakes. It ends when the queue is closed and
//! empty.

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
    /// Whether the jobs rest no longer.
    is_due: bool,
    /// Whether somebody will end their rest.
    is_timed: bool,
    is_closed: bool,
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

    /// Does something with the store and waits for what comes of it.
    pub(crate) async fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Store) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (sender, answer) = oneshot::channel();
        // The caller may have gone away; the work is done all the same.
        let job: Job = Box::new(move |store| drop(sender.send(work(store))));
        self.push(job, |queue, waiting| queue.wake(waiting))?;
        answer.await.map_err(|_| closed())?
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

    /// The jobs that are due, once there are any; none when there will be none.
    fn next(&self) -> Option<VecDeque<Job>> {
        let quiet = |waiting: &mut Waiting| !waiting.is_due;
        let waiting = self.due.wait_while(self.lock(), quiet);
        let mut waiting = waiting.expect("no holder of this lock panics");
        waiting.is_due = waiting.is_closed;
        let jobs = std::mem::take(&mut waiting.jobs);
        (!jobs.is_empty() || !waiting.is_closed).then_some(jobs)
    }
}

fn work(mut store: Store, queue: &Queue) {
    while let Some(jobs) = queue.next() {
        for job in jobs {
            job(&mut store);
        }
    }
}

fn closed() -> Error {
    Error::unavailable("the daemon is ending").with_hint("try again when it has started anew")
}
