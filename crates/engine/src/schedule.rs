//! The timers of a sandbox, as a pure function of its record and its work.

use infield_domain::lifecycle::{Cause, Reason, State};
use infield_domain::sandbox::{Millis, Sandbox};

use crate::Deadlines;
use crate::driver::queue::Wish;

/// What is known of a sandbox's work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Work {
    /// Whether somebody works; running work is never idle.
    pub(crate) working: bool,
    /// When somebody last worked.
    pub(crate) active_at: Millis,
}

/// When a sandbox stops and goes if nothing happens.
pub(crate) fn deadlines(sandbox: &Sandbox, work: Work) -> Deadlines {
    let retention = &sandbox.spec.retention;
    let stops_at = match sandbox.state {
        State::Running if !work.working => {
            let since = work.active_at.max(sandbox.changed_at);
            retention.stop_after_idle_ms.map(|idle| since.saturating_add(idle))
        }
        State::Running
        | State::Creating
        | State::Starting
        | State::Stopping
        | State::Stopped
        | State::Failed
        | State::Deleting
        | State::Deleted => None,
    };
    let after_stop = match sandbox.state {
        State::Stopped | State::Failed => {
            retention.delete_after_stop_ms.map(|rest| sandbox.changed_at.saturating_add(rest))
        }
        State::Creating
        | State::Starting
        | State::Running
        | State::Stopping
        | State::Deleting
        | State::Deleted => None,
    };
    let ends = [after_stop, sandbox.expires_at()];
    Deadlines { stops_at, deleted_at: ends.into_iter().flatten().min() }
}

/// What is due now, if anything.
pub(crate) fn due(sandbox: &Sandbox, work: Work, now: Millis) -> Option<Wish> {
    let deadlines = deadlines(sandbox, work);
    if deadlines.deleted_at.is_some_and(|at| at <= now) {
        let what = if sandbox.expires_at().is_some_and(|at| at <= now) {
            "its time to live was over"
        } else {
            "its time after stopping was over"
        };
        return Some(Wish::Delete(Cause::with(Reason::Time, what)));
    }
    let idle = deadlines.stops_at.is_some_and(|at| at <= now);
    idle.then(|| Wish::Stop(Cause::of(Reason::Idle)))
}

/// When to look again at the latest.
pub(crate) fn next(sandbox: &Sandbox, work: Work) -> Option<Millis> {
    let deadlines = deadlines(sandbox, work);
    [deadlines.stops_at, deadlines.deleted_at].into_iter().flatten().min()
}

#[cfg(test)]
mod tests;
