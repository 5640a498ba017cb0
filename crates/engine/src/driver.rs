//! One task for each sandbox, the only writer of its state.
//!
//! ```text
//!  use cases ──wish──▶ queue ──▶ drive ──event──▶ lifecycle::next ──▶ record, watch channel
//!  timers  ────wish──▶   ▲         │
//!  provider.died ──event─┘         └──▶ provider: create, start, stop, delete
//! ```
//!
//! In a moving state the driver does the one provider call of that state, and a wish to delete
//! interrupts it. In a resting state it waits for a wish, a timer or a death. Provider calls are
//! idempotent: one that failed because the provider was away is repeated.

use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::Duration;

use infield_domain::lifecycle::{Cause, Event, Reason, State, next};
use infield_domain::network::Traffic;
use infield_domain::preview;
use infield_domain::sandbox::Sandbox;
use infield_domain::secret::Grant;
use infield_domain::{Error, Kind, Result, SandboxId};
use tokio::sync::{mpsc, oneshot, watch};

use crate::activity::Activity;
use crate::change::SandboxChange;
use crate::create::Use;
use crate::driver::perform::{Performed, movement};
use crate::driver::queue::{Pushed, Queue, Wish};
use crate::network::{Moved, NetworkChange, Refusals};
use crate::previews::Visits;
use crate::toolbox::environment::ChangeEnvironment;
use crate::toolbox::{Interpreters, LanguageServers, Sessions, Terminals};
use crate::{Engine, schedule};

mod perform;
pub(crate) mod queue;

/// Whoever waits for a wish to be granted.
pub(crate) type Waiter = oneshot::Sender<Result<Arc<Sandbox>>>;

/// Looks at the timers at least this often, since the host's clock may be set.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

/// What is changed about a sandbox while it rests or runs.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    /// What it may reach.
    Network(NetworkChange),
    /// Who may visit a port.
    Preview(NonZeroU16, preview::Change),
    /// What its secrets are, which changed.
    Secrets,
    /// Which secrets it has.
    Grants(Vec<Grant>),
    /// What else its owner settles about it.
    Sandbox(SandboxChange),
    /// The variables of what starts later.
    Environment(ChangeEnvironment),
}

/// A living sandbox, as everybody but its driver holds it.
#[derive(Debug)]
pub(crate) struct Seat {
    pub(crate) id: SandboxId,
    pub(crate) owner: String,
    /// Whether it goes after its one command.
    pub(crate) single_use: bool,
    pub(crate) activity: Activity,
    /// What its network refused lately.
    pub(crate) refusals: Refusals,
    /// What its network has moved.
    pub(crate) moved: Moved,
    wishes: mpsc::Sender<(Wish, Waiter)>,
    /// What holds for its previews while the daemon lives.
    pub(crate) visits: Visits,
    /// Its living shells.
    pub(crate) sessions: Sessions,
    /// Its contexts for code that keeps what it leaves.
    pub(crate) interpreters: Interpreters,
    /// Its shells with a screen.
    pub(crate) terminals: Terminals,
    /// What knows the code in it.
    pub(crate) language_servers: LanguageServers,
    changes: mpsc::Sender<(Change, Waiter)>,
    view: watch::Receiver<Arc<Sandbox>>,
}

impl Seat {
    /// The record as of now.
    pub(crate) fn sandbox(&self) -> Arc<Sandbox> {
        self.view.borrow().clone()
    }

    /// The record as it changes.
    pub(crate) fn watch(&self) -> watch::Receiver<Arc<Sandbox>> {
        self.view.clone()
    }

    /// The timers as of now.
    pub(crate) fn deadlines(&self) -> crate::Deadlines {
        schedule::deadlines(&self.sandbox(), self.work())
    }

    pub(crate) fn work(&self) -> schedule::Work {
        schedule::Work { working: self.activity.is_working(), active_at: self.activity.active_at() }
    }

    /// Waits until the sandbox stands in a state that fits, for as long as `limit`.
    pub(crate) async fn wait_for(&self, fits: fn(State) -> bool, limit: Duration) -> Arc<Sandbox> {
        let mut view = self.view.clone();
        let found = tokio::time::timeout(limit, view.wait_for(|sandbox| fits(sandbox.state)));
        match found.await {
            Ok(Ok(sandbox)) => sandbox.clone(),
            // Too late, or the driver is gone: what is known last is the answer.
            Ok(Err(_)) | Err(_) => self.sandbox(),
        }
    }

    /// Asks the driver for a change, and waits until it is in force.
    pub(crate) async fn change(&self, change: Change, limit: Duration) -> Result<Arc<Sandbox>> {
        let what = match &change {
            Change::Network(_) => "network",
            Change::Preview(_, _) => "preview",
            Change::Secrets | Change::Grants(_) => "secrets",
            Change::Sandbox(_) => "record",
            Change::Environment(_) => "variables",
        };
        let (waiter, answer) = oneshot::channel();
        if self.changes.send((change, waiter)).await.is_err() {
            return Err(gone(&self.id));
        }
        match tokio::time::timeout(limit, answer).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(gone(&self.id)),
            Err(_) => Err(Error::timeout(format!(
                "the {what} of sandbox `{}` is not changed after {} s",
                self.id,
                limit.as_secs()
            ))
            .with_hint("look at its state, then ask again")),
        }
    }

    /// Asks the driver, and waits for the wish to be granted.
    pub(crate) async fn ask(&self, wish: Wish, limit: Duration) -> Result<Arc<Sandbox>> {
        let late = match &wish {
            Wish::Start => "starting",
            Wish::Pause => "pausing",
            Wish::Stop(_) => "stopping",
            Wish::Archive => "being archived",
            Wish::Delete(_) => "being deleted",
        };
        let (waiter, answer) = oneshot::channel();
        if self.wishes.send((wish, waiter)).await.is_err() {
            return Err(gone(&self.id));
        }
        match tokio::time::timeout(limit, answer).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(gone(&self.id)),
            Err(_) => Err(Error::timeout(format!(
                "sandbox `{}` is still {late} after {} s",
                self.id,
                limit.as_secs()
            ))
            .with_hint("it goes on; look again in a moment")),
        }
    }
}

fn gone(id: &SandboxId) -> Error {
    Error::unavailable(format!("sandbox `{id}` has gone, or the daemon is ending"))
        .with_hint("list the sandboxes to see what there is")
}

/// The task's own side.
pub(crate) struct Driver {
    engine: Engine,
    seat: Arc<Seat>,
    sandbox: Sandbox,
    view: watch::Sender<Arc<Sandbox>>,
    inbox: mpsc::Receiver<(Wish, Waiter)>,
    /// Changes that were asked for. They wait while the sandbox moves.
    changes: mpsc::Receiver<(Change, Waiter)>,
    queue: Queue<Waiter>,
    /// Who waits for the movement that goes on now.
    waiters: Vec<Waiter>,
}

impl Driver {
    /// Prepares a driver for a sandbox in whatever state it is recorded.
    pub(crate) fn new(engine: &Engine, sandbox: Sandbox, once: Use) -> (Self, Arc<Seat>) {
        Self::with_traffic(engine, sandbox, (once, Traffic::default()))
    }

    /// The same for a sandbox whose network has moved something.
    pub(crate) fn with_traffic(
        engine: &Engine,
        sandbox: Sandbox,
        (once, traffic): (Use, Traffic),
    ) -> (Self, Arc<Seat>) {
        let (wishes, inbox) = mpsc::channel(64);
        let (asked, changes) = mpsc::channel(8);
        let (view, reader) = watch::channel(Arc::new(sandbox.clone()));
        let seat = Arc::new(Seat {
            id: sandbox.id.clone(),
            owner: sandbox.owner.clone(),
            single_use: once == Use::Single,
            activity: Activity::new(sandbox.active_at),
            refusals: Refusals::default(),
            visits: Visits::default(),
            sessions: Sessions::default(),
            interpreters: Interpreters::default(),
            terminals: Terminals::default(),
            language_servers: LanguageServers::default(),
            moved: Moved::new(traffic),
            wishes,
            changes: asked,
            view: reader,
        });
        let driver = Self {
            engine: engine.clone(),
            seat: seat.clone(),
            sandbox,
            view,
            inbox,
            changes,
            queue: Queue::new(),
            waiters: Vec::new(),
        };
        (driver, seat)
    }

    /// Adds somebody who waits for the first movement, such as the creation.
    pub(crate) fn awaited_by(mut self, waiter: Waiter) -> Self {
        self.waiters.push(waiter);
        self
    }

    /// Begins with what a recovery found; an event without a place here changes nothing.
    pub(crate) fn beginning_with(mut self, event: Option<Event>) -> Self {
        if let Some(event) = event {
            self.step(event);
        } else if self.sandbox.state == State::Running {
            self.seat.activity.open(self.sandbox.active_at);
        }
        self
    }

    /// Notes how the limits hold, before the event that makes it run.
    pub(crate) fn enforced_by(mut self, found: infield_domain::isolation::Enforcement) -> Self {
        self.sandbox.enforcement = Some(found);
        self
    }

    /// Drives until the sandbox is gone or the engine ends.
    pub(crate) async fn drive(mut self) {
        loop {
            let going_on = match self.sandbox.state {
                State::Creating
                | State::Starting
                | State::Pausing
                | State::Resuming
                | State::Stopping
                | State::Deleting => self.act().await,
                State::Running
                | State::Paused
                | State::Stopped
                | State::Archived
                | State::Failed => self.wait().await,
                State::Deleted => false,
            };
            if !going_on || self.engine.stopping().is_cancelled() {
                return;
            }
        }
    }

    /// One wish, timer or death of a resting sandbox. False when the engine ends.
    async fn wait(&mut self) -> bool {
        if let Some((wish, waiters)) = self.queue.pop() {
            self.grant(wish, waiters);
            return true;
        }
        let engine = self.engine.clone();
        let (provider, seat) = (engine.provider().clone(), self.seat.clone());
        let alive = self.sandbox.state.is_alive();
        let until_next = self.until_next();
        tokio::select! {
            () = engine.stopping().cancelled() => return false,
            message = self.inbox.recv() => match message {
                Some((wish, waiter)) => self.receive(wish, waiter),
                None => return false,
            },
            Some((change, waiter)) = self.changes.recv() => {
                let changed = self.change(change).await;
                reply(waiter, changed.map(|()| Arc::new(self.sandbox.clone())));
            }
            cause = provider.died(&seat.id), if alive => self.step(Event::Died(cause)),
            () = seat.activity.rested.notified() => {}
            () = tokio::time::sleep(until_next) => self.on_timer(),
        }
        true
    }

    /// Records a change, once it is in force where it has to be.
    async fn change(&mut self, change: Change) -> Result<()> {
        match change {
            Change::Network(change) => self.change_network(change).await?,
            Change::Preview(port, change) => self.sandbox.spec.previews.change(port, change)?,
            Change::Secrets => return self.renew_secrets().await,
            Change::Grants(grants) => self.change_grants(grants).await?,
            Change::Sandbox(change) => {
                self.change_sandbox(change).await?;
                // Its timers count from its last change of state, which this is none of.
                self.publish();
                return Ok(());
            }
            Change::Environment(change) => change.apply(&mut self.sandbox.spec)?,
        }
        self.sandbox.changed_at = self.engine.now();
        self.publish();
        Ok(())
    }

    async fn change_sandbox(&mut self, change: SandboxChange) -> Result<()> {
        let mut changed = self.sandbox.clone();
        change.apply(&mut changed, self.engine.now())?;
        let resources = &changed.spec.resources;
        if changed.state.is_alive() && *resources != self.sandbox.spec.resources {
            self.engine.provider().resize(&self.seat.id, resources).await?;
        }
        self.sandbox = changed;
        Ok(())
    }

    async fn change_network(&mut self, change: NetworkChange) -> Result<()> {
        let mut changed = self.sandbox.clone();
        change.apply(&mut changed.spec)?;
        if changed.state.is_alive() {
            let terms = changed.terms(self.seat.moved.get());
            self.engine.provider().set_network(&self.seat.id, &terms).await?;
        }
        self.sandbox = changed;
        Ok(())
    }

    async fn change_grants(&mut self, grants: Vec<Grant>) -> Result<()> {
        if self.sandbox.state.is_alive() {
            let given = self.engine.given(&grants).await?;
            if let Err(error) = self.engine.provider().set_secrets(&self.seat.id, &given).await {
                // Nobody knows how far it came; what the record says holds.
                if let Err(error) = self.renew_secrets().await {
                    tracing::warn!(id = %self.seat.id, %error, "secrets may not be as recorded");
                }
                return Err(error);
            }
        }
        self.sandbox.spec.secrets = grants;
        Ok(())
    }

    async fn renew_secrets(&self) -> Result<()> {
        if !self.sandbox.state.is_alive() {
            return Ok(());
        }
        let given = self.engine.still_given(&self.sandbox.spec.secrets).await?;
        self.engine.provider().set_secrets(&self.seat.id, &given).await
    }

    fn until_next(&self) -> Duration {
        let at = schedule::next(&self.sandbox, self.seat.work());
        let rest = at.map_or(u64::MAX, |at| at.saturating_sub(self.engine.now()));
        Duration::from_millis(rest).min(LOOK_AGAIN)
    }

    fn on_timer(&mut self) {
        let due = schedule::due(&self.sandbox, self.seat.work(), self.engine.now());
        let Some(wish) = due else { return };
        let idle = wish.needs_idleness();
        if idle && !self.seat.activity.close_if_idle() {
            return;
        }
        let detail = if idle { "idle" } else { "time" };
        self.engine.note_system(wish.action(), self.sandbox.id.as_str(), detail);
        self.grant(wish, Vec::new());
    }

    /// The provider call of a moving state, until it is over or a deletion interrupts it.
    async fn act(&mut self) -> bool {
        let call = movement(&self.engine, &self.sandbox);
        tokio::pin!(call);
        loop {
            tokio::select! {
                performed = &mut call => {
                    self.conclude(performed);
                    return true;
                }
                message = self.inbox.recv() => match message {
                    Some((wish, waiter)) => self.receive(wish, waiter),
                    None => return false,
                },
            }
            if self.queue.interrupts() && self.sandbox.state != State::Deleting {
                if let Some((wish, waiters)) = self.queue.pop() {
                    self.grant(wish, waiters);
                }
                return true;
            }
        }
    }

    fn conclude(&mut self, performed: Performed) {
        match performed {
            Performed::Ready(running) => {
                self.sandbox.enforcement = Some(running.enforcement);
                self.step(Event::Ready);
                self.answer();
            }
            Performed::Resumed => {
                self.step(Event::Ready);
                self.answer();
            }
            Performed::Held => {
                self.step(Event::Held);
                self.answer();
            }
            Performed::NotHeld(error) => {
                self.step(Event::Ready);
                self.refuse(&error);
            }
            Performed::NotResumed(error) => {
                self.step(Event::Held);
                self.refuse(&error);
            }
            Performed::Halted => {
                self.step(Event::Halted);
                self.answer();
            }
            Performed::Gone => {
                self.step(Event::Gone);
                // Its name is free before anybody hears that it is gone.
                self.engine.registry().remove(&self.seat);
                self.answer();
            }
            Performed::Failed(error) => {
                self.step(Event::Failed(Cause::with(Reason::Fault, error.message())));
                self.refuse(&error);
            }
            // The state stays `Deleting`, so that the loop tries again after its pause.
            Performed::NotGone(error) => self.refuse(&error),
        }
    }

    fn receive(&mut self, wish: Wish, waiter: Waiter) {
        match self.queue.push(self.sandbox.state, wish, waiter) {
            Pushed::Waits => {}
            Pushed::WithMovement(waiter) => self.waiters.push(waiter),
            Pushed::Done(waiter) => reply(waiter, Ok(Arc::new(self.sandbox.clone()))),
            Pushed::Refused(waiters) => {
                let error = Error::conflict(format!("sandbox `{}` is being deleted", self.seat.id))
                    .with_hint("make a new one");
                waiters.into_iter().for_each(|waiter| reply(waiter, Err(again(&error))));
            }
            Pushed::Unfit(waiter) => reply(waiter, Err(self.unfit())),
            Pushed::Full(waiter) => {
                let error = Error::unavailable(format!(
                    "sandbox `{}` has {} wishes waiting",
                    self.seat.id,
                    queue::LONGEST
                ));
                reply(waiter, Err(error.with_hint("wait for the ones before")));
            }
        }
    }

    fn grant(&mut self, wish: Wish, waiters: Vec<Waiter>) {
        let interrupted = std::mem::replace(&mut self.waiters, waiters);
        let error = Error::conflict(format!("sandbox `{}` is being deleted", self.seat.id));
        interrupted.into_iter().for_each(|waiter| reply(waiter, Err(again(&error))));
        let before = self.sandbox.state;
        // What was asked for may have lost its place since it was queued.
        let needs_a_place = matches!(wish, Wish::Pause | Wish::Archive);
        self.step(wish.into_event());
        let state = self.sandbox.state;
        if state == before && needs_a_place {
            self.refuse(&self.unfit());
        } else if state == before || !state.is_moving() {
            self.answer();
        }
    }

    fn unfit(&self) -> Error {
        let state = self.sandbox.state.as_str();
        let text = "only what runs is paused or stopped, and only what is stopped is archived";
        Error::conflict(format!("sandbox `{}` is {state}: {text}", self.seat.id))
            .with_hint("start or stop it first")
    }

    /// The only place where a state changes.
    fn step(&mut self, event: Event) {
        let Some(state) = next(self.sandbox.state, &event) else {
            tracing::debug!(id = %self.seat.id, ?event, "an event without a place");
            return;
        };
        let before = std::mem::replace(&mut self.sandbox.state, state);
        // What is put away has rested since it stopped, and its timers count from there.
        if state != State::Archived {
            self.sandbox.changed_at = self.engine.now();
        }
        self.sandbox.active_at = self.sandbox.active_at.max(self.seat.activity.active_at());
        match event {
            Event::Stop(cause) | Event::Delete(cause) | Event::Died(cause) => {
                self.sandbox.cause = Some(cause);
            }
            Event::Failed(cause) => self.sandbox.cause = Some(cause),
            Event::Start => self.sandbox.cause = None,
            Event::Pause
            | Event::Archive
            | Event::Ready
            | Event::Held
            | Event::Halted
            | Event::Gone => {}
        }
        if state == State::Running {
            self.seat.activity.open(self.sandbox.changed_at);
        } else {
            self.seat.activity.close();
        }
        self.publish();
        self.engine.bell().ring(&self.sandbox, Some(before));
    }

    fn publish(&self) {
        let record = self.sandbox.clone();
        self.engine.records().post("state", move |store| store.update_sandbox(&record));
        self.view.send_replace(Arc::new(self.sandbox.clone()));
    }

    fn answer(&mut self) {
        let sandbox = Arc::new(self.sandbox.clone());
        self.waiters.drain(..).for_each(|waiter| reply(waiter, Ok(sandbox.clone())));
    }

    fn refuse(&mut self, error: &Error) {
        self.waiters.drain(..).for_each(|waiter| reply(waiter, Err(again(error))));
    }
}

/// A waiter who went away has no use for the answer.
fn reply(waiter: Waiter, result: Result<Arc<Sandbox>>) {
    drop(waiter.send(result));
}

/// The same error for one more waiter; the cause went to the log with the first.
fn again(error: &Error) -> Error {
    let copy = Error::new(error.kind(), error.message());
    match (error.hint(), error.kind()) {
        (Some(hint), _) => copy.with_hint(hint),
        (None, Kind::Unavailable | Kind::Timeout) => copy.with_hint("try again in a moment"),
        (
            None,
            Kind::NotFound
            | Kind::Conflict
            | Kind::Invalid
            | Kind::Unauthenticated
            | Kind::Denied
            | Kind::Quota
            | Kind::Unsupported
            | Kind::Internal,
        ) => copy,
    }
}

#[cfg(test)]
mod tests;
