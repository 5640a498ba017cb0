//! The life of a sandbox: its states, what can happen to it, and what follows.
//!
//! ```text
//!                 create
//!                   │
//!               Creating ──failed──▶ Failed ◀──failed── Starting / Stopping
//!                   │ ready            │  ▲
//!                   ▼                  │  └─ start again ─▶ Starting
//!   ┌────────── Running ◀──ready── Starting ◀─┬─────────┐
//!   │ died          │ stop                    │ start   │ start
//!   │               ▼                         │         │
//!   └───────▶  Stopping ──stopped──▶ Stopped ─┘      Archived
//!                                       └────archive────▲
//!
//!   Running ──pause──▶ Pausing ──held──▶ Paused ──start──▶ Resuming ──ready──▶ Running
//!      ▲                  │ failed         ▲ ▲                │ failed
//!      └──────────────────┘                │ └────────────────┘
//!                                          └── stop, died: as from Running
//!
//!   every state ──delete──▶ Deleting ──gone──▶ Deleted
//! ```
//!
//! [`next`] is the only rule by which a state changes, and one driver task for each sandbox the
//! only caller of it. A sandbox that died passes through `Stopping`, where what is left of its
//! writable layer is saved.

use serde::{Deserialize, Serialize};

/// Where a sandbox stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It is being made for the first time.
    Creating,
    /// It is being started again from its saved layer.
    Starting,
    /// It can work.
    Running,
    /// Its work is being held.
    Pausing,
    /// Its work is held: all of it is in memory, and nothing of it gets a processor.
    Paused,
    /// Its work is being let go on.
    Resuming,
    /// Its work is being ended and its layer saved.
    Stopping,
    /// Nothing of it runs; its layer is on disk.
    Stopped,
    /// The same, put away for long. It differs from a stopped one by this word alone.
    Archived,
    /// It could not be made, started or stopped; the cause says why.
    Failed,
    /// It is being removed.
    Deleting,
    /// Nothing of it is left but the record.
    Deleted,
}

impl State {
    /// Every state, in the order of a life.
    pub const ALL: [Self; 12] = [
        Self::Creating,
        Self::Starting,
        Self::Running,
        Self::Pausing,
        Self::Paused,
        Self::Resuming,
        Self::Stopping,
        Self::Stopped,
        Self::Archived,
        Self::Failed,
        Self::Deleting,
        Self::Deleted,
    ];

    /// The word of it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Creating => "creating",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Pausing => "pausing",
            Self::Paused => "paused",
            Self::Resuming => "resuming",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
            Self::Archived => "archived",
            Self::Failed => "failed",
            Self::Deleting => "deleting",
            Self::Deleted => "deleted",
        }
    }

    /// Whether a driver has work to finish before the sandbox rests.
    pub fn is_moving(self) -> bool {
        matches!(
            self,
            Self::Creating
                | Self::Starting
                | Self::Pausing
                | Self::Resuming
                | Self::Stopping
                | Self::Deleting
        )
    }

    /// Whether its processes are there, at work or held.
    pub fn is_alive(self) -> bool {
        matches!(self, Self::Running | Self::Pausing | Self::Paused | Self::Resuming)
    }

    /// Whether nothing of it runs, and it can be started.
    pub fn is_at_rest(self) -> bool {
        matches!(self, Self::Stopped | Self::Archived | Self::Failed)
    }
}

/// What happens to a sandbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Somebody wants it to run.
    Start,
    /// Somebody or a timer wants it to stop.
    Stop(Cause),
    /// Somebody or a timer wants it held.
    Pause,
    /// Somebody or a timer wants it put away.
    Archive,
    /// Somebody or a timer wants it gone.
    Delete(Cause),
    /// The provider has made or started it.
    Ready,
    /// The provider holds it, or could not let it go on.
    Held,
    /// The provider has stopped it and saved its layer.
    Halted,
    /// The provider has removed it.
    Gone,
    /// Its first process ended by itself.
    Died(Cause),
    /// The provider could not do what it was asked.
    Failed(Cause),
}

/// Why a sandbox stopped, failed or went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// The kind of it.
    pub reason: Reason,
    /// One sentence for people, such as the phase of creation that failed.
    pub detail: Option<String>,
}

impl Cause {
    /// A cause without more to say.
    pub fn of(reason: Reason) -> Self {
        Self { reason, detail: None }
    }

    /// A cause with a sentence for people.
    pub fn with(reason: Reason, detail: impl Into<String>) -> Self {
        Self { reason, detail: Some(detail.into()) }
    }
}

/// The kinds of causes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Somebody asked.
    Request,
    /// It was idle for as long as it may be.
    Idle,
    /// Its time to live was over, or its time after stopping.
    Time,
    /// Its first process ended.
    Exit,
    /// Its memory limit was reached and its first process was ended.
    OutOfMemory,
    /// Its disk or inode limit was passed.
    OutOfDisk,
    /// A signal from outside ended it.
    Killed,
    /// The host started anew while it ran.
    HostRestart,
    /// It could not be created, started, stopped or removed.
    Fault,
}

/// The state that follows, or `None` when the event has no place in this state.
///
/// Deleting is possible in every state, so that nothing is ever stuck.
pub fn next(state: State, event: &Event) -> Option<State> {
    match (state, event) {
        (State::Deleted, _) => None,
        (_, Event::Delete(_)) => Some(State::Deleting),
        (State::Deleting, Event::Gone) => Some(State::Deleted),
        (State::Deleting, _) => None,
        (State::Creating | State::Starting, Event::Ready) => Some(State::Running),
        (State::Creating | State::Starting | State::Stopping, Event::Failed(_)) => {
            Some(State::Failed)
        }
        (State::Creating | State::Starting, Event::Died(_)) => Some(State::Failed),
        (State::Running | State::Paused, Event::Stop(_)) => Some(State::Stopping),
        (State::Running | State::Pausing | State::Paused | State::Resuming, Event::Died(_)) => {
            Some(State::Stopping)
        }
        // Recovery holds again what somebody let go behind our back.
        (State::Running | State::Paused, Event::Pause) => Some(State::Pausing),
        (State::Pausing | State::Resuming, Event::Held) => Some(State::Paused),
        // One that could not be held goes on.
        (State::Pausing | State::Resuming, Event::Ready) => Some(State::Running),
        (State::Paused, Event::Start) => Some(State::Resuming),
        (State::Stopping, Event::Halted) => Some(State::Stopped),
        (State::Stopped, Event::Archive) => Some(State::Archived),
        (State::Stopped | State::Archived | State::Failed, Event::Start) => Some(State::Starting),
        (
            State::Creating
            | State::Starting
            | State::Running
            | State::Pausing
            | State::Paused
            | State::Resuming
            | State::Stopping
            | State::Stopped
            | State::Archived
            | State::Failed,
            Event::Start
            | Event::Stop(_)
            | Event::Pause
            | Event::Archive
            | Event::Ready
            | Event::Held
            | Event::Halted
            | Event::Gone
            | Event::Died(_)
            | Event::Failed(_),
        ) => None,
    }
}

#[cfg(test)]
mod tests;
