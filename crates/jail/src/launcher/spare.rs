//! What the next start needs and does not depend on it, made while nobody waits.
//!
//! Every new sandbox needs ids, groups and a network namespace of its own, and most the built-in
//! image's trees for those ids: an empty set of these *parts* is kept ready. And most sandboxes
//! have the built-in image, a memory layer, and the limits and the kind of network of the one
//! before. For such a one a
//! first process, the *body*, is made ahead: by the same steps in the same order as any other, it
//! becomes an agent that waits for its socket, has run nothing of the image, and serves one sandbox
//! or none. Where groups cannot be renamed there are neither groups nor a body. There is one of
//! each; nothing of it is on disk, and all of it ends with the launcher.

use super::birth::{Born, channel_pair};
use super::host::{Host, Ranges};
use crate::apply::{Materials, Source};
use crate::cgroup::{BODY, Groups, NEXT};
use crate::check::HOST_IMAGE;
use crate::defence::Defence;
use crate::failure::Outcome;
use crate::network::Namespace;
use crate::plan::{ImageShape, LayerShape, Shape};
use crate::request::{LayerPlace, Limits, Network, Start};

type Trees = Vec<(&'static str, Source)>;

/// What is ready.
#[derive(Default)]
pub(super) struct Spare {
    network: Option<Namespace>,
    /// The range that the next new sandbox gets.
    range: Option<u32>,
    /// The built-in image's trees, with the range that they are mapped for.
    trees: Option<(u32, Trees)>,
    /// Groups called [`NEXT`], without the work's limits.
    groups: Option<Groups>,
    body: Option<Body>,
    /// What the sandbox before had.
    last: Option<Kind>,
    /// What was tried since something was taken.
    tried: Tried,
}

/// How far the making of what is missing has come.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Tried {
    #[default]
    Nothing,
    Body,
    Everything,
}

/// In what sandboxes differ that are otherwise made alike.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Kind {
    limits: Limits,
    network: Network,
}

impl Kind {
    fn of(start: &Start) -> Self {
        Self { limits: start.limits, network: start.network }
    }
}

/// A first process that knows everything but which sandbox it is.
struct Body {
    born: Born,
    range: u32,
    kind: Kind,
}

impl Body {
    fn fits(&mut self, start: &Start) -> bool {
        start.image == HOST_IMAGE
            && start.layer == LayerPlace::Memory
            && start.volumes.is_empty()
            && Kind::of(start) == self.kind
            && self.born.is_well()
    }
}

impl Ranges {
    /// The range for a new sandbox.
    pub(super) fn next_range(&mut self, start: &Start) -> Outcome<u32> {
        if let Some(body) = &mut self.spare.body
            && body.fits(start)
        {
            return Ok(body.range);
        }
        self.spare.range.take().map_or_else(|| self.allotment.allot(), Ok)
    }
}

impl Host {
    /// Whether there is nothing to prepare, or nothing came of it the last time.
    pub(super) fn is_prepared(&self) -> bool {
        self.ranges.as_ref().is_none_or(|ranges| ranges.spare.tried == Tried::Everything)
    }

    /// Makes the next thing that is missing, in a few milliseconds. A failure is met again, and
    /// told, by the start that needs it.
    pub(super) fn prepare_spare(&mut self) {
        let Some(ranges) = &mut self.ranges else { return };
        let spare = &mut ranges.spare;
        if spare.tried == Tried::Body {
            spare.tried = Tried::Everything;
            return self.prepare_parts();
        }
        spare.tried = Tried::Body;
        let Some(kind) = spare.last.filter(|_| self.trees.can_rename()) else { return };
        if spare.body.as_mut().is_some_and(|body| body.kind == kind && body.born.is_well()) {
            return;
        }
        self.drop_body();
        self.prepare_parts();
        let body = self.make_body(kind).ok();
        if let Some(ranges) = &mut self.ranges {
            ranges.spare.body = body;
        }
    }

    fn prepare_parts(&mut self) {
        let Some(ranges) = &mut self.ranges else { return };
        let network = ranges.spare.last.map_or(Network::Loopback, |kind| kind.network);
        let fits = |namespace: &Namespace| namespace.kind() == network;
        if !ranges.spare.network.as_ref().is_some_and(fits)
            && self.without.keeps(Defence::NetworkNamespace)
        {
            ranges.spare.network = ranges.network.make(network).ok();
        }
        if ranges.spare.range.is_none() && self.without.keeps(Defence::IdRange) {
            ranges.spare.range = ranges.allotment.allot().ok();
        }
        if ranges.spare.groups.is_none() && self.trees.can_rename() {
            ranges.spare.groups = self.trees.make(NEXT).ok();
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
    fn make_body(&mut self, kind: Kind) -> Outcome<Body> {
        let limits = kind.limits;
        let range = self.ranges.as_mut().and_then(|ranges| ranges.spare.range);
        let range = range.ok_or_else(|| crate::failure::refused("there is no range of ids"))?;
        let (channel, theirs) = channel_pair()?;
        let mut materials = Materials {
            channel: theirs,
            trees: self.take_trees(HOST_IMAGE, range)?,
            layer: None,
            saved: None,
            volumes: Vec::new(),
            groups: self.take_groups(BODY)?,
            hostname: None,
            program: self.program()?,
            settings: self.settings(&limits),
            forgotten: self.forgotten()?,
        };
        let network = self.take_network(kind.network)?;
        let shape = Shape {
            image: ImageShape::Host,
            layer: LayerShape::NewMemory,
            limits: &limits,
            ids: self.ids(),
            volumes: &[],
        };
        let born = self.give_birth(&shape, (range, network), channel, &mut materials)?;
        let born = self.limited(born, BODY, &limits)?;
        if let Some(ranges) = &mut self.ranges {
            ranges.spare.range = None;
        }
        Ok(Body { born, range, kind })
    }

    /// The first process that is ready for this start of a sandbox with this range, if one is.
    /// Its groups are the sandbox's from now on.
    pub(super) fn take_body(&mut self, start: &Start, range: u32) -> Outcome<Option<Born>> {
        let Some(ranges) = &mut self.ranges else { return Ok(None) };
        ranges.spare.last = Some(Kind::of(start));
        ranges.spare.tried = Tried::Nothing;
        let Some(mut body) = ranges.spare.body.take_if(|body| body.range == range) else {
            return Ok(None);
        };
        if body.fits(start) && self.trees.rename(BODY, &start.sandbox).is_ok() {
            return Ok(Some(body.born));
        }
        body.born.end();
        drop(self.trees.remove(BODY));
        Ok(None)
    }

    /// Ends the first process that is ready, and all that it had. Groups that an earlier launcher
    /// left go, too; where something is still on its way out of them, there is no next body yet.
    fn drop_body(&mut self) {
        let body = self.ranges.as_mut().and_then(|ranges| ranges.spare.body.take());
        if let Some(body) = body {
            body.born.end();
            self.release_range(body.range);
        }
        drop(self.trees.remove(BODY));
    }

    /// Lets go of everything that is ready.
    pub(super) fn drop_spare(&mut self) {
        self.drop_body();
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

    /// Groups for a sandbox that has none, without its limits.
    pub(super) fn take_groups(&mut self, name: &str) -> Outcome<Groups> {
        let spare = self.ranges.as_mut().and_then(|ranges| ranges.spare.groups.take());
        match spare {
            Some(groups) if self.trees.rename(NEXT, name).is_ok() => Ok(groups),
            Some(_) | None => self.trees.make(name),
        }
    }

    /// Gives the work its limits, of which there is none before the agent has its socket: the
    /// first process puts up its walls meanwhile.
    pub(super) fn limited(&self, born: Born, name: &str, limits: &Limits) -> Outcome<Born> {
        match self.trees.limit(name, limits, &self.without) {
            Ok(()) => Ok(born),
            Err(failure) => {
                born.end();
                Err(failure)
            }
        }
    }

    /// A network namespace of a kind, where the launcher makes them.
    pub(super) fn take_network(&mut self, kind: Network) -> Outcome<Option<Namespace>> {
        match &mut self.ranges {
            Some(ranges) if self.without.keeps(Defence::NetworkNamespace) => {
                let spare = ranges.spare.network.take_if(|spare| spare.kind() == kind);
                spare.map_or_else(|| ranges.network.make(kind), Ok).map(Some)
            }
            Some(_) | None => Ok(None),
        }
    }
}
