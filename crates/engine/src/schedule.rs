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
    let idle_since = (sandbox.state == State::Running && !work.working)
        .then(|| work.active_at.max(sandbox.changed_at));
    let rests_since = sandbox.state.is_at_rest().then_some(sandbox.changed_at);
    let stopped_since = (sandbox.state == State::Stopped).then_some(sandbox.changed_at);
    let after = |since: Option<Millis>, ms: Option<u64>| Some(since?.saturating_add(ms?));
    let ends = [after(rests_since, retention.delete_after_stop_ms), sandbox.expires_at()];
    Deadlines {
        stops_at: after(idle_since, retention.stop_after_idle_ms),
        pauses_at: after(idle_since, retention.pause_after_idle_ms),
        archived_at: after(stopped_since, retention.archive_after_stop_ms),
        deleted_at: ends.into_iter().flatten().min(),
    }
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
    let is_due = |at: Option<Millis>| at.is_some_and(|at| at <= now);
    if is_due(deadlines.stops_at) {
        return Some(Wish::Stop(Cause::of(Reason::Idle)));
    }
    if is_due(deadlines.pauses_at) {
        return Some(Wish::Pause);
    }
    is_due(deadlines.archived_at).then_some(Wish::Archive)
}

/// When to look again at the latest.
pub(crate) fn next(sandbox: &Sandbox, work: Work) -> Option<Millis> {
    let Deadlines { stops_at, pauses_at, archived_at, deleted_at } = deadlines(sandbox, work);
    [stops_at, pauses_at, archived_at, deleted_at].into_iter().flatten().min()
}

#[cfg(test)]
mod tests;
