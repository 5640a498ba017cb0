//! What the engine owes a running command: to know its end, record it, and tidy up after it.
//!
//! A [`Lease`] is shared by everything that a caller holds of a run. When the last of it is
//! dropped, the engine takes over: it watches the command to its end if nobody else saw it, keeps
//! the output that nobody has read, and deletes a sandbox that was made for the one command.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream as AsyncStream;
use infield_domain::command::{Ending, Execution, ProcessEvent, StoppedBy, Stream};
use infield_domain::files::Removal;
use infield_domain::guest::{ProcessEvents, ReadOutput};
use infield_domain::lifecycle::{Cause, Reason};
use infield_domain::{GuestPath, Kind, Principal, Result};
use infield_store::ExecutionRow;

use crate::Engine;
use crate::driver::queue::Wish;
use crate::inside::Inside;

/// How long one look at a silent command lasts.
const LOOK_MS: u64 = 20_000;
/// Between two looks at a command that talks.
const BETWEEN_LOOKS: Duration = Duration::from_millis(200);
/// How long the deletion of a single-use sandbox is waited for, for the log.
const DELETE_LIMIT: Duration = Duration::from_secs(10);

/// A command of a caller, in a sandbox that is kept busy by it.
pub(crate) struct Tenancy {
    pub(crate) engine: Engine,
    pub(crate) who: Principal,
    pub(crate) inside: Inside,
    pub(crate) execution: Execution,
    /// Files of ours that go after the end.
    pub(crate) folder: Option<GuestPath>,
    /// Whether the command was started.
    pub(crate) started: bool,
    /// Whether somebody may still want the output.
    pub(crate) keep_output: bool,
}

/// The right to a command; see the module.
pub(crate) struct Lease {
    tenancy: Mutex<Option<Tenancy>>,
    /// Keeps the sandbox busy for a caller who follows somebody else's command.
    following: Option<Inside>,
}

impl Lease {
    /// The lease of a caller who only follows: nothing is owed but that the sandbox stays busy.
    pub(crate) fn of_follower(inside: Inside) -> Arc<Self> {
        Arc::new(Self { tenancy: Mutex::new(None), following: Some(inside) })
    }

    pub(crate) fn new(tenancy: Tenancy) -> Arc<Self> {
        Arc::new(Self { tenancy: Mutex::new(Some(tenancy)), following: None })
    }

    /// Notes that the output is wanted later.
    pub(crate) fn keep_output(&self) {
        self.with(|tenancy| tenancy.keep_output = true);
    }

    /// Notes that the command runs.
    pub(crate) fn started(&self) {
        self.with(|tenancy| tenancy.started = true);
    }

    /// Notes that files of ours are inside.
    pub(crate) fn owes_folder(&self, folder: GuestPath) {
        self.with(|tenancy| tenancy.folder = Some(folder));
    }

    fn ended(&self, ending: Ending, stdout_bytes: u64, stderr_bytes: u64) {
        self.with(|tenancy| {
            tenancy.execution.stdout_bytes = stdout_bytes;
            tenancy.execution.stderr_bytes = stderr_bytes;
            tenancy.record_end(ending);
        });
    }

    fn with(&self, change: impl FnOnce(&mut Tenancy)) {
        let mut tenancy = self.tenancy.lock().expect("no holder of this lock panics");
        if let Some(tenancy) = tenancy.as_mut() {
            change(tenancy);
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        drop(self.following.take());
        let tenancy = self.tenancy.get_mut().expect("no holder of this lock panics").take();
        if let Some(tenancy) = tenancy.filter(Tenancy::owes_something) {
            let engine = tenancy.engine.clone();
            // The engine's shutdown waits for it; nobody has to here.
            drop(engine.spawn(tenancy.close()));
        }
    }
}

impl Tenancy {
    fn owes_something(&self) -> bool {
        let watched = !self.started || self.execution.ending.is_some();
        !watched || self.inside.seat.single_use || self.folder.is_some()
    }

    /// Brings the command to its end and tidies up.
    pub(crate) async fn close(mut self) {
        if self.started && self.execution.ending.is_none() {
            self.keep_output = true;
            let stopping = self.engine.stopping().clone();
            tokio::select! {
                // The next daemon finds the command again.
                () = stopping.cancelled() => return,
                () = self.watch() => {}
            }
        }
        if self.inside.seat.single_use {
            self.delete_sandbox().await;
        } else if let Some(folder) = self.folder.take() {
            let removed = self.inside.guest.remove(&folder, Removal::Tree).await;
            if let Err(error) = removed {
                tracing::debug!(%error, "a private folder of a command stays");
            }
        }
    }

    async fn watch(&mut self) {
        let mut offset = 0;
        loop {
            match self.look(offset).await {
                Ok(execution) => {
                    offset = execution.stdout_bytes;
                    self.execution.stdout_bytes = execution.stdout_bytes;
                    self.execution.stderr_bytes = execution.stderr_bytes;
                    if let Some(ending) = execution.ending {
                        return self.record_end(ending);
                    }
                }
                Err(error) if error.kind() == Kind::NotFound => {
                    return self.record_end(self.lost());
                }
                Err(_) if !self.inside.seat.sandbox().state.is_alive() => {
                    return self.record_end(self.lost());
                }
                // The guest is busy or away for a moment; its death would show in the state.
                Err(error) => tracing::debug!(%error, "a look at a command failed"),
            }
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
    }

    async fn look(&self, offset: u64) -> Result<Execution> {
        let id = self.execution.id.clone();
        let (stream, limit, wait_ms) = (Stream::Stdout, 1, LOOK_MS);
        let request = ReadOutput { id, stream, offset, limit, wait_ms };
        Ok(self.inside.guest.read_output(request).await?.execution)
    }

    /// How a command ended whose sandbox ended under it.
    fn lost(&self) -> Ending {
        let reason = self.inside.seat.sandbox().cause.as_ref().map(|cause| cause.reason);
        lost(&self.execution, reason, self.engine.now())
    }

    fn record_end(&mut self, ending: Ending) {
        self.execution.ending = Some(ending);
        let seat = &self.inside.seat;
        let row = ExecutionRow { sandbox_id: seat.id.clone(), execution: self.execution.clone() };
        let detail = format!("{} in {}", self.execution.id, seat.id);
        self.engine.records().post("execution", move |store| store.put_execution(&row));
        let outcome = outcome_word(&ending);
        let id = self.execution.id.as_str();
        self.engine.note_outcome(&self.who, "execution.end", id, &detail, &outcome);
    }

    async fn delete_sandbox(&self) {
        let seat = &self.inside.seat;
        if self.keep_output && self.started {
            let taken = self.engine.kept().take(&*self.inside.guest, &self.execution).await;
            if let Err(error) = taken {
                tracing::warn!(id = %self.execution.id, %error, "the output of a command is lost");
            }
        }
        let wish = Wish::Delete(Cause::with(Reason::Request, "its one command was over"));
        let result = seat.ask(wish, DELETE_LIMIT).await;
        let about = ("sandbox.delete", seat.id.as_str(), "after its one command");
        if let Err(error) = self.engine.noted(&self.who, about, result) {
            tracing::warn!(id = %seat.id, %error, "a single-use sandbox is still there");
        }
    }
}

/// How a command ended whose sandbox ended under it for this reason.
pub(crate) fn lost(execution: &Execution, reason: Option<Reason>, now: u64) -> Ending {
    let stopped_by = match reason {
        Some(Reason::OutOfMemory) => Some(StoppedBy::OutOfMemory),
        Some(Reason::Request) => Some(StoppedBy::Caller),
        Some(
            Reason::Idle
            | Reason::Time
            | Reason::Exit
            | Reason::OutOfDisk
            | Reason::Killed
            | Reason::HostRestart
            | Reason::Fault,
        )
        | None => None,
    };
    let wall_ms = now.saturating_sub(execution.started_at);
    Ending { exit_code: 137, signal: Some(9), stopped_by, wall_ms }
}

/// The outcome of a command in the audit trail.
pub(crate) fn outcome_word(ending: &Ending) -> String {
    match (ending.stopped_by, ending.signal) {
        (Some(StoppedBy::Timeout), _) => "timeout".to_owned(),
        (Some(StoppedBy::Caller), _) => "stopped".to_owned(),
        (Some(StoppedBy::OutOfMemory), _) => "out of memory".to_owned(),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => format!("exit {}", ending.exit_code),
    }
}

/// The events of a command, seen by the engine on their way to the caller.
pub(crate) struct Followed {
    events: ProcessEvents,
    lease: Arc<Lease>,
    stdout_bytes: u64,
    stderr_bytes: u64,
}

impl Followed {
    pub(crate) fn over(events: ProcessEvents, lease: Arc<Lease>) -> ProcessEvents {
        Box::pin(Self { events, lease, stdout_bytes: 0, stderr_bytes: 0 })
    }
}

impl AsyncStream for Followed {
    type Item = Result<ProcessEvent>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let item = std::task::ready!(self.events.as_mut().poll_next(cx));
        match &item {
            Some(Ok(ProcessEvent::Output { stream, offset, data })) => {
                let end = offset.saturating_add(data.len() as u64);
                match stream {
                    Stream::Stdout => self.stdout_bytes = end,
                    Stream::Stderr => self.stderr_bytes = end,
                }
            }
            Some(Ok(ProcessEvent::Ended(ending))) => {
                self.lease.ended(*ending, self.stdout_bytes, self.stderr_bytes);
            }
            Some(Err(_)) | None => {}
        }
        Poll::Ready(item)
    }
}
