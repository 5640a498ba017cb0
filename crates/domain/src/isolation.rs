//! What stands between a sandbox and the host, and what really enforces it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A limit or a wall that a host may or may not be able to enforce.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Control {
    /// Memory of the work.
    Memory,
    /// Processes and threads.
    Pids,
    /// Processor time.
    Cpu,
    /// Bytes of the writable layer.
    Disk,
    /// Files of the writable layer.
    Inodes,
    /// Open files of a process.
    OpenFiles,
    /// A user namespace.
    UserNamespace,
    /// A range of 65,536 ids that no other sandbox has.
    IdRange,
    /// A network namespace without a way out.
    Network,
    /// Nothing leaves the sandbox but what its network policy lets through.
    Egress,
    /// The system call allow-list.
    Seccomp,
    /// Landlock rules on top of the mounts.
    Landlock,
    /// One write that ends every process.
    AtomicKill,
}

impl Control {
    /// Every control, in the order in which reports show them.
    pub const ALL: [Self; 13] = [
        Self::Memory,
        Self::Pids,
        Self::Cpu,
        Self::Disk,
        Self::Inodes,
        Self::OpenFiles,
        Self::UserNamespace,
        Self::IdRange,
        Self::Network,
        Self::Egress,
        Self::Seccomp,
        Self::Landlock,
        Self::AtomicKill,
    ];

    /// The word that policies and reports use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Pids => "pids",
            Self::Cpu => "cpu",
            Self::Disk => "disk",
            Self::Inodes => "inodes",
            Self::OpenFiles => "open_files",
            Self::UserNamespace => "user_namespace",
            Self::IdRange => "id_range",
            Self::Network => "network",
            Self::Egress => "egress",
            Self::Seccomp => "seccomp",
            Self::Landlock => "landlock",
            Self::AtomicKill => "atomic_kill",
        }
    }
}

/// What enforces a control.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mechanism {
    /// A cgroup of the unified tree.
    CgroupV2,
    /// A cgroup of an old controller tree.
    CgroupV1,
    /// A resource limit of each process, which a process may share out anew by forking.
    Rlimit,
    /// The size of a tmpfs.
    Tmpfs,
    /// The host looks now and then and stops the sandbox.
    Sampled,
    /// The kernel itself, by the namespace or filter that is named.
    Kernel,
    /// A program in the kernel that gives every connection to the network process.
    SkLookup,
    /// A namespace with nothing in it but a proxy of the network process.
    Proxy,
    /// Nothing.
    None,
}

/// How each control holds for one sandbox, or would hold on one host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Enforcement(pub BTreeMap<Control, Mechanism>);

impl Enforcement {
    /// The controls among `required` that nothing enforces.
    pub fn missing(&self, required: &[Control]) -> Vec<Control> {
        let held =
            |control: &&Control| !matches!(self.0.get(control), None | Some(Mechanism::None));
        required.iter().filter(|control| !held(control)).copied().collect()
    }

    /// Whether the network is reached through a proxy alone.
    pub fn is_proxied(&self) -> bool {
        self.0.get(&Control::Egress) == Some(&Mechanism::Proxy)
    }
}

/// One thing a host can or cannot do, for `infield doctor`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// A short name, such as `user namespaces`.
    pub name: String,
    /// Whether it holds.
    pub verdict: Verdict,
    /// What was seen.
    pub found: String,
    /// What to do about a gap: one action.
    pub mend: Option<String>,
}

/// How grave a gap is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It holds.
    Good,
    /// Sandboxes start, and something is weaker; reports say what.
    Weak,
    /// No sandbox can start.
    Broken,
}

/// What this host can enforce, and how many sandboxes it can hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// Whether isolation is done with root's privileges.
    pub privileged: bool,
    /// How each control would hold for a sandbox of the default shape.
    pub enforcement: Enforcement,
    /// Each thing that was looked at.
    pub checks: Vec<Check>,
    /// How many sandboxes fit, by what runs out: ids, descriptors, pids.
    pub ceilings: BTreeMap<String, u64>,
}
