//! How much one sandbox may look up.
//!
//! Two things are bounded. What look-ups cost the host: so many a second, and so many at once. And
//! what they carry away: whoever runs a zone reads every label that is asked for below it, so a
//! rule such as `*.example.org` lets a sandbox write to the owner of `example.org`. Names that no
//! rule spells out are bounded to [`MOST_NAMES`] distinct ones a minute; that is about 3 KiB of
//! plain text a second at the very most, and enough for any package manager. A policy that opens
//! every public address needs no such bound: there are wider ways out.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use infield_domain::network::DomainName;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// Questions a second that are answered, and how many more after a pause.
const QUESTIONS: (u32, u32) = (200, 400);
/// Questions a second that are refused with an answer, and how many more after a pause. Those
/// beyond are not even read: the kernel drops them without work for anyone here.
const REFUSALS: (u32, u32) = (500, 500);
/// Look-ups at once.
const MOST_AT_ONCE: usize = 64;
/// Distinct names a minute that no rule spells out.
const MOST_NAMES: usize = 1_000;
/// That minute.
const MINUTE: Duration = Duration::from_secs(60);

/// What is to be done with a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// Answer it.
    Answered,
    /// Say that there were too many.
    Refused,
    /// Read nothing for a while.
    Ignored,
}

/// The bounds of one sandbox's look-ups.
#[derive(Debug)]
pub(crate) struct Limits {
    places: Arc<Semaphore>,
    spent: Mutex<Spent>,
}

#[derive(Debug)]
struct Spent {
    questions: Bucket,
    refusals: Bucket,
    names: HashSet<DomainName>,
    names_since: Instant,
}

impl Default for Limits {
    fn default() -> Self {
        let now = Instant::now();
        let spent = Spent {
            questions: Bucket::full(QUESTIONS, now),
            refusals: Bucket::full(REFUSALS, now),
            names: HashSet::new(),
            names_since: now,
        };
        Self { places: Arc::new(Semaphore::new(MOST_AT_ONCE)), spent: Mutex::new(spent) }
    }
}

impl Limits {
    /// Takes account of a question.
    pub(super) fn admit(&self, now: Instant) -> Admission {
        let mut spent = self.lock();
        if spent.questions.take(now) {
            Admission::Answered
        } else if spent.refusals.take(now) {
            Admission::Refused
        } else {
            Admission::Ignored
        }
    }

    /// Takes account of a name that no rule spells out; says whether it may be looked up.
    pub(super) fn admit_name(&self, name: &DomainName, now: Instant) -> bool {
        let mut spent = self.lock();
        if now.saturating_duration_since(spent.names_since) >= MINUTE {
            spent.names.clear();
            spent.names_since = now;
        }
        if spent.names.contains(name) {
            return true;
        }
        spent.names.len() < MOST_NAMES && spent.names.insert(name.clone())
    }

    /// A place for a look-up, if one is free.
    pub(super) fn place(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.places).try_acquire_owned().ok()
    }

    fn lock(&self) -> MutexGuard<'_, Spent> {
        // Nothing in a critical section can panic half-way, so what was spent is whole.
        self.spent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A token bucket.
#[derive(Debug)]
struct Bucket {
    per_second: u32,
    most: f64,
    tokens: f64,
    filled_at: Instant,
}

impl Bucket {
    fn full((per_second, most): (u32, u32), now: Instant) -> Self {
        Self { per_second, most: most.into(), tokens: most.into(), filled_at: now }
    }

    fn take(&mut self, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.filled_at).as_secs_f64();
        self.tokens = (self.tokens + passed * f64::from(self.per_second)).min(self.most);
        self.filled_at = now;
        let is_there = self.tokens >= 1.0;
        if is_there {
            self.tokens -= 1.0;
        }
        is_there
    }
}

#[cfg(test)]
mod tests;
