//! The first processes of running sandboxes, by descriptors that outlive every launcher.
//!
//! A descriptor of a process (pidfd) becomes readable when the process has ended, whoever its
//! parent is, so the daemon learns of a death without the launcher, and asks it only for the
//! cause.

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use infield_domain::lifecycle::Cause;
use infield_domain::{Error, Result, SandboxId};
use tokio::io::unix::AsyncFd;

use crate::packet;
use crate::wires::{Fresh, Wires};

/// One running sandbox.
struct Watched {
    first_process: Arc<AsyncFd<OwnedFd>>,
    /// What the launcher's last answer brought, until somebody takes it.
    wires: Option<Fresh>,
    /// Set when the daemon itself ended it and knows why.
    cause: Option<Cause>,
}

/// Every running sandbox that this daemon knows of.
#[derive(Default)]
pub(crate) struct Watches {
    running: Mutex<HashMap<SandboxId, Watched>>,
}

impl Watches {
    /// Takes the descriptor of a sandbox's first process. One that is already known and alive
    /// stays: the launcher repeats answers.
    pub(crate) fn insert(
        &self,
        id: &SandboxId,
        pidfd: OwnedFd,
        wires: Option<Fresh>,
    ) -> Result<Arc<AsyncFd<OwnedFd>>> {
        let first_process = packet::register(pidfd).map_err(|error| {
            Error::internal("the process of a sandbox cannot be watched").with_source(error)
        })?;
        let first_process = Arc::new(first_process);
        let watched = Watched { first_process: Arc::clone(&first_process), wires, cause: None };
        self.running().insert(id.clone(), watched);
        Ok(first_process)
    }

    /// The first process of a sandbox.
    pub(crate) fn get(&self, id: &SandboxId) -> Option<Arc<AsyncFd<OwnedFd>>> {
        self.running().get(id).map(|watched| Arc::clone(&watched.first_process))
    }

    /// The wires of a sandbox, if they are this launcher's and nobody took them.
    pub(crate) fn take_wires(&self, id: &SandboxId, launcher: u64) -> Option<Wires> {
        let fresh = self.running().get_mut(id)?.wires.take()?;
        (fresh.launcher == launcher).then_some(fresh.wires)
    }

    /// Forgets a sandbox that was stopped.
    pub(crate) fn remove(&self, id: &SandboxId) {
        self.running().remove(id);
    }

    /// Records why the daemon ends a sandbox, before it does.
    pub(crate) fn condemn(&self, id: &SandboxId, cause: Cause) {
        if let Some(watched) = self.running().get_mut(id) {
            watched.cause = Some(cause);
        }
    }

    /// Why the daemon ended a sandbox, if it did.
    pub(crate) fn sentence(&self, id: &SandboxId) -> Option<Cause> {
        self.running().get(id).and_then(|watched| watched.cause.clone())
    }

    fn running(&self) -> MutexGuard<'_, HashMap<SandboxId, Watched>> {
        // Nothing in a critical section can panic half-way, so a poisoned map is whole.
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
