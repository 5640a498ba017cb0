//! How much one direction of a connection moves at once.
//!
//! ```text
//! small ──eight times in full──▶ twice as much ──…──▶ MOST
//!   ▲                                 │
//!   └──half as much, when the other side took less
//! ```
//!
//! A reader that is slow from the start never leaves the beginning, so little waits for it here and
//! in the kernel. A fast one is at full size after some megabytes: each wake-up of a process costs
//! as much as moving a hundred kilobytes does.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes at the beginning, and in a crowd.
const LEAST: usize = 16 << 10;
/// Bytes at full size.
pub(super) const MOST: usize = 512 << 10;
/// Transfers in full before more is tried.
const STEPS: u32 = 8;
/// From here on a larger buffer in the kernel pays.
const LONG: usize = 128 << 10;

/// Connections of a sandbox from which on all of them get small buffers: few of so many are fast.
/// Its own alone, so that no sandbox slows another one down.
const CROWDED: usize = 64;
/// Connections of this process from which on everybody's do.
const CROWDED_ALL: usize = 4_096;

/// The connections of one sandbox, among those of all.
#[derive(Debug, Default)]
pub(crate) struct Crowd {
    own: AtomicUsize,
    all: Arc<AtomicUsize>,
}

/// One of them, until it is dropped.
#[derive(Debug)]
pub(crate) struct Member(Arc<Crowd>);

impl Crowd {
    /// Without connections, among these.
    pub(crate) fn among(all: &Arc<AtomicUsize>) -> Arc<Self> {
        Arc::new(Self { own: AtomicUsize::new(0), all: Arc::clone(all) })
    }

    /// Counts one more.
    pub(crate) fn join(self: &Arc<Self>) -> Member {
        self.own.fetch_add(1, Ordering::Relaxed);
        self.all.fetch_add(1, Ordering::Relaxed);
        Member(Arc::clone(self))
    }

    /// Whether there are so many that each has to be content with little.
    pub(crate) fn is_dense(&self) -> bool {
        self.own.load(Ordering::Relaxed) > CROWDED || self.all.load(Ordering::Relaxed) > CROWDED_ALL
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.0.own.fetch_sub(1, Ordering::Relaxed);
        self.0.all.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The size that one direction is at.
#[derive(Debug)]
pub(super) struct Gait {
    bytes: usize,
    in_full: u32,
    /// What its buffers were made for.
    most: usize,
}

impl Gait {
    /// That of a new connection. One that was made in a crowd has small buffers as long as it lasts.
    pub(super) fn new(crowd: &Crowd) -> Self {
        let most = if crowd.is_dense() { LEAST } else { MOST };
        Self { bytes: LEAST, in_full: 0, most }
    }

    /// How much to move at once.
    pub(super) fn bytes(&self, crowd: &Crowd) -> usize {
        if crowd.is_dense() { LEAST } else { self.bytes }
    }

    /// Learns from a transfer, of which so much is left; whether it has just become long.
    pub(super) fn learn(&mut self, moved: usize, left: usize) -> bool {
        if left > 0 {
            (self.bytes, self.in_full) = ((self.bytes / 2).max(LEAST), 0);
        } else if moved >= self.bytes / 2 {
            self.in_full += 1;
        }
        if self.in_full < STEPS || self.bytes >= self.most {
            return false;
        }
        (self.bytes, self.in_full) = (self.bytes * 2, 0);
        self.bytes == LONG
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_flows_grows_and_what_stays_shrinks() {
        let crowd = Arc::new(Crowd::default());
        let mut gait = Gait::new(&crowd);
        for _ in 0..STEPS {
            assert_eq!(gait.bytes(&crowd), LEAST);
            assert!(!gait.learn(LEAST, 0));
        }
        assert_eq!(gait.bytes(&crowd), 2 * LEAST);
        for _ in 0..100 {
            gait.learn(10, 0);
        }
        assert_eq!(gait.bytes(&crowd), 2 * LEAST, "messages do not make it grow");
        let long = (0..100).filter(|_| gait.learn(MOST, 0)).count();
        assert_eq!((gait.bytes(&crowd), long), (MOST, 1));
        for _ in 0..10 {
            gait.learn(MOST, 1);
        }
        assert_eq!(gait.bytes(&crowd), LEAST);
    }

    #[test]
    fn a_crowd_is_content_with_little() {
        let crowd = Arc::new(Crowd::default());
        let mut gait = Gait::new(&crowd);
        assert!((0..100).any(|_| gait.learn(MOST, 0)));
        (0..100).all(|_| !gait.learn(MOST, 0)).then_some(()).expect("it is long already");
        let members: Vec<Member> = (0..=CROWDED).map(|_| crowd.join()).collect();
        assert_eq!(gait.bytes(&crowd), LEAST);
        let mut late = Gait::new(&crowd);
        let neighbour = Crowd::among(&crowd.all);
        assert_eq!(gait.bytes(&neighbour), MOST, "a neighbour's connections are no crowd");
        drop(members);
        assert_eq!(gait.bytes(&crowd), MOST);
        assert!((0..100).all(|_| !late.learn(MOST, 0)));
        assert_eq!(late.bytes(&crowd), LEAST, "its buffers are small");
        let all: Vec<Member> = (0..=CROWDED_ALL).map(|_| neighbour.join()).collect();
        assert_eq!(gait.bytes(&crowd), LEAST, "so many are one");
        drop(all);
    }
}
