//! The steps themselves, in the order of the kernel's demands.

use super::{Action, IdShape, ImageShape, LayerShape, Limited, Overlay, Shape, Step, flags};
use crate::defence::{Defence, Without};
use crate::host_image::RESOLVER;
use crate::request::Mount;

const NOSUID: u64 = libc::MOUNT_ATTR_NOSUID;
const NODEV: u64 = libc::MOUNT_ATTR_NODEV;
const NOEXEC: u64 = libc::MOUNT_ATTR_NOEXEC;

/// Devices of the host's that harm nobody, with what needs them.
pub(crate) const DEVICES: &[(&str, &str)] = &[
    ("null", "everything"),
    ("zero", "allocators and dd"),
    ("full", "tests of full disks"),
    ("random", "key generators"),
    ("urandom", "language runtimes"),
    ("tty", "programs that ask at the terminal"),
];

/// Links in /dev that programs expect.
pub(crate) const DEVICE_LINKS: &[(&str, &str)] = &[
    ("dev/fd", "/proc/self/fd"),
    ("dev/stdin", "/proc/self/fd/0"),
    ("dev/stdout", "/proc/self/fd/1"),
    ("dev/stderr", "/proc/self/fd/2"),
    ("dev/ptmx", "pts/ptmx"),
];

/// Terminals of one sandbox at most.
const MOST_TERMINALS: &str = "64";

/// Paths of /proc that tell about the host or steer it.
pub(crate) const COVERED: &[(&str, &str)] = &[
    ("root/proc/kcore", "the kernel's memory"),
    ("root/proc/keys", "names of keys of every namespace of the user"),
    ("root/proc/key-users", "counts of keys of the host's users"),
    ("root/proc/timer_list", "addresses and programs of the host"),
    ("root/proc/sched_debug", "programs of the host"),
    ("root/proc/latency_stats", "programs of the host"),
    ("root/proc/sysrq-trigger", "restarts the machine"),
    ("root/proc/kallsyms", "addresses of the kernel"),
    ("root/proc/kmsg", "the kernel's log"),
    ("root/proc/acpi", "the machine's power"),
    ("root/proc/scsi", "the machine's disks"),
    ("root/proc/asound", "the machine's sound cards"),
];

/// Paths of /proc that programs read and nobody inside may write.
pub(crate) const READ_ONLY: &[(&str, &str)] = &[
    ("root/proc/sys", "settings of the kernel"),
    ("root/proc/irq", "where interrupts go"),
    ("root/proc/bus", "devices of the machine"),
    ("root/proc/fs", "settings of file systems"),
];

fn step(action: Action, reason: &'static str) -> Step {
    Step { action, reason, defence: None }
}

fn wall(defence: Defence, action: Action, reason: &'static str) -> Step {
    Step { action, reason, defence: Some(defence) }
}

/// Groups first: whatever is allocated from here on is charged to the sandbox.
pub(super) fn groups(shape: &Shape<'_>) -> Vec<Step> {
    let mut steps = Vec::new();
    if shape.layer != LayerShape::SavedMemory {
        steps.push(step(
            Action::EnterAgentGroups,
            "a process moves itself in microseconds while it has one thread",
        ));
    } else {
        steps.push(step(
            Action::EnterWorkGroups,
            "the saved layer's memory is charged to the work that wrote it",
        ));
    }
    steps
}

/// The stage, and the trees from which the root is stacked.
pub(super) fn layers(shape: &Shape<'_>, without: &Without) -> Vec<Step> {
    let limits = shape.limits;
    let bytes = if without.keeps(Defence::DiskLimit) { limits.disk_bytes } else { 0 };
    let inodes = if without.keeps(Defence::InodeLimit) { limits.inodes } else { 0 };
    let scratch = if without.keeps(Defence::DiskLimit) { limits.memory_bytes / 2 } else { 0 };
    let mut steps = vec![
        step(Action::PrivateMounts, "a later mount of the host's must not show up inside"),
        step(Action::CloneTrees, "the stage may cover the paths of those that have one"),
        step(
            Action::Stage { bytes: scratch, inodes },
            "/tmp and /dev/shm: half the memory, so that a full one is an error and no kill",
        ),
    ];
    match shape.layer {
        LayerShape::NewDisk | LayerShape::OldDisk => {
            steps.push(step(Action::DiskLayer, "the layer outlives the sandbox"))
        }
        LayerShape::NewMemory => {
            steps.push(step(Action::MemoryLayer { bytes, inodes }, "its size is the disk limit"));
        }
        LayerShape::SavedMemory => steps.extend([
            step(Action::MemoryLayer { bytes, inodes }, "its size is the disk limit"),
            step(Action::RestoreLayer, "the sandbox goes on from where it was stopped"),
            step(Action::ReturnToAgentGroups, "the agent's own use is apart from the work's"),
        ]),
    }
    steps.push(wall(
        Defence::CgroupNamespace,
        Action::OwnCgroupNamespace,
        "after the groups, or /proc/self/cgroup shows the host's path",
    ));
    if shape.ids == IdShape::Single || !without.keeps(Defence::NetworkOwner) {
        steps.push(wall(
            Defence::NetworkNamespace,
            Action::RaiseLoopback,
            "the network namespace is the sandbox's own and comes with nothing up",
        ));
    }
    steps.push(step(Action::Attach { name: "lower" }, "the image, shared and read-only"));
    if shape.image == ImageShape::Host {
        steps.push(step(Action::Attach { name: "usr-mask" }, "hides what not everybody may read"));
        steps.push(step(Action::Attach { name: "usr" }, "the host's programs, read-only"));
    }
    steps
}

/// The root and what is mounted in it.
pub(super) fn root(shape: &Shape<'_>, without: &Without) -> Vec<Step> {
    let sealed = flags(NOSUID | NODEV, without);
    let mut steps = vec![step(
        Action::Overlay(Overlay {
            at: "root",
            lowers: "lower",
            upper: Some(("layer/upper", "layer/work")),
            flags: sealed,
        }),
        "set-id bits and devices mean nothing; the flags count on the overlay, not on its layers",
    )];
    if shape.image == ImageShape::Host {
        let (lowers, upper) = match (shape.ids, without.keeps(Defence::HiddenUsr)) {
            (IdShape::Range, true) => ("usr-mask:usr", Some(("layer/usr-upper", "layer/usr-work"))),
            (IdShape::Range, false) => ("usr", Some(("layer/usr-upper", "layer/usr-work"))),
            // A single id cannot copy up files of the host's root: EACCES. An overlay without
            // upper needs two lowers.
            (IdShape::Single, _) => ("usr-mask:usr", None),
        };
        steps.push(step(
            Action::Overlay(Overlay { at: "root/usr", lowers, upper, flags: sealed }),
            "an overlay does not look below a mount in its lower, so /usr is one of its own",
        ));
    }
    if shape.image == ImageShape::Imported {
        for at in ["root/proc", "root/dev", "root/tmp", "root/workspace"] {
            steps.push(step(Action::Folder { at }, "an imported image may lack it"));
        }
        if shape.layer.is_new() {
            steps.push(step(
                Action::File { at: ("root/etc", "resolv.conf"), content: RESOLVER },
                "an image cannot know where to ask for names; once only, so that a change stays",
            ));
        }
    }
    steps
}

/// What the kernel and the host give.
pub(super) fn inside(without: &Without) -> Vec<Step> {
    let sealed = flags(NOSUID | NODEV, without);
    let kernel = |kind, at, options| Action::Kernel { kind, at, options };
    let proc = if without.keeps(Defence::PidNamespace) {
        step(kernel("proc", "root/proc", vec![]), "shows the own pid namespace only")
    } else {
        step(Action::HostProc, "a new one would need a pid namespace")
    };
    let mut steps = vec![
        proc,
        step(
            Action::Bind { from: "dev", at: "root/dev", flags: NOSUID | NOEXEC },
            "devices are bound below it, so it alone cannot be nodev",
        ),
    ];
    for (name, reason) in DEVICES {
        steps.push(step(Action::Device { name }, reason));
    }
    for (at, target) in DEVICE_LINKS {
        steps.push(step(Action::Link { at, target }, "programs expect it"));
    }
    let mut terminals = vec![("ptmxmode", "0666"), ("mode", "0620")];
    if without.keeps(Defence::Terminals) {
        terminals.push(("max", MOST_TERMINALS));
    }
    steps.extend([
        step(
            kernel("devpts", "root/dev/pts", terminals),
            "terminals of its own, few enough that no sandbox takes all that the machine has",
        ),
        step(
            Action::Bind { from: "shm", at: "root/dev/shm", flags: sealed | NOEXEC },
            "shared memory, from the stage's size",
        ),
        step(
            Action::Bind { from: "tmp", at: "root/tmp", flags: sealed },
            "temporary files, gone at stop",
        ),
        wall(
            Defence::IpcNamespace,
            kernel("mqueue", "root/dev/mqueue", vec![]),
            "message queues of the own namespace",
        ),
    ]);
    let covered =
        COVERED.iter().map(|(at, reason)| wall(Defence::MaskedPaths, Action::Cover { at }, reason));
    steps.extend(covered);
    let read_only = READ_ONLY
        .iter()
        .map(|(at, reason)| wall(Defence::ReadOnlyProc, Action::ReadOnly { at }, reason));
    steps.extend(read_only);
    steps
}

/// The volumes, after all that they must not cover.
pub(super) fn volumes(shape: &Shape<'_>) -> Vec<Step> {
    let mount = |(number, mount): (usize, &Mount)| {
        let at = format!("root/{}", mount.path);
        step(Action::Volume { number, at }, "the sandbox was asked for with it")
    };
    shape.volumes.iter().enumerate().map(mount).collect()
}

/// Into the root, which is whole.
pub(super) fn entry() -> Vec<Step> {
    vec![
        step(Action::EnterRoot, "pivot_root: chroot could be left"),
        wall(Defence::OldRoot, Action::DropOldRoot, "a covered root could be uncovered"),
    ]
}

/// What holds the program that comes next.
pub(super) fn walls(shape: &Shape<'_>) -> Vec<Step> {
    let limits = shape.limits;
    let limit = |resource, value| Action::Limit { resource, value };
    let mut steps = vec![
        wall(
            Defence::OpenFiles,
            // The agent itself needs some; it gives its commands the exact number.
            limit(Limited::OpenFiles, u64::from(limits.open_files.max(1_024))),
            "descriptors are kernel memory",
        ),
        step(limit(Limited::Core, 0), "a core file would go through the host's core pattern"),
        step(limit(Limited::LockedMemory, 8 << 20), "locked memory cannot be reclaimed"),
        step(limit(Limited::MessageQueues, 819_200), "queues are kernel memory"),
    ];
    if shape.ids == IdShape::Single {
        steps.push(wall(
            Defence::PidsLimit,
            limit(Limited::Processes, u64::from(limits.pids)),
            "the only count of processes where no group counts them",
        ));
    }
    steps.extend([
        wall(
            Defence::NoNewPrivs,
            Action::NoNewPrivileges,
            "no program gains anything by being started; the filters below need it too",
        ),
        wall(
            Defence::Capabilities,
            Action::BoundingSet,
            "while the right to drop is still there; what is dropped never comes back",
        ),
        wall(
            Defence::Landlock,
            Action::Landlock,
            "a tree that is reached by a way around the mounts still cannot be opened",
        ),
        wall(
            Defence::UtsNamespace,
            Action::Hostname,
            "the host's name is nobody's business; one that is not known yet the launcher sets",
        ),
        wall(
            Defence::Seccomp,
            Action::Seccomp,
            "the kernel's doors that sandboxes do not need are shut",
        ),
        wall(
            Defence::Capabilities,
            Action::Capabilities,
            "after the filters, which root of the namespace may set without more ado",
        ),
        wall(
            Defence::Descriptors,
            Action::CloseDescriptors,
            "an open descriptor of the host's is a way out",
        ),
        wall(
            Defence::Environment,
            Action::ClearEnvironment,
            "the host's variables tell of its paths, and may hold keys",
        ),
    ]);
    steps
}
