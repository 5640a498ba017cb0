//! What the next start needs and does not depend on it, made while nobody waits.
//!
//! A network namespace and a mapped host image take a third of a start's time. They are made in
//! advance for one start; nothing of them is on disk, and what is left at the end vanishes with
//! the process.

use std::os::fd::OwnedFd;

use super::host::{Host, Ranges};
use crate::apply::Source;
use crate::check::HOST_IMAGE;
use crate::defence::Defence;
use crate::failure::Outcome;

type Trees = Vec<(&'static str, Source)>;

/// What is ready.
#[derive(Debug, Default)]
pub(super) struct Spare {
    network: Option<OwnedFd>,
    /// The range that the next new sandbox gets.
    range: Option<u32>,
    /// The built-in image's trees, with the range that they are mapped for.
    trees: Option<(u32, Trees)>,
}

impl Ranges {
    /// The range for a new sandbox.
    pub(super) fn next_range(&mut self) -> Outcome<u32> {
        self.spare.range.take().map_or_else(|| self.allotment.allot(), Ok)
    }
}

impl Host {
    /// Makes what is missing. A failure is met again, and told, by the start that needs it.
    pub(super) fn prepare_spare(&mut self) {
        let Some(ranges) = &mut self.ranges else { return };
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
        if let (Some(ranges), Some(made)) = (&mut self.ranges, made) {
            ranges.spare.trees = Some(made);
        }
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
