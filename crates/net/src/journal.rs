//! What is told to the daemon of a sandbox's connections.
//!
//! A sandbox can be refused a million times a second. Its journal holds so many entries until the
//! daemon takes them; refusals of the same kind are counted in the first one, and what finds no
//! room is counted in the next that does.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use infield_domain::network::{Connection, Judgement};
use tokio::sync::Notify;

/// Entries that wait for the daemon at most.
const MOST: usize = 1024;

/// One sandbox's entries that the daemon does not have yet.
#[derive(Debug)]
pub(crate) struct Journal {
    waiting: Mutex<Waiting>,
    news: Arc<News>,
}

/// Somebody has written. Whoever carries connections shares its processors with whoever keeps their
/// records, so that what nobody waits for is taken together with what comes after it.
#[derive(Debug, Default)]
pub(crate) struct News {
    /// Of a refusal, which an agent is about to be told of; or there is hardly room left.
    pub(crate) at_once: Notify,
    /// Of a connection that was made.
    pub(crate) soon: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    entries: VecDeque<Connection>,
    /// Entries that found no room.
    lost: u32,
}

impl Journal {
    pub(crate) fn new(news: Arc<News>) -> Self {
        Self { waiting: Mutex::default(), news }
    }

    /// Writes an entry.
    pub(crate) fn write(&self, entry: Connection) {
        let mut waiting = self.lock();
        let same = |known: &&mut Connection| is_repeated(known, &entry);
        if let Some(known) = waiting.entries.iter_mut().rev().take(16).find(same) {
            known.repeated = known.repeated.saturating_add(1);
            return;
        }
        if waiting.entries.len() >= MOST {
            waiting.lost = waiting.lost.saturating_add(1);
            return;
        }
        let repeated = entry.repeated.saturating_add(std::mem::take(&mut waiting.lost));
        let can_wait = entry.judgement == Judgement::Allowed && waiting.entries.len() < MOST / 2;
        waiting.entries.push_back(Connection { repeated, ..entry });
        drop(waiting);
        let news = if can_wait { &self.news.soon } else { &self.news.at_once };
        news.notify_one();
    }

    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.lock().entries.is_empty()
    }

    /// Takes up to `most` entries.
    pub(crate) fn take(&self, most: usize) -> Vec<Connection> {
        let mut waiting = self.lock();
        let count = waiting.entries.len().min(most);
        waiting.entries.drain(..count).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Nothing in a critical section can panic half-way, so the entries are whole.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether two refusals differ in nothing but their time.
fn is_repeated(known: &Connection, entry: &Connection) -> bool {
    let key = |one: &Connection| (one.judgement, one.port, one.address);
    let was_never = matches!(entry.judgement, Judgement::Refused | Judgement::Exceeded)
        && entry.sent_bytes + entry.received_bytes == 0;
    was_never
        && key(known) == key(entry)
        && known.name == entry.name
        && known.reason == entry.reason
}

#[cfg(test)]
mod tests;
