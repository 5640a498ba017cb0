//! One word for each wall, so that an attack can name the wall that stops it.
//!
//! A build with the feature `weaken` leaves out the walls named in `INFIELD_WITHOUT`, and attack
//! tests use it to prove that each attack would succeed without its wall. In every other build
//! [`Without`] is empty and nothing can fill it.

use std::collections::BTreeSet;

macro_rules! defences {
    ($($(#[$doc:meta])* $variant:ident = $word:literal,)*) => {
        /// A wall that can be named.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Defence {
            $($(#[$doc])* $variant,)*
        }

        impl Defence {
            /// Every wall.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The word that names it.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }
        }
    };
}

defences! {
    /// The system call lists.
    Seccomp = "seccomp",
    /// No program gains privilege by being started.
    NoNewPrivs = "no_new_privs",
    /// The nine capabilities, instead of all of them.
    Capabilities = "capabilities",
    /// A pid namespace.
    PidNamespace = "pid_namespace",
    /// A network namespace.
    NetworkNamespace = "network_namespace",
    /// A namespace for System V and POSIX IPC.
    IpcNamespace = "ipc_namespace",
    /// A namespace for the host name.
    UtsNamespace = "uts_namespace",
    /// A cgroup namespace.
    CgroupNamespace = "cgroup_namespace",
    /// Parts of /proc that are covered.
    MaskedPaths = "masked_paths",
    /// Parts of /proc that are read-only.
    ReadOnlyProc = "read_only_proc",
    /// Set-id bits mean nothing.
    Nosuid = "nosuid",
    /// Device files mean nothing.
    Nodev = "nodev",
    /// Landlock rules.
    Landlock = "landlock",
    /// The memory limit.
    MemoryLimit = "memory_limit",
    /// The limit of processes and threads.
    PidsLimit = "pids_limit",
    /// The processor limit.
    CpuLimit = "cpu_limit",
    /// The size of the writable layer.
    DiskLimit = "disk_limit",
    /// The number of files of the writable layer.
    InodeLimit = "inode_limit",
    /// The limit of open files.
    OpenFiles = "open_files",
    /// Descriptors that are not meant for the sandbox are closed.
    Descriptors = "descriptors",
    /// The old root is gone, not only covered.
    OldRoot = "old_root",
    /// What of the host's /usr is hidden.
    HiddenUsr = "hidden_usr",
    /// The agent cannot be traced (kept by the agent, which is told).
    Dumpable = "dumpable",
    /// The environment is built from nothing (kept by the agent too, which is told).
    Environment = "environment",
    /// A sandbox is reached by members of a network that it is in. The network process has the same
    /// wall.
    Members = "members",
    /// Paths stay beneath the data directory.
    Beneath = "beneath",
    /// The launcher checks each field of each request.
    RequestChecks = "request_checks",
    /// Each sandbox has ids of its own.
    IdRange = "id_range",
    /// The limit of terminals, of which the whole machine has some thousand.
    Terminals = "terminals",
    /// A command's kept output is bounded (kept by the agent, which is told).
    KeptOutput = "kept_output",
    /// What a sandbox's tree may not bring to a folder of the host's is left out.
    Landing = "landing",
    /// Each sandbox's user namespace belongs to an id of its own.
    NamespaceOwner = "namespace_owner",
    /// The network namespace belongs to the host's user namespace.
    NetworkOwner = "network_owner",
    /// Addresses that are nobody's do not answer an echo request.
    Echo = "echo",
    /// The launcher keeps a duplicate of each socket that it handed out.
    Duplicates = "duplicates",
    /// The policy of the sandbox's record is what the network process is told (kept by the daemon).
    Policy = "policy",
}

/// The walls that this process leaves out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Without(BTreeSet<Defence>);

impl Without {
    /// Leaves out nothing.
    pub fn nothing() -> Self {
        Self::default()
    }

    /// Reads `INFIELD_WITHOUT`, words with commas between them.
    #[cfg(feature = "weaken")]
    pub fn from_environment() -> Self {
        let words = std::env::var("INFIELD_WITHOUT").unwrap_or_default();
        let named = |defence: &&Defence| words.split(',').any(|word| word == defence.as_str());
        Self(Defence::ALL.iter().filter(named).copied().collect())
    }

    /// Leaves out nothing: this build cannot be weakened.
    #[cfg(not(feature = "weaken"))]
    pub fn from_environment() -> Self {
        Self::default()
    }

    /// Whether `defence` is kept.
    pub fn keeps(&self, defence: Defence) -> bool {
        !self.0.contains(&defence)
    }

    /// The words that the agent is told, with commas between them.
    pub(crate) fn words(&self) -> String {
        self.0.iter().map(|defence| defence.as_str()).collect::<Vec<_>>().join(",")
    }
}
