//! Making the records and what runs agree, at the start of a daemon.
//!
//! ```text
//! record    | runs               | only its layer        | remains, or nothing
//! creating  | adopted            | failed, removed       | failed, removed
//! starting  | adopted            | failed                | failed
//! running   | adopted            | stopping, with cause  | stopping, with cause
//! pausing   | pausing again      | stopping, with cause  | stopping, with cause
//! paused    | pausing again      | stopping, with cause  | stopping, with cause
//! resuming  | resuming again     | stopping, with cause  | stopping, with cause
//! stopping  | stopping again     | stopping again        | stopping again
//! at rest   | ended by its stop  | as it is              | as it is
//! deleting  | deleting again     | deleting again        | deleting again
//! none      | deleted            | deleted               | deleted
//! ```
//!
//! What is held counts as what runs; a paused one is left as it is then, and any other that is to
//! run is let go on first.
//!
//! Deadlines that passed while no daemon ran come first: nothing that is overdue is adopted.
//!
//! The record of a command is written a moment after its start, so that a sandbox may run one that
//! has none. It gets its record then.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::{StreamExt as _, stream};
use infield_domain::command::Execution;
use infield_domain::isolation::Enforcement;
use infield_domain::lifecycle::{Cause, Event, Reason, State};
use infield_domain::provider::Found;
use infield_domain::sandbox::Sandbox;
use infield_domain::{ExecutionId, Kind, Principal, Result, SandboxId};
use infield_store::{ExecutionRow, SandboxRow, Store};

use crate::create::Use;
use crate::driver::queue::Wish;
use crate::driver::{Change, Driver, Seat};
use crate::gate::clipped;
use crate::lease::{Lease, Tenancy, lost, outcome_word};
use crate::network::NetworkChange;
use crate::{Engine, schedule};

/// Sandboxes that are brought in order at the same time.
const AT_ONCE: usize = 8;
/// How long records of what is gone are kept, in milliseconds.
const REMEMBER_MS: u64 = 30 * 24 * 3_600_000;
/// How long the deletion of something overdue is waited for.
const OVERDUE_LIMIT: std::time::Duration = std::time::Duration::from_secs(10);

/// What a driver begins with.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Beginning {
    /// What happened while no daemon looked.
    pub(crate) event: Option<Event>,
    /// How the limits of a running one hold.
    pub(crate) enforcement: Option<Enforcement>,
    /// Whether what the provider has is to be removed or ended first.
    pub(crate) clear: Clear,
}

/// What the provider has to do before the driver begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Clear {
    Nothing,
    /// Remove all of it: it never worked.
    Remove,
    /// End what runs and keep the layer.
    Stop,
    /// Let what is held go on.
    Resume,
}

/// Decides what a recorded sandbox begins with, from what was found of it.
pub(crate) fn beginning(state: State, found: Option<Found>) -> Beginning {
    let as_it_is = Beginning { event: None, enforcement: None, clear: Clear::Nothing };
    let broke_off = |what: &str| {
        let detail = format!("the daemon ended while the sandbox was {what}");
        Some(Event::Failed(Cause::with(Reason::Fault, detail)))
    };
    let clear = match &found {
        Some(Found::Paused(_)) => Clear::Resume,
        Some(Found::Running(_) | Found::Layer(_) | Found::Remains) | None => Clear::Nothing,
    };
    match (state, found) {
        (
            State::Creating | State::Starting,
            Some(Found::Running(running) | Found::Paused(running)),
        ) => Beginning { event: Some(Event::Ready), enforcement: Some(running.enforcement), clear },
        (State::Creating, _) => {
            Beginning { event: broke_off("made"), clear: Clear::Remove, ..as_it_is }
        }
        (State::Starting, Some(Found::Remains)) => {
            Beginning { event: broke_off("started"), clear: Clear::Stop, ..as_it_is }
        }
        (State::Starting, Some(Found::Layer(_)) | None) => {
            Beginning { event: broke_off("started"), ..as_it_is }
        }
        (State::Running, Some(Found::Running(running) | Found::Paused(running))) => {
            Beginning { enforcement: Some(running.enforcement), clear, ..as_it_is }
        }
        (State::Paused, Some(Found::Running(running))) => Beginning {
            event: Some(Event::Pause),
            enforcement: Some(running.enforcement),
            clear: Clear::Nothing,
        },
        (State::Paused, Some(Found::Paused(running)))
        | (
            State::Pausing | State::Resuming,
            Some(Found::Running(running) | Found::Paused(running)),
        ) => Beginning { enforcement: Some(running.enforcement), ..as_it_is },
        (
            State::Running | State::Pausing | State::Paused | State::Resuming,
            Some(Found::Layer(cause)),
        ) => {
            let cause = cause.unwrap_or_else(unseen);
            Beginning { event: Some(Event::Died(cause)), ..as_it_is }
        }
        (
            State::Running | State::Pausing | State::Paused | State::Resuming,
            Some(Found::Remains) | None,
        ) => Beginning { event: Some(Event::Died(unseen())), ..as_it_is },
        (
            State::Stopped | State::Archived | State::Failed,
            Some(Found::Running(_) | Found::Paused(_)),
        ) => Beginning { clear: Clear::Stop, ..as_it_is },
        (
            State::Stopping
            | State::Stopped
            | State::Archived
            | State::Failed
            | State::Deleting
            | State::Deleted,
            _,
        ) => as_it_is,
    }
}

/// Whether nothing inside answers, and will again.
fn is_held(state: State) -> bool {
    matches!(state, State::Pausing | State::Paused | State::Resuming)
}

fn unseen() -> Cause {
    Cause::with(Reason::Killed, "it ended while no daemon ran")
}

impl Engine {
    /// Compares the records with what runs, and makes them agree: adopts, finishes what was half
    /// done, carries out the deadlines that passed, removes what has no record.
    pub async fn recover(&self) -> Result<()> {
        let now = self.now();
        let (rows, open) = self
            .records()
            .call(move |store| {
                store.forget_sandboxes(now.saturating_sub(REMEMBER_MS))?;
                store.forget_executions(now.saturating_sub(REMEMBER_MS))?;
                Ok((store.living_sandboxes()?, store.open_executions()?))
            })
            .await?;
        let mut found: HashMap<_, _> = self.provider().inventory().await?.into_iter().collect();
        let mut executions: HashMap<SandboxId, Vec<ExecutionRow>> = HashMap::new();
        for row in open {
            executions.entry(row.sandbox_id.clone()).or_default().push(row);
        }
        let mut known: Vec<_> = rows
            .into_iter()
            .map(|row| {
                let id = row.sandbox.id.clone();
                Recovery { found: found.remove(&id), open: executions.remove(&id), row }
            })
            .collect();
        // What is overdue goes first, before anything is adopted.
        known.sort_by_key(|one| !one.is_overdue(now));
        let (overdue, rest): (Vec<_>, Vec<_>) =
            known.into_iter().partition(|one| one.is_overdue(now));
        for group in [overdue, rest] {
            let recoveries = group.into_iter().map(|one| self.recover_one(one));
            stream::iter(recoveries).buffer_unordered(AT_ONCE).collect::<Vec<()>>().await;
        }
        let strangers = found.into_keys().map(|id| self.remove_stranger(id));
        stream::iter(strangers).buffer_unordered(AT_ONCE).collect::<Vec<()>>().await;
        self.recover_volumes().await;
        executions.into_values().flatten().for_each(|row| self.record_lost(row, None));
        let engine = self.clone();
        drop(self.spawn(async move { engine.follow_networks().await }));
        self.set_ready();
        Ok(())
    }

    async fn recover_one(&self, one: Recovery) {
        let Recovery { row, found, open } = one;
        let SandboxRow { sandbox, single_use, traffic } = row;
        let open = open.unwrap_or_default();
        let begin = beginning(sandbox.state, found);
        self.clear(&sandbox, begin.clear).await;
        let once = if single_use { Use::Single } else { Use::Many };
        let (mut driver, seat) = Driver::with_traffic(self, sandbox, (once, traffic));
        if let Err(_taken) = self.registry().insert(&seat, u32::MAX, |owner| owner == seat.owner) {
            // The database keeps names and keys unique; this is a fault of ours.
            tracing::error!(id = %seat.id, "two records of one name");
            return;
        }
        if let Some(enforcement) = begin.enforcement {
            driver = driver.enforced_by(enforcement);
        }
        let driver = driver.beginning_with(begin.event);
        let due = |working| {
            let active_at = seat.activity.active_at();
            schedule::due(&seat.sandbox(), schedule::Work { working, active_at }, self.now())
        };
        // An open command may still run.
        let mut overdue = due(!open.is_empty());
        let mut still_running = Vec::new();
        if !matches!(overdue, Some(Wish::Delete(_))) {
            still_running = self.find_again(&seat, &open).await;
            overdue = due(!open.is_empty() || !still_running.is_empty());
        }
        let held = is_held(seat.sandbox().state);
        let forsaken = single_use && still_running.is_empty() && !held;
        drop(self.spawn(driver.drive()));
        if held {
            let (engine, seat) = (self.clone(), seat.clone());
            drop(self.spawn(async move { engine.find_when_resumed(seat, open).await }));
        } else {
            self.record_ended(&seat, &open, &still_running);
        }
        if seat.sandbox().state.is_alive() {
            self.restore_reach(&seat).await;
        }
        let cause = || Cause::with(Reason::Request, "its one command was over");
        let wish = overdue.or_else(|| forsaken.then(|| Wish::Delete(cause())));
        if let Some(wish) = wish {
            self.note_system(wish.action(), seat.id.as_str(), "overdue at the start of the daemon");
            if let Err(error) = seat.ask(wish, OVERDUE_LIMIT).await {
                tracing::warn!(id = %seat.id, %error, "something overdue is not done yet");
            }
        }
    }

    /// Has what a sandbox may reach and use in force again.
    async fn restore_reach(&self, seat: &Seat) {
        if !seat.sandbox().spec.secrets.is_empty()
            && let Err(error) = seat.change(Change::Secrets, OVERDUE_LIMIT).await
        {
            tracing::warn!(id = %seat.id, %error, "a sandbox is without its secrets");
        }
        // The network process may be a new one, that knows nothing of this sandbox yet.
        let change = Change::Network(NetworkChange::default());
        if let Err(error) = seat.change(change, OVERDUE_LIMIT).await {
            tracing::warn!(id = %seat.id, %error, "a sandbox is without its network");
        }
    }

    /// Records the end of those commands that run no more.
    fn record_ended(&self, seat: &Seat, open: &[ExecutionRow], still_running: &[ExecutionId]) {
        for row in open.iter().filter(|row| !still_running.contains(&row.execution.id)) {
            let reason = seat.sandbox().cause.as_ref().map(|cause| cause.reason);
            self.record_lost(row.clone(), reason);
        }
    }

    /// The commands of a held sandbox are known when it goes on, or has ended.
    async fn find_when_resumed(&self, seat: Arc<Seat>, open: Vec<ExecutionRow>) {
        let mut view = seat.watch();
        let rests = view.wait_for(|sandbox| !is_held(sandbox.state));
        tokio::select! {
            // The next daemon looks for them.
            () = self.stopping().cancelled() => return,
            // A driver that is gone has no sandbox any more.
            _moved = rests => {}
        }
        let still_running = self.find_again(&seat, &open).await;
        self.record_ended(&seat, &open, &still_running);
    }

    async fn clear(&self, sandbox: &Sandbox, clear: Clear) {
        let result = match clear {
            Clear::Nothing => Ok(()),
            Clear::Remove => self.provider().delete(&sandbox.id).await,
            Clear::Stop => self.provider().stop(&sandbox.id, &sandbox.spec).await,
            Clear::Resume => self.provider().resume(&sandbox.id).await,
        };
        if let Err(error) = result {
            tracing::warn!(id = %sandbox.id, %error, "remains of a sandbox could not be cleared");
        }
    }

    /// Takes up the commands that the inside knows, and records those that have no record. Gives
    /// them.
    async fn find_again(&self, seat: &Arc<Seat>, open: &[ExecutionRow]) -> Vec<ExecutionId> {
        if seat.sandbox().state != State::Running {
            return Vec::new();
        }
        // Asked without stepping inside: a sandbox does not work because a daemon started.
        let known = match self.provider().guest(&seat.id).executions().await {
            Ok(current) => self.with_records(seat, current).await,
            Err(error) => Err(error),
        };
        let (current, unrecorded) = known.unwrap_or_else(|error| {
            tracing::warn!(id = %seat.id, %error, "the commands of a sandbox are not known");
            (Vec::new(), Vec::new())
        });
        for row in &unrecorded {
            self.record_found(row.clone());
        }
        let is_open = |now: &&Execution| open.iter().any(|row| row.execution.id == now.id);
        let unrecorded = unrecorded.into_iter().map(|row| row.execution);
        let found: Vec<_> = current.iter().filter(is_open).cloned().chain(unrecorded).collect();
        let ids = found.iter().map(|execution| execution.id.clone()).collect();
        for execution in found {
            self.take_up(seat, execution);
        }
        ids
    }

    /// The commands that an inside told of, and those among them that have no record and would
    /// still have it.
    async fn with_records(
        &self,
        seat: &Arc<Seat>,
        current: Vec<Execution>,
    ) -> Result<(Vec<Execution>, Vec<ExecutionRow>)> {
        let (sandbox_id, since) = (seat.id.clone(), self.now().saturating_sub(REMEMBER_MS));
        let lookup = move |store: &mut Store| {
            let mut unrecorded = Vec::new();
            for execution in current.iter().filter(|execution| execution.started_at > since) {
                if store.execution(&execution.id)?.is_none() {
                    let execution = Execution { ending: None, ..execution.clone() };
                    unrecorded.push(ExecutionRow { sandbox_id: sandbox_id.clone(), execution });
                }
            }
            Ok((current, unrecorded))
        };
        self.records().call(lookup).await
    }

    fn record_found(&self, row: ExecutionRow) {
        let detail = format!("{} {}", row.execution.id, clipped(&row.execution.command));
        self.note_system("execution.start", row.sandbox_id.as_str(), &detail);
        self.records().post("execution", move |store| store.put_execution(&row));
    }

    fn take_up(&self, seat: &Arc<Seat>, execution: Execution) {
        let Some(inside) = self.step_inside(seat) else { return };
        // Dropped at once: the engine watches it to its end, which may be over already.
        drop(Lease::new(Tenancy {
            engine: self.clone(),
            who: Principal::system(),
            inside,
            execution: Execution { ending: None, ..execution },
            folder: None,
            started: true,
            keep_output: true,
        }));
    }

    fn record_lost(&self, mut row: ExecutionRow, reason: Option<Reason>) {
        let ending = lost(&row.execution, reason, self.now());
        row.execution.ending = Some(ending);
        let detail = format!("{} in {}", row.execution.id, row.sandbox_id);
        let id = row.execution.id.to_string();
        self.records().post("execution", move |store| store.put_execution(&row));
        let who = Principal::system();
        self.note_outcome(&who, "execution.end", &id, &detail, &outcome_word(&ending));
    }

    async fn remove_stranger(&self, id: SandboxId) {
        let result = self.provider().delete(&id).await;
        match &result {
            Err(error) if error.kind() == Kind::NotFound => {}
            Ok(()) | Err(_) => {
                let outcome = result.as_ref().map(|_| ());
                let who = Principal::system();
                self.note(&who, "sandbox.delete", id.as_str(), "it had no record", outcome);
            }
        }
        if let Err(error) = result {
            tracing::warn!(%id, %error, "something without a record could not be removed");
        }
    }
}

struct Recovery {
    row: SandboxRow,
    found: Option<Found>,
    open: Option<Vec<ExecutionRow>>,
}

impl Recovery {
    fn is_overdue(&self, now: u64) -> bool {
        let work =
            schedule::Work { working: self.open.is_some(), active_at: self.row.sandbox.active_at };
        schedule::due(&self.row.sandbox, work, now).is_some()
    }
}

#[cfg(test)]
mod tests;
