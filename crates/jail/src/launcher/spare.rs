//! What the next start needs and does not depend on it, made while nobody waits.
//!
//! A network namespace, a mapped host image and control groups take half of a start's time. They
//! are made in advance for one start, empty and without a process. Nothing of them is on disk; the
//! groups are removed at the end, the rest vanishes with the process.

use std::os::fd::OwnedFd;

use super::host::{Host, Ranges};
use crate::apply::Source;
use crate::cgroup::{self, Groups};
use crate::check::HOST_IMAGE;
use crate::defence::Defence;
use crate::failure::Outcome;
use crate::request::Limits;

type Trees = Vec<(&'static str, Source)>;

/// What is ready.
#[derive(Debug, Default)]
pub(super) struct Spare {
    network: Option<OwnedFd>,
    /// The range that the next new sandbox gets.
    range: Option<u32>,
    /// The built-in image's trees, with the range that they are mapped for.
    trees: Option<(u32, Trees)>,
    /// Control groups for limits like those of the sandbox before.
    groups: cgroup::Spare,
    limits: Option<Limits>,
    /// Whether nothing was taken since it was made.
    is_fresh: bool,
}

impl Ranges {
    /// The range for a new sandbox.
    pub(super) fn next_range(&mut self) -> Outcome<u32> {
        self.spare.range.take().map_or_else(|| self.allotment.allot(), Ok)
    }
}

impl Host {
    /// Whether there is nothing to prepare, or nothing came of it the last time.
    pub(super) fn is_prepared(&self) -> bool {
        self.ranges.as_ref().is_none_or(|ranges| ranges.spare.is_fresh)
    }

    /// Makes what is missing. A failure is met again, and told, by the start that needs it.
    pub(super) fn prepare_spare(&mut self) {
        let Some(ranges) = &mut self.ranges else { return };
        ranges.spare.is_fresh = true;
        if ranges.spare.network.is_none() && self.without.keeps(Defence::NetworkNamespace) {
            ranges.spare.network = ranges.network.make().ok();
        }
        if ranges.spare.range.is_none() && self.without.keeps(Defence::IdRange) {
            ranges.spare.range = ranges.allotment.allot().ok();
        }
        let mapped = ranges.spare.trees.as_ref().map(|(range, _)| *range);
        let wanted = ranges.spare.range.filter(|range| mapped != Some(*range));
        let made =
            wanted.and_then(|range| Some((range, self.image_trees(HOST_IMAGE, range).ok()?)));
        let Some(ranges) = &mut self.ranges else { return };
        ranges.spare.trees = made.or(ranges.spare.trees.take());
        if let Some(limits) = ranges.spare.limits {
            drop(self.trees.make_spare(&mut ranges.spare.groups, &limits, &self.without));
        }
    }

    /// The control groups of a sandbox.
    pub(super) fn take_groups(&mut self, name: &str, limits: &Limits) -> Outcome<Groups> {
        let Some(ranges) = &mut self.ranges else {
            let nothing = &mut cgroup::Spare::default();
            return self.trees.make(name, limits, &self.without, nothing);
        };
        ranges.spare.limits = Some(*limits);
        ranges.spare.is_fresh = false;
        self.trees.make(name, limits, &self.without, &mut ranges.spare.groups)
    }

    /// An image's trees for a sandbox with this range.
    pub(super) fn take_trees(&mut self, image: &str, range: u32) -> Outcome<Trees> {
        let fits = |(mapped, _): &mut (u32, Trees)| image == HOST_IMAGE && *mapped == range;
        let spare = self.ranges.as_mut().and_then(|ranges| ranges.spare.trees.take_if(fits));
        spare.map_or_else(|| self.image_trees(image, range), |(_, trees)| Ok(trees))
    }

    /// A network namespace, where the launcher makes them.
    pub(super) fn take_network(&mut self) -> Outcome<Option<OwnedFd>> {
        match &mut self.ranges {
            Some(ranges) if self.without.keeps(Defence::NetworkNamespace) => {
                let spare = ranges.spare.network.take();
                spare.map_or_else(|| ranges.network.make(), Ok).map(Some)
            }
            Some(_) | None => Ok(None),
        }
    }
}
