//! Changes of the states of sandboxes, told to whoever listens.
//!
//! Drivers tell of each change in the moment in which it is theirs. Nobody waits for a listener:
//! one who is too slow for [`ROOM`] changes has missed some, is told so, and begins anew.

use std::sync::Arc;

use infield_domain::lifecycle::State;
use infield_domain::sandbox::Sandbox;
use infield_domain::{Error, Permission, Principal, Result};
use tokio::sync::broadcast;

use crate::Engine;
use crate::sandboxes::masked;

/// Changes of all sandboxes that wait for the slowest listener.
const ROOM: usize = 1_024;

/// A sandbox has changed its state.
#[derive(Clone, Debug)]
pub struct SandboxEvent {
    /// As it is now; the values of its variables are masked.
    pub sandbox: Sandbox,
    /// Where it stood before; none when it was made just now.
    pub before: Option<State>,
}

/// Where drivers tell of changes.
pub(crate) struct Bell(broadcast::Sender<(Arc<Sandbox>, Option<State>)>);

impl Bell {
    pub(crate) fn new() -> Self {
        Self(broadcast::Sender::new(ROOM))
    }

    /// Tells of a change; with nobody who listens it is forgotten.
    pub(crate) fn ring(&self, sandbox: &Sandbox, before: Option<State>) {
        if self.0.receiver_count() > 0 {
            // The last listener may have gone since.
            drop(self.0.send((Arc::new(sandbox.clone()), before)));
        }
    }
}

/// The changes of those sandboxes that one caller may see, from now on.
pub struct SandboxEvents {
    changes: broadcast::Receiver<(Arc<Sandbox>, Option<State>)>,
    who: Principal,
}

impl SandboxEvents {
    /// Waits for the next change. An error says that some were missed.
    pub async fn next(&mut self) -> Result<SandboxEvent> {
        loop {
            let (sandbox, before) = self.changes.recv().await.map_err(|_| {
                Error::unavailable("some changes of sandboxes were missed")
                    .with_hint("connect again, and ask how the sandboxes are now")
            })?;
            if self.who.sees(&sandbox.owner) {
                return Ok(SandboxEvent { sandbox: masked(&sandbox), before });
            }
        }
    }
}

impl Engine {
    /// Listens to changes of sandboxes. Needs `read`.
    pub fn sandbox_events(&self, who: &Principal) -> Result<SandboxEvents> {
        who.require(Permission::Read)?;
        Ok(SandboxEvents { changes: self.bell().0.subscribe(), who: who.clone() })
    }
}

#[cfg(test)]
mod tests;
