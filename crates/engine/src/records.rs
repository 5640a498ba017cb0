//! The way to the store: one thread that owns it, and a queue before it.
//!
//! The store is synchronous, so that no task ever waits inside SQLite. [`Records::call`] waits
//! for its answer; [`Records::post`] does not, and keeps its place in the order. The thread ends
//! when the queue is closed and empty.

use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use infield_domain::{Error, Result};
use infield_store::Store;
use tokio::sync::oneshot;

type Job = Box<dyn FnOnce(&mut Store) + Send>;

/// The store, behind its thread.
pub(crate) struct Records {
    queue: Mutex<Option<Sender<Job>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Records {
    /// Gives the store to a thread of its own.
    pub(crate) fn open(store: Store) -> Result<Self> {
        let (sender, jobs) = channel();
        let thread = std::thread::Builder::new()
            .name("infield-store".to_owned())
            .spawn(move || work(store, &jobs))
            .map_err(|cause| {
                Error::unavailable("no thread for the database can be started")
                    .with_hint("raise the limit of processes of the daemon's user")
                    .with_source(cause)
            })?;
        Ok(Self { queue: Mutex::new(Some(sender)), thread: Mutex::new(Some(thread)) })
    }

    /// Does something with the store and waits for what comes of it.
    pub(crate) async fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Store) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (sender, answer) = oneshot::channel();
        self.push(Box::new(move |store| {
            // The caller may have gone away; the work is done all the same.
            drop(sender.send(work(store)));
        }))?;
        answer.await.map_err(|_| closed())?
    }

    /// Does something with the store, in its turn. A fault is logged, since nobody waits.
    pub(crate) fn post(
        &self,
        what: &'static str,
        work: impl FnOnce(&mut Store) -> Result<()> + Send + 'static,
    ) {
        let pushed = self.push(Box::new(move |store| {
            if let Err(error) = work(store) {
                tracing::error!(what, error = &error as &dyn std::error::Error, "record lost");
            }
        }));
        if let Err(error) = pushed {
            tracing::error!(what, error = &error as &dyn std::error::Error, "record lost");
        }
    }

    /// Takes no more work, does what is queued, and ends the thread.
    pub(crate) async fn close(&self) {
        let flushed = self.call(|_| Ok(())).await;
        drop(self.queue.lock().expect("no holder of this lock panics").take());
        let thread = self.thread.lock().expect("no holder of this lock panics").take();
        if let (Ok(()), Some(thread)) = (flushed, thread) {
            // The queue was empty a moment ago, so that the thread is at its end.
            if thread.join().is_err() {
                tracing::error!("the thread of the database panicked");
            }
        }
    }

    fn push(&self, job: Job) -> Result<()> {
        let queue = self.queue.lock().expect("no holder of this lock panics");
        let sent = queue.as_ref().map(|queue| queue.send(job));
        match sent {
            Some(Ok(())) => Ok(()),
            Some(Err(_)) | None => Err(closed()),
        }
    }
}

fn work(mut store: Store, jobs: &Receiver<Job>) {
    while let Ok(job) = jobs.recv() {
        job(&mut store);
    }
}

fn closed() -> Error {
    Error::unavailable("the daemon is ending").with_hint("try again when it has started anew")
}
