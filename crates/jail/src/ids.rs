//! The block of ids that belongs to infield, and the range of each sandbox in it.
//!
//! Range 0 holds the daemon's account, range 1 owns the image store, every later one belongs to
//! one sandbox from before its first process until its folder is gone, or to one volume.

use std::collections::BTreeSet;

use crate::failure::{Outcome, full, refused};
use crate::request::RANGE_IDS;

/// Ranges that belong to no sandbox.
pub(crate) const RESERVED_RANGES: u32 = 2;

/// The configured block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdBlock {
    /// The first id.
    pub first: u32,
    /// How many ranges of [`RANGE_IDS`] ids.
    pub ranges: u32,
}

impl IdBlock {
    /// The block that is used unless another one is configured.
    pub const DEFAULT: Self = Self { first: 1_073_741_824, ranges: 8_192 };

    /// The first id of the image store's range.
    pub(crate) fn store(self) -> u32 {
        self.first + RANGE_IDS
    }

    fn end(self) -> u64 {
        u64::from(self.first) + u64::from(self.ranges) * u64::from(RANGE_IDS)
    }

    /// Refuses a block that is no block, or that holds ids of somebody else.
    ///
    /// `delegated` are the texts of `/etc/subuid` and `/etc/subgid`, `accounts` those of
    /// `/etc/passwd` and `/etc/group`.
    pub(crate) fn check(self, delegated: &[String], accounts: &[String]) -> Outcome<()> {
        let small = self.first < RANGE_IDS || self.ranges <= RESERVED_RANGES;
        if small || self.end() > u64::from(u32::MAX) {
            return Err(refused(format!(
                "the id block of {} ranges from {} is outside {RANGE_IDS} to {}",
                self.ranges,
                self.first,
                u32::MAX
            )));
        }
        for line in delegated.iter().flat_map(|text| text.lines()) {
            if self.overlaps(line) {
                return Err(refused(format!("the id block overlaps the delegated range `{line}`")));
            }
        }
        for line in accounts.iter().flat_map(|text| text.lines()) {
            let id = line.split(':').nth(2).and_then(|id| id.parse::<u64>().ok());
            if id.is_some_and(|id| id >= u64::from(self.first) && id < self.end()) {
                let name = line.split(':').next().unwrap_or_default();
                return Err(refused(format!("the id block holds the id of the account `{name}`")));
            }
        }
        Ok(())
    }

    fn overlaps(self, line: &str) -> bool {
        let mut fields = line.split(':').skip(1).map(|field| field.trim().parse::<u64>());
        let (Some(Ok(first)), Some(Ok(count))) = (fields.next(), fields.next()) else {
            return false;
        };
        first < self.end() && u64::from(self.first) < first + count
    }

    /// Whether `first` begins a sandbox's range.
    pub(crate) fn holds(self, first: u32) -> bool {
        let offset = first.wrapping_sub(self.first);
        first >= self.first
            && offset.is_multiple_of(RANGE_IDS)
            && (RESERVED_RANGES..self.ranges).contains(&(offset / RANGE_IDS))
    }
}

/// Which ranges are taken.
#[derive(Debug)]
pub(crate) struct Allotment {
    block: IdBlock,
    taken: BTreeSet<u32>,
    /// Where the search goes on: a range rests as long as possible before it is used again.
    next: u32,
}

impl Allotment {
    /// Nothing is taken yet.
    pub(crate) fn new(block: IdBlock) -> Self {
        Self { block, taken: BTreeSet::new(), next: RESERVED_RANGES }
    }

    /// Marks a range that a record names.
    pub(crate) fn take(&mut self, first: u32) {
        if self.block.holds(first) {
            self.taken.insert(first);
        }
    }

    /// Takes a free range and returns its first id.
    pub(crate) fn allot(&mut self) -> Outcome<u32> {
        let ranges = self.block.ranges;
        for step in 0..ranges - RESERVED_RANGES {
            let offset = (self.next - RESERVED_RANGES + step) % (ranges - RESERVED_RANGES);
            let index = RESERVED_RANGES + offset;
            let first = self.block.first + index * RANGE_IDS;
            if self.taken.insert(first) {
                self.next = if index + 1 < ranges { index + 1 } else { RESERVED_RANGES };
                return Ok(first);
            }
        }
        Err(full(
            format!("all {} id ranges are taken", ranges - RESERVED_RANGES),
            "remove sandboxes with `infield prune`, or configure a larger id block",
        ))
    }

    /// Gives a range back, once nothing with its ids exists any more.
    pub(crate) fn release(&mut self, first: u32) {
        self.taken.remove(&first);
    }

    /// How many sandboxes more fit.
    pub(crate) fn free(&self) -> u64 {
        let total = u64::from(self.block.ranges - RESERVED_RANGES);
        total.saturating_sub(self.taken.len() as u64)
    }
}

#[cfg(test)]
mod tests;
