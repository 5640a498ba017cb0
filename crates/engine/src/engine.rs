//! The engine itself: what it is made of, and its own life.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::StreamExt as _;
use infield_domain::isolation::Check;
use infield_domain::lifecycle::{Cause, Reason, State};
use infield_domain::network::{self, Allowance, Policy, Rule};
use infield_domain::preview::Origin;
use infield_domain::provider::Provider;
use infield_domain::sandbox::Millis;
use infield_domain::{Error, Permission, Principal, Result};
use infield_store::{PreviewKey, Store};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::driver::queue::Wish;
use crate::events::Bell;
use crate::images::Images;
use crate::kept::KeptOutput;
use crate::names;
use crate::records::Records;
use crate::registry::Registry;
use crate::ssh::SshPlace;

/// How long a plain shutdown waits for sandboxes that move.
const LAST_MOVES: Duration = Duration::from_secs(5);
/// How long each sandbox has to stop when all are asked to.
const STOP_ALL_LIMIT: Duration = Duration::from_secs(120);

/// How an engine behaves. Nothing here changes while it runs.
#[derive(Clone)]
pub struct Settings {
    /// Sandboxes that may exist at once, of all owners.
    pub max_sandboxes: u32,
    /// What a sandbox may reach when its maker does not say.
    pub network: Policy,
    /// How much a sandbox's network may carry when its maker does not say.
    pub allowance: Allowance,
    /// The rules behind `limited`.
    pub limited: Arc<[Rule]>,
    /// What is to be said of the host besides what the provider finds.
    pub checks: Vec<Check>,
    /// Where previews are found, if this server has any.
    pub previews: Option<Origin>,
    /// Where SSH clients connect, if this server has a gateway for them.
    pub ssh: Option<SshPlace>,
    /// Tells the time, in milliseconds since the Unix epoch.
    pub clock: Arc<dyn Fn() -> Millis + Send + Sync>,
}

impl Settings {
    /// What a daemon uses when nobody says otherwise.
    pub fn standard() -> Self {
        let clock = || {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
            now.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
        };
        Self {
            max_sandboxes: 10_000,
            network: Policy::Limited,
            allowance: Allowance::DEFAULT,
            limited: network::limited(network::LIMITED).expect("the preset is tested").into(),
            checks: Vec::new(),
            previews: None,
            ssh: None,
            clock: Arc::new(clock),
        }
    }
}

/// What becomes of the sandboxes when the engine ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shutdown {
    /// They go on; the next daemon adopts them.
    LeaveSandboxes,
    /// They are stopped, and their layers saved.
    StopSandboxes,
}

/// Decides everything. Cheap to clone; every clone is the same engine.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

struct Inner {
    settings: Settings,
    provider: Arc<dyn Provider>,
    preview_key: PreviewKey,
    records: Records,
    registry: Registry,
    images: Images,
    bell: Bell,
    joining: tokio::sync::Mutex<()>,
    mounting: Arc<tokio::sync::Mutex<()>>,
    kept: KeptOutput,
    /// Counts the SSH accesses that were revoked.
    ssh_revoked: watch::Sender<u64>,
    tasks: TaskTracker,
    runtime: Handle,
    stopping: CancellationToken,
    closed: CancellationToken,
    ready: AtomicBool,
}

impl Engine {
    /// Makes an engine over a store and a provider, inside a Tokio runtime. Call
    /// [`Engine::recover`] before anything else.
    pub fn open(store: Store, provider: Arc<dyn Provider>, settings: Settings) -> Result<Self> {
        let runtime = Handle::try_current().map_err(|cause| {
            Error::internal("the engine was opened outside a runtime").with_source(cause)
        })?;
        let inner = Inner {
            settings,
            provider,
            preview_key: store.preview_key(),
            records: Records::open(store)?,
            registry: Registry::default(),
            images: Images::default(),
            bell: Bell::new(),
            joining: tokio::sync::Mutex::default(),
            mounting: Arc::default(),
            kept: KeptOutput::default(),
            ssh_revoked: watch::Sender::new(0),
            tasks: TaskTracker::new(),
            runtime,
            stopping: CancellationToken::new(),
            closed: CancellationToken::new(),
            ready: AtomicBool::new(false),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Whether recovery is over and sandboxes can be made.
    pub fn is_ready(&self) -> bool {
        self.inner.ready.load(Ordering::Acquire) && !self.inner.stopping.is_cancelled()
    }

    /// Whether no sandbox runs or moves, and no timer is due within `within_ms`.
    pub fn is_idle(&self, within_ms: u64) -> bool {
        let soon = self.now().saturating_add(within_ms);
        self.registry().all().iter().all(|seat| {
            let state = seat.sandbox().state;
            let deadlines = seat.deadlines();
            let ends = [deadlines.deleted_at, deadlines.archived_at];
            let due = ends.into_iter().flatten().any(|at| at <= soon);
            !state.is_moving() && !state.is_alive() && !due
        })
    }

    /// A new id for one request of a caller, for [`Principal::for_request`].
    pub fn new_request_id(&self) -> String {
        names::letters("req-")
    }

    /// Ends the engine: no new work, then the sandboxes as asked, then every task of ours.
    /// Needs `admin`.
    pub async fn shutdown(&self, who: &Principal, mode: Shutdown) -> Result<()> {
        let word = match mode {
            Shutdown::LeaveSandboxes => "leave sandboxes",
            Shutdown::StopSandboxes => "stop sandboxes",
        };
        let result = self.shut_down(who, mode).await;
        if let Err(error) = result {
            self.note(who, "daemon.shutdown", "", word, Err(&error));
            return Err(error);
        }
        self.note(who, "daemon.shutdown", "", word, Ok(()));
        self.inner.records.close().await;
        self.inner.closed.cancel();
        Ok(())
    }

    async fn shut_down(&self, who: &Principal, mode: Shutdown) -> Result<()> {
        who.require(Permission::Admin)?;
        self.inner.ready.store(false, Ordering::Release);
        if mode == Shutdown::StopSandboxes {
            self.stop_all().await;
        }
        self.inner.stopping.cancel();
        self.inner.tasks.close();
        // What moves is let finish; recovery takes up what takes longer than this.
        if tokio::time::timeout(LAST_MOVES, self.inner.tasks.wait()).await.is_err() {
            tracing::warn!("some sandboxes are still moving; the next daemon takes them up");
        }
        Ok(())
    }

    async fn stop_all(&self) {
        let mut seats = self.registry().all();
        seats.retain(|seat| {
            let state = seat.sandbox().state;
            !state.is_at_rest() && !matches!(state, State::Deleting | State::Deleted)
        });
        let stops = seats.into_iter().map(|seat| async move {
            let wish = if seat.single_use {
                Wish::Delete(Cause::of(Reason::Request))
            } else {
                Wish::Stop(Cause::with(Reason::Request, "the daemon was asked to end them"))
            };
            if let Err(error) = seat.ask(wish, STOP_ALL_LIMIT).await {
                tracing::warn!(id = %seat.id, %error, "a sandbox did not stop");
            }
        });
        futures_util::stream::iter(stops).buffer_unordered(16).collect::<Vec<()>>().await;
    }

    /// Waits until [`Engine::shutdown`] is over.
    pub async fn closed(&self) {
        self.inner.closed.cancelled().await;
    }

    pub(crate) fn now(&self) -> Millis {
        (self.inner.settings.clock)()
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.inner.settings
    }

    pub(crate) fn provider(&self) -> &Arc<dyn Provider> {
        &self.inner.provider
    }

    pub(crate) fn preview_key(&self) -> &PreviewKey {
        &self.inner.preview_key
    }

    pub(crate) fn records(&self) -> &Records {
        &self.inner.records
    }

    pub(crate) fn registry(&self) -> &Registry {
        &self.inner.registry
    }

    /// Where changes of sandboxes are told of.
    pub(crate) fn bell(&self) -> &Bell {
        &self.inner.bell
    }

    pub(crate) fn images(&self) -> &Images {
        &self.inner.images
    }

    /// Held by whoever puts a sandbox into a named network.
    pub(crate) fn joining(&self) -> &tokio::sync::Mutex<()> {
        &self.inner.joining
    }

    /// Held by whoever gives volumes to a sandbox, or takes one from all.
    pub(crate) fn mounting_lock(&self) -> Arc<tokio::sync::Mutex<()>> {
        self.inner.mounting.clone()
    }

    pub(crate) fn kept(&self) -> &KeptOutput {
        &self.inner.kept
    }

    /// Tells those who came by an SSH access that one was revoked.
    pub(crate) fn ssh_revoked(&self) -> &watch::Sender<u64> {
        &self.inner.ssh_revoked
    }

    /// Cancelled when the engine ends.
    pub(crate) fn stopping(&self) -> &CancellationToken {
        &self.inner.stopping
    }

    pub(crate) fn set_ready(&self) {
        self.inner.ready.store(true, Ordering::Release);
    }

    /// Starts a task that [`Engine::shutdown`] waits for.
    pub(crate) fn spawn<T: Send + 'static>(
        &self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> tokio::task::JoinHandle<T> {
        self.inner.tasks.spawn_on(task, &self.inner.runtime)
    }
}

#[cfg(test)]
mod tests;
