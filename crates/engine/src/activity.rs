//! Whether a sandbox works, and since when it does not.
//!
//! Running commands, connected streams and file operations hold a [`Work`]. The driver closes the
//! activity before it stops an idle sandbox, in one step with looking whether anybody works, so
//! that work which begins at that moment waits for the next start and is not cut off.

use std::sync::{Arc, Mutex};

use infield_domain::sandbox::Millis;
use tokio::sync::Notify;

use crate::Engine;
use crate::driver::Seat;

/// How far the recorded moment may lag behind, in milliseconds.
const RECORD_EVERY_MS: u64 = 10_000;

#[derive(Debug)]
struct Now {
    open: bool,
    working: usize,
    active_at: Millis,
    recorded_at: Millis,
}

/// The work of one sandbox.
#[derive(Debug)]
pub(crate) struct Activity {
    now: Mutex<Now>,
    /// Tells the driver that the last work is over.
    pub(crate) rested: Notify,
}

impl Activity {
    pub(crate) fn new(active_at: Millis) -> Self {
        let now = Now { open: false, working: 0, active_at, recorded_at: active_at };
        Self { now: Mutex::new(now), rested: Notify::new() }
    }

    /// Lets work begin.
    pub(crate) fn open(&self, at: Millis) {
        self.with(|now| {
            now.open = true;
            now.active_at = now.active_at.max(at);
        });
    }

    /// Lets no more work begin.
    pub(crate) fn close(&self) {
        self.with(|now| now.open = false);
    }

    /// Lets no more work begin, if nobody works; gives whether that was so.
    pub(crate) fn close_if_idle(&self) -> bool {
        self.with(|now| {
            let idle = now.working == 0;
            now.open &= !idle;
            idle
        })
    }

    /// Whether somebody works.
    pub(crate) fn is_working(&self) -> bool {
        self.with(|now| now.working > 0)
    }

    /// When somebody last worked.
    pub(crate) fn active_at(&self) -> Millis {
        self.with(|now| now.active_at)
    }

    fn with<T>(&self, look: impl FnOnce(&mut Now) -> T) -> T {
        look(&mut self.now.lock().expect("no holder of this lock panics"))
    }
}

/// Keeps a sandbox from being idle for as long as it is held.
pub(crate) struct Work {
    engine: Engine,
    seat: Arc<Seat>,
}

impl Work {
    /// Begins work, unless the sandbox is about to stop.
    pub(crate) fn begin(engine: &Engine, seat: &Arc<Seat>) -> Option<Self> {
        let at = engine.now();
        let begun = seat.activity.with(|now| {
            if now.open {
                now.working += 1;
                now.active_at = now.active_at.max(at);
            }
            now.open
        });
        begun.then(|| Self { engine: engine.clone(), seat: seat.clone() })
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        let at = self.engine.now();
        let record = self.seat.activity.with(|now| {
            now.working -= 1;
            now.active_at = now.active_at.max(at);
            let due = at.saturating_sub(now.recorded_at) >= RECORD_EVERY_MS;
            if due {
                now.recorded_at = at;
            }
            due
        });
        self.seat.activity.rested.notify_one();
        if record {
            let id = self.seat.id.clone();
            self.engine.records().post("activity", move |store| store.touch_sandbox(&id, at));
        }
    }
}
