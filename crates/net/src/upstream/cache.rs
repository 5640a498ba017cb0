//! What was found lately.
//!
//! The cache is ours and not the resolver's because that one keeps whole messages, as large as the
//! owner of a zone likes them: here an entry has a bounded number of addresses.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use infield_domain::network::DomainName;
use tokio::time::Instant;

use super::{Finding, Outcome};

/// Names that are kept at most.
const MOST: usize = 4_096;

/// Outcomes by name.
#[derive(Debug, Default)]
pub(super) struct Cache(Mutex<HashMap<DomainName, Kept>>);

#[derive(Debug)]
struct Kept {
    outcome: Outcome,
    until: Instant,
}

impl Cache {
    /// What is known of a name.
    pub(super) fn get(&self, name: &DomainName, now: Instant) -> Option<Outcome> {
        let kept = self.lock();
        kept.get(name).filter(|kept| now < kept.until).map(|kept| kept.outcome.clone())
    }

    /// Keeps what was found.
    pub(super) fn keep(&self, name: &DomainName, found: &Finding, now: Instant) {
        let mut kept = self.lock();
        if kept.len() >= MOST {
            make_room(&mut kept, now);
        }
        let entry = Kept { outcome: found.outcome.clone(), until: now + found.holds };
        kept.insert(name.clone(), entry);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<DomainName, Kept>> {
        // Nothing in a critical section can panic half-way, so the map is whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Forgets what no longer holds; where that is little, some of the rest too, so that this is not
/// needed again for the next name.
fn make_room(kept: &mut HashMap<DomainName, Kept>, now: Instant) {
    kept.retain(|_, entry| now < entry.until);
    let excess = kept.len().saturating_sub(MOST - MOST / 8);
    let some: Vec<_> = kept.keys().take(excess).cloned().collect();
    for name in some {
        kept.remove(&name);
    }
}

#[cfg(test)]
mod tests;
