//! What the daemon may ask of the launcher: a closed set, and every field of it is checked again
//! on this side, because the daemon parses foreign bytes and may have been taken over.
//!
//! One message is one packet of a `SOCK_SEQPACKET` socket pair: a postcard-encoded [`Packet`],
//! at most [`PACKET_BYTES`] long. A request has at most one descriptor, an answer at most
//! [`PACKET_DESCRIPTORS`]. Answers carry the number of their request and may come in another order,
//! because long work goes on in a process of its own.

use serde::{Deserialize, Serialize};

/// Bytes of one packet at most.
pub const PACKET_BYTES: usize = 64 << 10;

/// Descriptors of one packet at most.
pub const PACKET_DESCRIPTORS: usize = 4;

/// Ids in each sandbox's range, and in the image store's.
pub const RANGE_IDS: u32 = 65_536;

/// One message with the number that pairs question and answer.
#[derive(Debug, Serialize, Deserialize)]
pub struct Packet<T> {
    /// Chosen by the asker.
    pub number: u64,
    /// The message.
    pub body: T,
}

/// What the launcher does.
#[derive(Debug, Serialize, Deserialize)]
pub enum Request {
    /// Looks at what this host can enforce. Answer: [`Answer::Host`].
    Probe,
    /// Makes a sandbox and starts it, or starts it again from its saved layer. Repeating it for
    /// one that runs gives the same answer. Answer: [`Answer::Started`].
    Start(Start),
    /// Ends every process of a sandbox, saves a memory layer to disk, and removes its cgroups.
    /// Answer: [`Answer::Done`].
    Stop {
        /// Which.
        sandbox: String,
    },
    /// Holds every process of a sandbox that runs, or none. Answer: [`Answer::Done`].
    Pause {
        /// Which.
        sandbox: String,
    },
    /// Lets every process of a sandbox go on. Answer: [`Answer::Done`].
    Resume {
        /// Which.
        sandbox: String,
    },
    /// Gives a sandbox that runs other limits: memory, processor time and processes. Refused
    /// where more is in use. Answer: [`Answer::Done`].
    Resize {
        /// Which.
        sandbox: String,
        /// All of its limits; those that only a start can set are as before.
        limits: Limits,
    },
    /// Removes all that there is of a sandbox, in whatever condition. Answer: [`Answer::Done`].
    Remove {
        /// Which.
        sandbox: String,
    },
    /// The descriptors of a sandbox that runs. One that an earlier launcher started gets new wires.
    /// Answer: [`Answer::Started`].
    Watch {
        /// Which.
        sandbox: String,
    },
    /// What a sandbox uses. Answer: [`Answer::Usage`].
    Measure {
        /// Which.
        sandbox: String,
    },
    /// All that there is on disk and in the process table. Answer: [`Answer::Inventory`],
    /// several with `more` set when one packet is too small.
    Inventory {
        /// This sandbox alone; an answer without sandboxes when there is nothing of it.
        only: Option<String>,
    },
    /// Unpacks the tar stream of the descriptor that comes along, as an unprivileged process.
    /// Answer: [`Answer::Imported`].
    ImportImage {
        /// The image's name, checked like a file name without slashes.
        image: String,
        /// Uncompressed bytes at most.
        limit_bytes: u64,
        /// Entries at most.
        limit_entries: u64,
        /// When, in milliseconds since the epoch; kept with the image.
        created_at: u64,
    },
    /// Removes an image. Answer: [`Answer::Done`].
    RemoveImage {
        /// Which.
        image: String,
    },
    /// Makes the folder of a volume, unless it is there. Answer: [`Answer::Volume`].
    MakeVolume {
        /// Its id, like a sandbox's.
        volume: String,
        /// What it may hold.
        limits: VolumeLimits,
    },
    /// Counts what a volume holds. Answer: [`Answer::Usage`].
    MeasureVolume {
        /// Which.
        volume: String,
    },
    /// Removes a volume that no sandbox has, with all that is in it. Answer: [`Answer::Done`].
    RemoveVolume {
        /// Which.
        volume: String,
    },
}

/// What a volume may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumeLimits {
    /// Bytes.
    pub bytes: u64,
    /// Files and folders.
    pub inodes: u64,
}

/// A volume that a sandbox is to have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mount {
    /// Which.
    pub volume: String,
    /// Where: a plain path from the sandbox's root, without `/` at its begin.
    pub path: String,
    /// The folder of it, a plain path from the volume's root; all of it when this is empty. It is
    /// made when it is missing.
    pub subpath: String,
}

/// What there is of one volume.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumeReport {
    /// Its id.
    pub volume: String,
    /// What it may hold.
    pub limits: VolumeLimits,
    /// What holds it to that, by the words of [`Enforced`].
    pub mechanism: String,
}

/// A sandbox to make or start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// Its id: 1 to 40 of `a-z`, `0-9` and `-`.
    pub sandbox: String,
    /// `host`, or the name of an imported image.
    pub image: String,
    /// The name that the sandbox sees as its own: 1 to 63 letters, digits, `-`, `_`, `.`.
    pub hostname: String,
    /// Where the writable layer is while it runs.
    pub layer: LayerPlace,
    /// What it may use.
    pub limits: Limits,
    /// What its network is.
    pub network: Network,
    /// The volumes that it has; it does not start without one of them.
    pub volumes: Vec<Mount>,
    /// Controls, by their words in [`Enforced`], without which it must not start.
    pub require: Vec<String>,
}

/// Where a writable layer is while its sandbox runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LayerPlace {
    /// On a tmpfs of the sandbox's own; [`Request::Stop`] writes it to disk.
    Memory,
    /// On disk.
    Disk,
}

/// What a sandbox's network is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Network {
    /// Its own loopback interface, and nothing else.
    Loopback,
    /// Whatever it connects to lands in a socket that the network process accepts from. On a host
    /// that cannot do that it is [`Network::Proxied`].
    Wired,
    /// Its own loopback interface, and on that a proxy that the network process serves.
    Proxied,
}

/// Ceilings of one sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Memory of the work, bytes.
    pub memory_bytes: u64,
    /// Thousandths of a processor.
    pub cpu_millis: u32,
    /// Processes and threads of the work.
    pub pids: u32,
    /// Bytes of the writable layer.
    pub disk_bytes: u64,
    /// Files of the writable layer.
    pub inodes: u64,
    /// Open files of each process.
    pub open_files: u32,
}

/// What the launcher answers.
#[derive(Debug, Serialize, Deserialize)]
pub enum Answer {
    /// It is done.
    Done,
    /// The sandbox runs. A pidfd of its first process comes along; for a wired one two more, the
    /// TCP socket that gets its connections and the UDP socket that gets its questions for names; for
    /// a proxied one the former, unless somebody still has that of an earlier launcher. Neither
    /// blocks, and the launcher keeps both until the sandbox ends.
    Started(Started),
    /// The wires of a sandbox that is on its way, as in [`Answer::Started`], which follows with
    /// the same number. Nothing leaves the sandbox before somebody serves them.
    Wired,
    /// What this host can enforce.
    Host(HostReport),
    /// What a sandbox uses.
    Usage(Usage),
    /// The volume is there.
    Volume(VolumeReport),
    /// Part of what there is.
    Inventory {
        /// Sandboxes.
        sandboxes: Vec<Found>,
        /// Imported images.
        images: Vec<ImageReport>,
        /// Volumes.
        volumes: Vec<VolumeReport>,
        /// Whether another answer with the same number follows.
        more: bool,
    },
    /// The image is in the store.
    Imported(ImageReport),
    /// It was refused or failed; nothing is left of the attempt.
    Failed(Failure),
}

/// A sandbox that runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Started {
    /// Its first process, in the launcher's pid namespace.
    pub pid: u32,
    /// What enforces each control.
    pub enforced: Vec<Enforced>,
    /// What it was started with.
    pub limits: Limits,
    /// What its network is, and with it which descriptors come along.
    pub network: Network,
    /// The volumes that it has.
    pub volumes: Vec<VolumeReport>,
}

/// One control and what enforces it, as words that the domain's enums share: control `memory`,
/// `pids`, `cpu`, `disk`, `inodes`, `open_files`, `user_namespace`, `id_range`, `network`,
/// `egress`, `seccomp`, `landlock`, `atomic_kill`; mechanism `cgroup_v2`, `cgroup_v1`, `rlimit`,
/// `tmpfs`, `sampled`, `kernel`, `sk_lookup`, `none`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enforced {
    /// The control's word.
    pub control: String,
    /// The mechanism's word.
    pub mechanism: String,
}

/// What the launcher found of one sandbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// Its id.
    pub sandbox: String,
    /// The first process, when it runs.
    pub running: Option<Started>,
    /// Whether its processes are held.
    pub paused: bool,
    /// Whether a complete writable layer is on disk.
    pub layer: bool,
    /// How it ended, when the launcher saw it or the cgroup tells: `exit`, `out_of_memory`,
    /// `killed`, `host_restart`, with a sentence.
    pub ended: Option<(String, String)>,
}

/// What the store has of one image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageReport {
    /// Its name.
    pub image: String,
    /// Bytes on disk.
    pub size_bytes: u64,
    /// Files and folders.
    pub files: u64,
    /// When it was imported, as the request said.
    pub created_at: u64,
    /// What was left out, a line for each kind.
    pub left_out: Vec<String>,
}

/// What a sandbox uses; none where nothing counts it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Memory of the work, bytes.
    pub memory_bytes: Option<u64>,
    /// Processor time, microseconds.
    pub cpu_us: Option<u64>,
    /// Processes and threads.
    pub pids: Option<u32>,
    /// Bytes of the writable layer.
    pub disk_bytes: Option<u64>,
    /// Files of the writable layer.
    pub inodes: Option<u64>,
}

/// What this host can enforce.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostReport {
    /// Whether the launcher has root's privileges.
    pub privileged: bool,
    /// How each control would hold.
    pub enforced: Vec<Enforced>,
    /// Each thing that was looked at.
    pub checks: Vec<CheckReport>,
    /// How many sandboxes fit, by what runs out.
    pub ceilings: Vec<(String, u64)>,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckReport {
    /// A short name.
    pub name: String,
    /// `good`, `weak` or `broken`.
    pub verdict: String,
    /// What was seen.
    pub found: String,
    /// One action that mends it.
    pub mend: Option<String>,
}

/// Why something was not done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What a caller can act on.
    pub kind: FailureKind,
    /// The step, such as `mount overlay`, and what is wrong, for the log and for people.
    pub message: String,
    /// The kernel's error number, when it was the kernel that refused.
    pub errno: Option<i32>,
    /// One action that mends it.
    pub hint: Option<String>,
}

/// Kinds of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FailureKind {
    /// There is no such sandbox, image or volume.
    NotFound,
    /// The request is malformed or names what it may not.
    Refused,
    /// The host cannot do it.
    Unsupported,
    /// A ceiling of the host is reached.
    Full,
    /// It is not done yet; asking again goes on with it.
    Late,
    /// The kernel said no.
    Kernel,
}
