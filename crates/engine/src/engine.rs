//! The engine itself: what it is made of, and its own life.

use std::sync::Arc;

use infield_domain::provider::Provider;
use infield_domain::sandbox::Millis;
use infield_domain::{Error, Principal, Result};
use infield_store::Store;

/// How an engine behaves. Nothing here changes while it runs.
#[derive(Clone)]
pub struct Settings {
    /// Sandboxes that may exist at once, of all owners.
    pub max_sandboxes: u32,
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
        Self { max_sandboxes: 10_000, clock: Arc::new(clock) }
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
pub struct Engine {}

impl Engine {
    /// Makes an engine over a store and a provider. Call [`Engine::recover`] before anything else.
    pub fn open(store: Store, provider: Arc<dyn Provider>, settings: Settings) -> Result<Self> {
        let _ = (store, provider, settings);
        Err(Error::internal("the engine is not built yet"))
    }

    /// Compares the records with what runs, and makes them agree: adopts, finishes what was half
    /// done, carries out the deadlines that passed, removes what has no record.
    pub async fn recover(&self) -> Result<()> {
        Err(Error::internal("the engine is not built yet"))
    }

    /// Whether recovery is over and sandboxes can be made.
    pub fn is_ready(&self) -> bool {
        false
    }

    /// Whether no sandbox runs or moves, and no timer is due within `within_ms`.
    pub fn is_idle(&self, within_ms: u64) -> bool {
        let _ = within_ms;
        false
    }

    /// A new id for one request of a caller, for [`Principal::for_request`].
    pub fn new_request_id(&self) -> String {
        String::new()
    }

    /// Ends the engine: no new work, then the sandboxes as asked, then every task of ours.
    pub async fn shutdown(&self, who: &Principal, mode: Shutdown) -> Result<()> {
        let _ = (who, mode);
        Err(Error::internal("the engine is not built yet"))
    }

    /// Waits until [`Engine::shutdown`] is over.
    pub async fn closed(&self) {}
}
