//! Counts what a connection moves, paces it, and knows when a ceiling is reached.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::Crowd;
use crate::sandbox::Sandbox;

/// Bytes that are moved at once where they are copied.
pub(crate) const CHUNK: usize = 128 << 10;
/// How far the bytes of a sandbox may be ahead of its pace.
const AHEAD: Duration = Duration::from_millis(20);

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// Out of the sandbox.
    Out,
    /// Into it.
    In,
}

/// The pace that all connections of a sandbox share: a bucket of tokens, kept as the time at
/// which it is empty no more.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    paid: Mutex<Option<Instant>>,
    /// Whose turn it is. Who waits is served in the order of coming, so that none starves.
    turn: tokio::sync::Mutex<()>,
}

impl Pace {
    /// How long to wait before anything more may be moved.
    fn wait(&self) -> Duration {
        let paid = *self.paid.lock().unwrap_or_else(PoisonError::into_inner);
        paid.map_or(Duration::ZERO, |paid| paid.saturating_duration_since(Instant::now() + AHEAD))
    }

    fn moved(&self, bytes: usize, bytes_per_second: u64) {
        let cost = Duration::from_secs_f64(bytes as f64 / bytes_per_second.max(1) as f64);
        let mut paid = self.paid.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        *paid = Some(paid.map_or(now, |paid| paid.max(now)) + cost);
    }
}

/// The turn of one connection.
type Turn<'a> = tokio::sync::MutexGuard<'a, ()>;

/// What one connection has moved.
pub(crate) struct Meter {
    sandbox: Arc<Sandbox>,
    pace: Arc<Pace>,
    sent: AtomicU64,
    received: AtomicU64,
}

impl Meter {
    pub(crate) fn new(sandbox: Arc<Sandbox>, pace: Arc<Pace>) -> Self {
        Self { sandbox, pace, sent: AtomicU64::new(0), received: AtomicU64::new(0) }
    }

    /// Bytes that went this way.
    pub(crate) fn bytes(&self, direction: Direction) -> u64 {
        match direction {
            Direction::Out => self.sent.load(Ordering::Relaxed),
            Direction::In => self.received.load(Ordering::Relaxed),
        }
    }

    /// Counts bytes that went this way.
    pub(crate) fn moved(&self, direction: Direction, bytes: usize) {
        let counters = &self.sandbox.counters;
        let (own, all) = match direction {
            Direction::Out => (&self.sent, &counters.sent_bytes),
            Direction::In => (&self.received, &counters.received_bytes),
        };
        own.fetch_add(bytes as u64, Ordering::Relaxed);
        all.fetch_add(bytes as u64, Ordering::Relaxed);
        let bytes_per_second = self.sandbox.rules.borrow().allowance.bytes_per_second;
        if let Some(bytes_per_second) = bytes_per_second {
            self.pace.moved(bytes, bytes_per_second);
        }
    }

    /// How long to wait before anything more may be moved.
    pub(crate) fn wait(&self) -> Duration {
        let is_paced = self.sandbox.rules.borrow().allowance.bytes_per_second.is_some();
        if is_paced { self.pace.wait() } else { Duration::ZERO }
    }

    /// Waits until something may be moved. While there is a pace, nothing else of the sandbox is
    /// moved until this turn is over.
    pub(crate) async fn turn(&self) -> Option<Turn<'_>> {
        self.sandbox.rules.borrow().allowance.bytes_per_second?;
        let turn = self.pace.turn.lock().await;
        loop {
            let wait = self.wait();
            if wait.is_zero() {
                return Some(turn);
            }
            tokio::time::sleep(wait).await;
        }
    }

    /// How many of `most` bytes may be moved at once now; none when the sandbox has moved all that
    /// it may.
    pub(crate) fn room(&self, most: usize) -> Option<usize> {
        let allowance = self.sandbox.rules.borrow().allowance;
        let smooth = allowance
            .bytes_per_second
            .map_or(most, |rate| usize::try_from(rate / 50).unwrap_or(most).max(1 << 10).min(most));
        let Some(total) = allowance.total_bytes else { return Some(smooth) };
        let left = total.saturating_sub(moved(&self.sandbox));
        let left = usize::try_from(left).unwrap_or(most).min(smooth);
        (left > 0).then_some(left)
    }

    /// The connections of the sandbox.
    pub(crate) fn crowd(&self) -> &Crowd {
        &self.sandbox.crowd
    }
}

/// Bytes that a sandbox has moved, both ways together.
fn moved(sandbox: &Sandbox) -> u64 {
    let traffic = sandbox.counters.traffic();
    traffic.sent_bytes.saturating_add(traffic.received_bytes)
}

/// Whether a sandbox has moved all that it may.
pub(crate) fn is_spent(sandbox: &Sandbox) -> bool {
    let total = sandbox.rules.borrow().allowance.total_bytes;
    total.is_some_and(|total| moved(sandbox) >= total)
}
