//! What the next start needs and does not depend on it, made while nobody waits.
//!
//! Most sandboxes have the built-in image, a memory layer and the limits of the one before. For
//! such a one a first process is made ahead: by the same steps in the same order as any other, it
//! becomes an agent that waits for its socket, has run nothing of the image, and serves one sandbox
//! or none. Where that cannot be (another shape, trees whose groups cannot be renamed), a network
//! namespace and a mapped image are ready at least. There is one of each; nothing of it is on
//! disk, and all of it ends with the launcher.

use std::os::fd::OwnedFd;

use super::birth::{Born, channel_pair};
use super::host::{Host, Ranges};
use crate::apply::{Materials, Source};
use crate::cgroup::NEXT;
use crate::check::HOST_IMAGE;
use crate::defence::Defence;
use crate::failure::Outcome;
use crate::plan::{ImageShape, LayerShape, Shape};
use crate::request::{LayerPlace, Limits, Start};

type Trees = Vec<(&'static str, Source)>;

/// What is ready.
#[derive(Default)]
pub(super) struct Spare {
    network: Option<OwnedFd>,
    /// The range that the next new sandbox gets.
    range: Option<u32>,
    /// The built-in image's trees, with the range that they are mapped for.
    trees: Option<(u32, Trees)>,
    body: Option<Body>,
    /// The limits of the sandbox before.
    limits: Option<Limits>,
    /// Whether nothing was taken since it was made.
    is_fresh: bool,
}

/// A first process that knows everything but which sandbox it is.
struct Body {
    born: Born,
    range: u32,
    limits: Limits,
}

impl Body {
    fn fits(&self, start: &Start) -> bool {
        start.image == HOST_IMAGE
            && start.layer == LayerPlace::Memory
            && start.limits == self.limits
            && self.born.is_well()
    }
}

impl Ranges {
    /// The range for a new sandbox.
    pub(super) fn next_range(&mut self, start: &Start) -> Outcome<u32> {
        if let Some(body) = self.spare.body.as_ref().filter(|body| body.fits(start)) {
            return Ok(body.range);
        }
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
        let wanted = ranges.spare.limits;
        let has_body = |body: &Body| Some(body.limits) == wanted && body.born.is_well();
        if ranges.spare.body.as_ref().is_some_and(has_body) {
            return;
        }
        self.drop_body();
        self.prepare_parts();
        if let Some(limits) = wanted.filter(|_| self.trees.can_rename()) {
            let body = self.make_body(limits).ok();
            if let Some(ranges) = &mut self.ranges {
                ranges.spare.body = body;
            }
        }
    }

    fn prepare_parts(&mut self) {
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

    /// Makes a first process of the parts.
    fn make_body(&mut self, limits: Limits) -> Outcome<Body> {
        let range = self.ranges.as_mut().and_then(|ranges| ranges.spare.range);
        let range = range.ok_or_else(|| crate::failure::refused("there is no range of ids"))?;
        // What an earlier launcher left; where something is still on its way out, making fails.
        drop(self.trees.remove(NEXT));
        let (channel, theirs) = channel_pair()?;
        let mut materials = Materials {
            channel: theirs,
            trees: self.take_trees(HOST_IMAGE, range)?,
            layer: None,
            saved: None,
            groups: self.trees.make(NEXT, &limits, &self.without)?,
            hostname: None,
            program: self.program()?,
            settings: self.settings(&limits),
            forgotten: self.forgotten()?,
        };
        let network = self.take_network()?;
        let shape = Shape {
            image: ImageShape::Host,
            layer: LayerShape::NewMemory,
            limits: &limits,
            ids: self.ids(),
        };
        let born = self.give_birth(&shape, (range, network), channel, &mut materials)?;
        if let Some(ranges) = &mut self.ranges {
            ranges.spare.range = None;
        }
        Ok(Body { born, range, limits })
    }

    /// The first process that is ready for this start of a sandbox with this range, if one is.
    /// Its groups are the sandbox's from now on.
    pub(super) fn take_body(&mut self, start: &Start, range: u32) -> Outcome<Option<Born>> {
        let Some(ranges) = &mut self.ranges else { return Ok(None) };
        ranges.spare.limits = Some(start.limits);
        ranges.spare.is_fresh = false;
        let Some(body) = ranges.spare.body.take_if(|body| body.range == range) else {
            return Ok(None);
        };
        if body.fits(start) && self.trees.rename_next(&start.sandbox).is_ok() {
            return Ok(Some(body.born));
        }
        body.born.end();
        drop(self.trees.remove(NEXT));
        Ok(None)
    }

    /// Ends the first process that is ready, and all that it had.
    pub(super) fn drop_body(&mut self) {
        let body = self.ranges.as_mut().and_then(|ranges| ranges.spare.body.take());
        if let Some(body) = body {
            body.born.end();
            self.release_range(body.range);
        }
        drop(self.trees.remove(NEXT));
    }

    /// Gives back the range of a sandbox that is gone, or that never became one.
    pub(super) fn release_range(&mut self, range: u32) {
        let Some(ranges) = &mut self.ranges else { return };
        if let Some(body) = ranges.spare.body.take_if(|body| body.range == range) {
            body.born.end();
        }
        ranges.allotment.release(range);
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
