//! Disk limits that no mechanism of the host enforces: the host looks now and then.
//!
//! Measuring a layer walks it, so that is done only when it can have grown enough to matter: when
//! the file system below it lost a good part of what the sandbox may still take, or after
//! [`LONGEST`]. One measurement runs at a time and [`ROUND`] of them in a second at most.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

use infield_domain::SandboxId;
use infield_domain::isolation::{Control, Enforcement, Mechanism};
use infield_domain::sandbox::Usage;
use tokio::time::Instant;

/// How often the free space is looked at.
pub(crate) const TICK: Duration = Duration::from_millis(500);
/// A layer is measured at least this often.
const LONGEST: Duration = Duration::from_secs(60);
/// Layers that are measured in one tick at most.
pub(crate) const ROUND: usize = 8;
/// Growth below this is never worth a measurement by itself.
const LEAST_BYTES: u64 = 1 << 20;
/// The same for files.
const LEAST_INODES: u64 = 64;

/// What is left on a file system.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Free {
    pub(crate) bytes: u64,
    pub(crate) inodes: u64,
}

/// What a sandbox may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Allowance {
    pub(crate) bytes: u64,
    pub(crate) inodes: u64,
}

/// Everything whose disk use is sampled: sandboxes, or volumes.
#[derive(Debug)]
pub(crate) struct Gauges<K = SandboxId> {
    watched: HashMap<K, Gauge>,
}

impl<K> Default for Gauges<K> {
    fn default() -> Self {
        Self { watched: HashMap::new() }
    }
}

#[derive(Debug)]
struct Gauge {
    allowance: Allowance,
    last: Option<Sample>,
}

#[derive(Debug)]
struct Sample {
    at: Instant,
    free: Free,
    used: Allowance,
}

/// Whether the disk use of a sandbox has to be sampled.
pub(crate) fn is_sampled(enforcement: &Enforcement) -> bool {
    [Control::Disk, Control::Inodes]
        .iter()
        .any(|control| enforcement.0.get(control) == Some(&Mechanism::Sampled))
}

impl<K: Clone + Eq + Hash> Gauges<K> {
    /// Begins to watch something; what is watched already keeps its samples.
    pub(crate) fn insert(&mut self, id: &K, allowance: Allowance) {
        self.watched.entry(id.clone()).or_insert(Gauge { allowance, last: None });
    }

    /// Forgets something.
    pub(crate) fn remove(&mut self, id: &K) {
        self.watched.remove(id);
    }

    /// Whether there is anything to watch.
    pub(crate) fn is_empty(&self) -> bool {
        self.watched.is_empty()
    }

    /// What to measure now, what was not measured for longest first.
    pub(crate) fn due(&self, free: Free, now: Instant) -> Vec<K> {
        let is_due = |gauge: &Gauge| {
            gauge.last.as_ref().is_none_or(|last| {
                now - last.at >= LONGEST || gauge.allowance.may_be_passed(last, free)
            })
        };
        let mut due: Vec<_> = self.watched.iter().filter(|(_, gauge)| is_due(gauge)).collect();
        due.sort_by_key(|(_, gauge)| gauge.last.as_ref().map(|last| last.at));
        due.into_iter().take(ROUND).map(|(id, _)| id.clone()).collect()
    }

    /// Takes a measurement; tells what was passed, as a sentence.
    pub(crate) fn record(
        &mut self,
        id: &K,
        usage: Usage,
        free: Free,
        now: Instant,
    ) -> Option<String> {
        let gauge = self.watched.get_mut(id)?;
        let used = Allowance {
            bytes: usage.disk_bytes.unwrap_or_default(),
            inodes: usage.inodes.unwrap_or_default(),
        };
        gauge.last = Some(Sample { at: now, free, used });
        let allowed = gauge.allowance;
        if used.bytes > allowed.bytes {
            return Some(format!("{} of {} bytes of disk", used.bytes, allowed.bytes));
        }
        (used.inodes > allowed.inodes)
            .then(|| format!("{} of {} files", used.inodes, allowed.inodes))
    }
}

impl Allowance {
    /// Whether the file system lost half of what the sandbox could still take.
    fn may_be_passed(self, last: &Sample, free: Free) -> bool {
        let lost = Self {
            bytes: last.free.bytes.saturating_sub(free.bytes),
            inodes: last.free.inodes.saturating_sub(free.inodes),
        };
        let left = Self {
            bytes: self.bytes.saturating_sub(last.used.bytes),
            inodes: self.inodes.saturating_sub(last.used.inodes),
        };
        lost.bytes >= (left.bytes / 2).max(LEAST_BYTES)
            || lost.inodes >= (left.inodes / 2).max(LEAST_INODES)
    }
}

#[cfg(test)]
mod tests;
