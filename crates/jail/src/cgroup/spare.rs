//! Groups for the next sandbox, made while nobody waits.
//!
//! To make a group costs 20 to 100 µs in each tree and part, to rename one costs 5. Only trees of
//! version 1 can rename (`cgroup1_rename`); in the unified tree a group is made when it is needed.

use std::io;

use super::detect::Version;
use super::{Branch, Groups, Trees};
use crate::defence::Without;
use crate::request::Limits;

/// Where they are until then. No sandbox is called so.
const NAME: &str = "_next";

/// What is ready, by the trees' places. It fits only the limits that it was made with: most
/// sandboxes have those of the one before.
#[derive(Debug, Default)]
pub(crate) struct Spare {
    limits: Option<Limits>,
    branches: Vec<Option<Groups>>,
}

impl Spare {
    /// The groups in one tree, moved to their name; none when they are to be made.
    pub(super) fn take(
        &mut self,
        index: usize,
        branch: &Branch,
        name: &str,
        limits: &Limits,
    ) -> Option<Groups> {
        if self.limits.as_ref() != Some(limits) {
            return None;
        }
        let groups = self.branches.get_mut(index)?.take()?;
        rustix::fs::renameat(&branch.folder, NAME, &branch.folder, name).ok()?;
        Some(groups)
    }

    fn is_whole(&self, trees: &Trees, limits: &Limits) -> bool {
        let is_there = |(branch, groups): (&Branch, &Option<Groups>)| {
            branch.version == Version::V2 || groups.is_some()
        };
        self.limits.as_ref() == Some(limits)
            && self.branches.len() == trees.0.len()
            && trees.0.iter().zip(&self.branches).all(is_there)
    }
}

impl Trees {
    /// Makes what is missing in `spare` for a sandbox with these limits.
    pub(crate) fn make_spare(
        &self,
        spare: &mut Spare,
        limits: &Limits,
        without: &Without,
    ) -> io::Result<()> {
        if spare.is_whole(self, limits) {
            return Ok(());
        }
        *spare = Spare::default();
        self.remove_spare();
        let make = |branch: &Branch| match branch.version {
            Version::V1 => branch.make(NAME, limits, without).map(Some),
            Version::V2 => Ok(None),
        };
        spare.branches = self.0.iter().map(make).collect::<io::Result<_>>()?;
        spare.limits = Some(*limits);
        Ok(())
    }

    /// Removes what is ready. Nobody is in it, and what an earlier launcher left is the same.
    pub(super) fn remove_spare(&self) {
        for branch in &self.0 {
            drop(branch.remove(NAME));
        }
    }
}
