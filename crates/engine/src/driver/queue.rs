//! What a sandbox has been asked to do next: a pure policy over the state and what is queued.
//!
//! ```text
//! wish    | ends up running     paused          at rest         archived        gone
//! start   | done, or joined     queued          queued          queued          refused
//! pause   | queued              done, or joined unfit           unfit           refused
//! stop    | queued              queued          done, or joined unfit           refused
//! archive | unfit               unfit           queued          done, or joined refused
//! delete  | first, drops others, wherever it ends up                            joined
//! ```
//!
//! "Ends up" is where the last queued wish leads, or the present movement when none is queued.

use std::collections::VecDeque;

use infield_domain::lifecycle::{Cause, Event, State};

/// Wishes that can wait at once; more is a caller who runs wild.
pub(crate) const LONGEST: usize = 16;

/// Something that a sandbox is asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    Start,
    Pause,
    Stop(Cause),
    Archive,
    Delete(Cause),
}

impl Wish {
    /// What happens to the sandbox when the wish is granted.
    pub(crate) fn into_event(self) -> Event {
        match self {
            Self::Start => Event::Start,
            Self::Pause => Event::Pause,
            Self::Stop(cause) => Event::Stop(cause),
            Self::Archive => Event::Archive,
            Self::Delete(cause) => Event::Delete(cause),
        }
    }

    /// The word of it in the audit trail.
    pub(crate) fn action(&self) -> &'static str {
        match self {
            Self::Start => "sandbox.start",
            Self::Pause => "sandbox.pause",
            Self::Stop(_) => "sandbox.stop",
            Self::Archive => "sandbox.archive",
            Self::Delete(_) => "sandbox.delete",
        }
    }

    /// Whether it is for a sandbox that nobody works in.
    pub(crate) fn needs_idleness(&self) -> bool {
        matches!(self, Self::Pause | Self::Stop(_))
    }

    fn goal(&self) -> Goal {
        match self {
            Self::Start => Goal::Running,
            Self::Pause => Goal::Paused,
            Self::Stop(_) => Goal::Rest,
            Self::Archive => Goal::Archived,
            Self::Delete(_) => Goal::Gone,
        }
    }
}

/// Where a sandbox ends up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Goal {
    Running,
    Paused,
    Rest,
    Archived,
    Gone,
}

/// What becomes of a wish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is so already.
    Done,
    /// It comes with the movement that goes on now.
    WithMovement,
    /// It comes with the last one in the queue.
    WithLast,
    /// It waits for its turn.
    Queued,
    /// It goes before everything, and everything else is refused.
    First,
    /// The sandbox is going away.
    Refused,
    /// There is no way from where it ends up.
    Unfit,
    /// Too much is queued.
    Full,
}

/// Decides on a wish.
pub(crate) fn accept(state: State, last: Option<&Wish>, queued: usize, wish: &Wish) -> Verdict {
    let standing = match state {
        State::Creating | State::Starting | State::Running | State::Resuming => Goal::Running,
        State::Pausing | State::Paused => Goal::Paused,
        State::Stopping | State::Stopped | State::Failed => Goal::Rest,
        State::Archived => Goal::Archived,
        State::Deleting | State::Deleted => Goal::Gone,
    };
    let end = last.map_or(standing, Wish::goal);
    if end == wish.goal() {
        return match last {
            Some(_) => Verdict::WithLast,
            None if state.is_moving() => Verdict::WithMovement,
            None => Verdict::Done,
        };
    }
    match (end, wish.goal()) {
        (Goal::Gone, _) => Verdict::Refused,
        (_, Goal::Gone) => Verdict::First,
        (Goal::Running | Goal::Paused, Goal::Archived)
        | (Goal::Rest | Goal::Archived, Goal::Paused)
        | (Goal::Archived, Goal::Rest) => Verdict::Unfit,
        (Goal::Rest, Goal::Archived) if last.is_none() && state == State::Failed => Verdict::Unfit,
        _ if queued >= LONGEST => Verdict::Full,
        _ => Verdict::Queued,
    }
}

/// The queue itself; `R` is whoever waits for an answer.
#[derive(Debug)]
pub(crate) struct Queue<R> {
    entries: VecDeque<(Wish, Vec<R>)>,
}

/// What a wish leaves to be done by the caller of [`Queue::push`].
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Pushed<R> {
    /// Nothing: the answer comes in its turn.
    Waits,
    /// The answer comes with the movement that goes on now.
    WithMovement(R),
    /// It is so already.
    Done(R),
    /// These get no turn: the sandbox is going away.
    Refused(Vec<R>),
    /// There is no way to it from where the sandbox ends up.
    Unfit(R),
    /// There is no room.
    Full(R),
}

impl<R> Queue<R> {
    pub(crate) fn new() -> Self {
        Self { entries: VecDeque::new() }
    }

    /// Takes a wish in.
    pub(crate) fn push(&mut self, state: State, wish: Wish, waiter: R) -> Pushed<R> {
        let last = self.entries.back().map(|(wish, _)| wish);
        match accept(state, last, self.entries.len(), &wish) {
            Verdict::Done => Pushed::Done(waiter),
            Verdict::WithMovement => Pushed::WithMovement(waiter),
            Verdict::WithLast => {
                if let Some((_, waiters)) = self.entries.back_mut() {
                    waiters.push(waiter);
                }
                Pushed::Waits
            }
            Verdict::Queued => {
                self.entries.push_back((wish, vec![waiter]));
                Pushed::Waits
            }
            Verdict::First => {
                let others = self.entries.drain(..).flat_map(|(_, waiters)| waiters).collect();
                self.entries.push_back((wish, vec![waiter]));
                Pushed::Refused(others)
            }
            Verdict::Refused => Pushed::Refused(vec![waiter]),
            Verdict::Unfit => Pushed::Unfit(waiter),
            Verdict::Full => Pushed::Full(waiter),
        }
    }

    /// Takes the next wish out.
    pub(crate) fn pop(&mut self) -> Option<(Wish, Vec<R>)> {
        self.entries.pop_front()
    }

    /// Whether the next wish interrupts whatever goes on.
    pub(crate) fn interrupts(&self) -> bool {
        matches!(self.entries.front(), Some((Wish::Delete(_), _)))
    }
}

#[cfg(test)]
mod tests;
