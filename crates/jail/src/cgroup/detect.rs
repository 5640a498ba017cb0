//! Finds out which control group tree has which controller. Pure: takes texts, returns a table.
//!
//! A controller belongs to the unified tree (v2) or to one old tree (v1), never to both. Mixed
//! hosts are normal: old trees for the controllers and a unified tree beside them that has none.

use std::path::{Path, PathBuf};

/// What limits or measures a sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Controller {
    /// Memory.
    Memory,
    /// Processes and threads.
    Pids,
    /// Processor time.
    Cpu,
    /// Counts processor time, in old trees; in the unified tree the one before does.
    CpuCount,
    /// Holds all processes, in old trees; every group of the unified tree can.
    Freezer,
}

impl Controller {
    /// All of them.
    pub(crate) const ALL: [Self; 5] =
        [Self::Memory, Self::Pids, Self::Cpu, Self::CpuCount, Self::Freezer];

    /// The kernel's word, which is our control's word too.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Pids => "pids",
            Self::Cpu => "cpu",
            Self::CpuCount => "cpuacct",
            Self::Freezer => "freezer",
        }
    }
}

/// The generation of a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    /// One tree for each controller or few.
    V1,
    /// The unified tree.
    V2,
}

/// One mounted tree that is of use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tree {
    /// Its generation.
    pub(crate) version: Version,
    /// Where it is mounted.
    pub(crate) mount: PathBuf,
    /// The controllers that it has, of those that are of use.
    pub(crate) controllers: Vec<Controller>,
}

/// The trees of a host, from `/proc/self/mountinfo` and each unified tree's list of controllers.
pub(crate) fn trees(mountinfo: &str, unified: impl Fn(&Path) -> String) -> Vec<Tree> {
    let mut trees: Vec<Tree> = Vec::new();
    for line in mountinfo.lines() {
        let Some((left, right)) = line.split_once(" - ") else { continue };
        // The root of the mount must be the root of the tree, or names below it lie.
        let (Some(root), Some(mount)) = (left.split(' ').nth(3), left.split(' ').nth(4)) else {
            continue;
        };
        let mut right = right.split(' ');
        let (Some(kind), Some(options)) = (right.next(), right.nth(1)) else { continue };
        if root != "/" {
            continue;
        }
        let mount = PathBuf::from(mount);
        let (version, words) = match kind {
            "cgroup2" => (Version::V2, unified(&mount)),
            "cgroup" => (Version::V1, options.replace(',', " ")),
            _ => continue,
        };
        let has =
            |controller: &Controller| words.split_whitespace().any(|w| w == controller.as_str());
        let controllers: Vec<Controller> = Controller::ALL.into_iter().filter(has).collect();
        let seen = trees
            .iter()
            .any(|tree| controllers.iter().any(|controller| tree.controllers.contains(controller)));
        if !seen && !controllers.is_empty() {
            trees.push(Tree { version, mount, controllers });
        }
    }
    trees
}

/// The caller's own directory in the unified tree, from `/proc/self/cgroup`.
pub(crate) fn own_unified(cgroup: &str) -> Option<&str> {
    cgroup.lines().find_map(|line| line.strip_prefix("0::/"))
}

#[cfg(test)]
mod tests;
