//! What sandboxes have moved, as far as network processes told it.
//!
//! The next network process goes on from here. It is kept beyond a sandbox's stop, because the
//! engine may take the last report only after the next start.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use infield_domain::SandboxId;
use infield_domain::network::Traffic;

/// The counts of every sandbox that is not deleted.
#[derive(Debug, Default)]
pub(super) struct Moved(Mutex<BTreeMap<SandboxId, Traffic>>);

impl Moved {
    /// Takes what was told.
    pub(super) fn tell(&self, sandbox: &SandboxId, traffic: Traffic) {
        // What nobody began to count was deleted meanwhile.
        if let Some(known) = self.lock().get_mut(sandbox) {
            *known = known.later(traffic);
        }
    }

    /// Goes on from what is known here, or from `before` where that is later.
    pub(super) fn begin(&self, sandbox: &SandboxId, before: Traffic) -> Traffic {
        let mut all = self.lock();
        let known = all.entry(sandbox.clone()).or_default();
        *known = known.later(before);
        Traffic { open: 0, ..*known }
    }

    /// Forgets a sandbox that is deleted.
    pub(super) fn forget(&self, sandbox: &SandboxId) {
        self.lock().remove(sandbox);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<SandboxId, Traffic>> {
        // Nothing in a critical section can panic half-way, so the map is whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_go_on_over_a_stop_and_end_with_the_sandbox() {
        let moved = Moved::default();
        let id = SandboxId::from_random([1; 16]);
        let bytes = |sent_bytes| Traffic { sent_bytes, ..Traffic::default() };
        moved.tell(&id, bytes(1));
        assert_eq!(moved.begin(&id, bytes(5)), bytes(5), "nobody counted before");
        moved.tell(&id, Traffic { open: 3, ..bytes(9) });
        assert_eq!(moved.begin(&id, bytes(5)), bytes(9), "the engine may not know yet");
        assert_eq!(moved.begin(&id, bytes(12)), bytes(12), "or know more");
        moved.forget(&id);
        assert_eq!(moved.begin(&id, bytes(0)), bytes(0));
    }
}
