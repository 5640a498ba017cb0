//! What a sandbox's first process does to itself, as a list of steps with reasons.
//!
//! The plan is data: it can be read, compared with a stored one in a test, and filtered when a
//! test build leaves out a wall. [`crate::apply`] carries it out and decides nothing.
//!
//! All paths are relative to the *stage*, a tmpfs that the process mounts over `/tmp` of its own
//! mount namespace: `root` becomes the sandbox's `/`, `lower`, `usr-mask` and `usr` are read-only
//! trees, `layer` is the writable one, `dev`, `tmp`, `shm` and `empty` are folders of the stage
//! that are bound into `root`. After [`Action::DropOldRoot`] nothing but `root` can be reached.

mod data;

use std::fmt;

use crate::defence::{Defence, Without};
use crate::request::{LayerPlace, Limits, Mount};

/// What a plan depends on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape<'a> {
    /// Where the image's tree comes from.
    pub(crate) image: ImageShape,
    /// Where the writable layer is.
    pub(crate) layer: LayerShape,
    /// The ceilings.
    pub(crate) limits: &'a Limits,
    /// Which ids it has.
    pub(crate) ids: IdShape,
    /// The volumes that it has.
    pub(crate) volumes: &'a [Mount],
}

/// Kinds of images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ImageShape {
    /// A skeleton, and the host's `/usr` behind a mask.
    Host,
    /// One tree.
    Imported,
}

/// Kinds of writable layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LayerShape {
    /// A new tmpfs.
    NewMemory,
    /// A tmpfs that is filled from the saved layer on disk.
    SavedMemory,
    /// A folder on disk that is empty.
    NewDisk,
    /// A folder on disk that a sandbox has worked in.
    OldDisk,
}

impl LayerShape {
    /// The shape for a place, with or without a saved layer.
    pub(crate) fn of(place: LayerPlace, saved: Saved) -> Self {
        match (place, saved) {
            (LayerPlace::Disk, Saved::No) => Self::NewDisk,
            (LayerPlace::Disk, Saved::Yes) => Self::OldDisk,
            (LayerPlace::Memory, Saved::Yes) => Self::SavedMemory,
            (LayerPlace::Memory, Saved::No) => Self::NewMemory,
        }
    }

    /// Whether the sandbox has written nothing yet.
    fn is_new(self) -> bool {
        match self {
            Self::NewMemory | Self::NewDisk => true,
            Self::SavedMemory | Self::OldDisk => false,
        }
    }
}

/// Whether a layer is on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Saved {
    /// It is.
    Yes,
    /// It is not.
    No,
}

/// Kinds of id maps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IdShape {
    /// A range of 65,536.
    Range,
    /// Root inside is the caller outside, and there is nobody else.
    Single,
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Enter the groups of the work.
    EnterWorkGroups,
    /// Enter the agent's groups, except the one that the process was born in.
    EnterAgentGroups,
    /// Enter all of the agent's groups.
    ReturnToAgentGroups,
    /// See the own group as the top.
    OwnCgroupNamespace,
    /// Raise the loopback interface of the own network namespace.
    RaiseLoopback,
    /// Take no mount of the host's from now on, and give none.
    PrivateMounts,
    /// Make mounts of trees that are given as paths.
    CloneTrees,
    /// Mount the stage and go there.
    Stage { bytes: u64, inodes: u64 },
    /// Mount a tmpfs as `layer`.
    MemoryLayer { bytes: u64, inodes: u64 },
    /// Copy the saved layer into it.
    RestoreLayer,
    /// Attach the disk layer's folder as `layer`.
    DiskLayer,
    /// Attach a read-only tree.
    Attach { name: &'static str },
    /// Stack trees.
    Overlay(Overlay),
    /// Mount a file system of the kernel's.
    Kernel { kind: &'static str, at: &'static str, options: Vec<(&'static str, &'static str)> },
    /// Bind the host's /proc, where a weakened sandbox has no pid namespace.
    HostProc,
    /// Bind a folder of the stage.
    Bind { from: &'static str, at: &'static str, flags: u64 },
    /// Bind a device of the host's.
    Device { name: &'static str },
    /// Make a link.
    Link { at: &'static str, target: &'static str },
    /// Make a folder unless it is there.
    Folder { at: &'static str },
    /// Put a file in the place of whatever file or link is there.
    File { at: (&'static str, &'static str), content: &'static str },
    /// Cover a path with something empty.
    Cover { at: &'static str },
    /// Make a path read-only.
    ReadOnly { at: &'static str },
    /// Mount the volume of this number.
    Volume { number: usize, at: String },
    /// Make `root` the root.
    EnterRoot,
    /// Let go of the root that was.
    DropOldRoot,
    /// Set the host name, as far as it is known.
    Hostname,
    /// Set a resource limit.
    Limit { resource: Limited, value: u64 },
    /// Forbid that programs gain privilege.
    NoNewPrivileges,
    /// Drop capabilities from the bounding set.
    BoundingSet,
    /// Restrict file access to what is below the root.
    Landlock,
    /// Install the system call filters.
    Seccomp,
    /// Drop capabilities from the process.
    Capabilities,
    /// Let no other descriptor survive the exec.
    CloseDescriptors,
    /// Let no variable survive the exec.
    ClearEnvironment,
}

/// One overlay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Overlay {
    /// Where it goes.
    pub(crate) at: &'static str,
    /// Read-only trees, the uppermost first.
    pub(crate) lowers: &'static str,
    /// The writable folder and its work folder.
    pub(crate) upper: Option<(&'static str, &'static str)>,
    /// `MOUNT_ATTR_*`.
    pub(crate) flags: u64,
}

/// Resources with a limit for each process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limited {
    /// Open files.
    OpenFiles,
    /// Processes of the sandbox's root, where no group counts them.
    Processes,
    /// Core files.
    Core,
    /// Locked memory.
    LockedMemory,
    /// Message queues.
    MessageQueues,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    /// What to do.
    pub(crate) action: Action,
    /// Why.
    pub(crate) reason: &'static str,
    /// The wall that it is, if an attack can be named for it.
    pub(crate) defence: Option<Defence>,
}

/// The flags for a sandbox's mounts, without those that a test build leaves out.
pub(crate) fn flags(all: u64, without: &Without) -> u64 {
    let mut flags = all;
    for (defence, flag) in
        [(Defence::Nosuid, libc::MOUNT_ATTR_NOSUID), (Defence::Nodev, libc::MOUNT_ATTR_NODEV)]
    {
        if !without.keeps(defence) {
            flags &= !flag;
        }
    }
    flags
}

/// The namespaces that the first process is born into.
pub(crate) fn namespaces(ids: IdShape, without: &Without) -> u64 {
    let mut all = (libc::CLONE_NEWUSER | libc::CLONE_NEWNS) as u64;
    let named = [
        (Defence::PidNamespace, libc::CLONE_NEWPID),
        (Defence::IpcNamespace, libc::CLONE_NEWIPC),
        (Defence::UtsNamespace, libc::CLONE_NEWUTS),
    ];
    for (defence, flag) in named {
        if without.keeps(defence) {
            all |= flag as u64;
        }
    }
    // With privilege the launcher is already in the sandbox's network namespace at this moment.
    let is_own = ids == IdShape::Single || !without.keeps(Defence::NetworkOwner);
    if is_own && without.keeps(Defence::NetworkNamespace) {
        all |= libc::CLONE_NEWNET as u64;
    }
    all
}

/// The steps for a sandbox of this shape, in their order.
pub(crate) fn plan(shape: &Shape<'_>, without: &Without) -> Vec<Step> {
    let mut steps = data::groups(shape);
    steps.extend(data::layers(shape, without));
    steps.extend(data::root(shape, without));
    steps.extend(data::inside(without));
    steps.extend(data::volumes(shape));
    steps.extend(data::entry());
    steps.extend(data::walls(shape));
    steps.retain(|step| step.defence.is_none_or(|defence| without.keeps(defence)));
    steps
}

impl fmt::Display for Step {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:?}", self.action)?;
        if let Some(defence) = self.defence {
            write!(out, " [{}]", defence.as_str())?;
        }
        write!(out, "\n    {}", self.reason)
    }
}

#[cfg(test)]
mod tests;
