//! Movements that are told when they last.

use std::collections::BTreeMap;
use std::time::Duration;

use infield_engine::SandboxEvent;
use tokio::time::{Instant, sleep_until};

/// How long a movement lasts before it is told.
const LASTS: Duration = Duration::from_millis(200);
/// Movements that wait at most; what comes then is told at once.
const MOST: usize = 1_024;

/// The movements that were not told yet, by sandbox.
#[derive(Debug, Default)]
pub(super) struct Pending(BTreeMap<String, (Instant, SandboxEvent)>);

impl Pending {
    /// Takes a change in, and gives what is to be told now. The movement before it was too short
    /// to be told; the change is one from where the sandbox stood before that.
    pub(super) fn take_in(&mut self, event: SandboxEvent, now: Instant) -> Option<SandboxEvent> {
        let id = event.sandbox.id.to_string();
        let before = match self.0.remove(&id) {
            Some((_, untold)) => untold.before,
            None => event.before,
        };
        let event = SandboxEvent { before, ..event };
        // What is new is told of at once, whatever it does.
        let waits = event.sandbox.state.is_moving() && before.is_some() && self.0.len() < MOST;
        if !waits {
            return Some(event);
        }
        self.0.insert(id, (now + LASTS, event));
        None
    }

    /// Waits for the next movement that has lasted.
    pub(super) async fn next(&mut self) -> SandboxEvent {
        let first = self.0.iter().min_by_key(|(_, (at, _))| *at);
        let Some((id, at)) = first.map(|(id, (at, _))| (id.clone(), *at)) else {
            return std::future::pending().await;
        };
        sleep_until(at).await;
        match self.0.remove(&id) {
            Some((_, event)) => event,
            None => std::future::pending().await,
        }
    }
}
