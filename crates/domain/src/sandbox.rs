//! What a sandbox is: what was asked for, and what is recorded of it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::isolation::{Control, Enforcement};
use crate::language::Language;
use crate::lifecycle::{Cause, State};
use crate::network::{Allowance, Membership, Policy, Terms, Traffic};
use crate::preview::Previews;
use crate::secret::Grant;
use crate::volume::VolumeMount;
use crate::{Error, GuestPath, ImageName, NetworkName, Result, SandboxId, SandboxName};

/// A moment, in milliseconds since the Unix epoch.
pub type Millis = u64;

/// Where work starts when nobody says otherwise.
pub const WORKING_DIRECTORY: &str = "/workspace";

/// Everything that defines a sandbox and is carried through every start of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    /// Unique among living sandboxes.
    pub name: SandboxName,
    /// The root file system.
    pub image: ImageName,
    /// What `execute_code` runs when nobody says otherwise.
    pub language: Language,
    /// The user inside that commands run as.
    pub user: String,
    /// Where commands start.
    pub working_directory: GuestPath,
    /// Variables of every command. Values never appear in an answer or a log.
    pub environment: BTreeMap<String, String>,
    /// Free words of the owner.
    pub labels: BTreeMap<String, String>,
    /// How long it lives and where its writable layer is.
    pub retention: Retention,
    /// What it may use.
    pub resources: Resources,
    /// What it may reach.
    pub network: Policy,
    /// The named networks of its owner that it is in.
    #[serde(default)]
    pub networks: BTreeSet<NetworkName>,
    /// The secrets that it can use; their values are never part of it.
    #[serde(default)]
    pub secrets: Vec<Grant>,
    /// The shared folders that it has.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<VolumeMount>,
    /// Who may visit its ports.
    #[serde(default)]
    pub previews: Previews,
    /// How much its network may carry.
    #[serde(default = "Allowance::of_old_records")]
    pub allowance: Allowance,
    /// Limits and walls without which it must not start.
    pub require: Vec<Control>,
}

/// How long a sandbox lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retention {
    /// A persistent sandbox keeps its layer on disk; a temporary one in memory while it runs.
    pub persistent: bool,
    /// Stops after this long without work, in milliseconds. Running work is not idle.
    pub stop_after_idle_ms: Option<u64>,
    /// Is paused after this long without work, in milliseconds, in place of being stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause_after_idle_ms: Option<u64>,
    /// Is deleted this long after it stopped, in milliseconds.
    pub delete_after_stop_ms: Option<u64>,
    /// Is put away this long after it stopped, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archive_after_stop_ms: Option<u64>,
    /// Is deleted this long after it was made, in milliseconds, whatever it does.
    pub time_to_live_ms: Option<u64>,
}

impl Retention {
    /// Kept until somebody deletes it.
    pub const PERSISTENT: Self = Self {
        persistent: true,
        stop_after_idle_ms: None,
        pause_after_idle_ms: None,
        delete_after_stop_ms: None,
        archive_after_stop_ms: None,
        time_to_live_ms: None,
    };

    /// Stopped after 30 idle minutes, deleted a day after that.
    pub const TEMPORARY: Self = Self {
        persistent: false,
        stop_after_idle_ms: Some(30 * 60_000),
        pause_after_idle_ms: None,
        delete_after_stop_ms: Some(24 * 3_600_000),
        archive_after_stop_ms: None,
        time_to_live_ms: None,
    };
}

/// What a sandbox may use. Every field is a hard ceiling where the host can enforce it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resources {
    /// Memory of the work, in bytes; a temporary sandbox's files count too.
    pub memory_bytes: u64,
    /// Processor time, in thousandths of one processor.
    pub cpu_millis: u32,
    /// Processes and threads.
    pub pids: u32,
    /// Bytes of the writable layer.
    pub disk_bytes: u64,
    /// Files and folders of the writable layer.
    pub inodes: u64,
    /// Open files of each process.
    pub open_files: u32,
}

impl Retention {
    /// Refuses what contradicts itself.
    pub fn check(&self) -> Result<()> {
        if self.stop_after_idle_ms.is_some() && self.pause_after_idle_ms.is_some() {
            return Err(Error::invalid("an idle sandbox is stopped or paused, not both")
                .with_hint("set one of both intervals to 0"));
        }
        Ok(())
    }
}

impl Resources {
    /// What a sandbox gets when nobody says otherwise.
    pub const DEFAULT: Self = Self {
        memory_bytes: 2 << 30,
        cpu_millis: 2_000,
        pids: 512,
        disk_bytes: 3 << 30,
        inodes: 500_000,
        open_files: 4_096,
    };

    /// Refuses what no sandbox can live in.
    pub fn check(&self) -> Result<()> {
        let checks = [
            (self.memory_bytes >= 16 << 20, "memory", "16 MiB or more"),
            (self.memory_bytes <= 1 << 44, "memory", "16 TiB or less"),
            ((10..=1_024_000).contains(&self.cpu_millis), "cpus", "0.01 to 1024"),
            ((4..=1_000_000).contains(&self.pids), "pids", "4 to 1,000,000"),
            (self.disk_bytes >= 1 << 20, "disk", "1 MiB or more"),
            (self.inodes >= 64, "inodes", "64 or more"),
            ((64..=1_048_576).contains(&self.open_files), "open files", "64 to 1,048,576"),
        ];
        match checks.iter().find(|(fits, _, _)| !fits) {
            None => Ok(()),
            Some((_, what, range)) => {
                Err(Error::invalid(format!("the limit `{what}` is out of range"))
                    .with_hint(format!("choose {range}")))
            }
        }
    }
}

/// What infield keeps of a sandbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sandbox {
    /// Its identity, for ever.
    pub id: SandboxId,
    /// Who made it.
    pub owner: String,
    /// Makes creation repeatable: the same key and owner give the same sandbox.
    pub request_key: Option<String>,
    /// What was asked for.
    pub spec: Spec,
    /// Where it stands.
    pub state: State,
    /// Why it last stopped, failed or went.
    pub cause: Option<Cause>,
    /// The provider that has it.
    pub provider: String,
    /// How each limit and wall is enforced, as of the last start.
    pub enforcement: Option<Enforcement>,
    /// When it was made.
    pub created_at: Millis,
    /// When it last changed state.
    pub changed_at: Millis,
    /// When it last worked for somebody.
    pub active_at: Millis,
}

impl Sandbox {
    /// What its network is held to, where it has moved so much before.
    pub fn terms(&self, before: Traffic) -> Terms {
        let Spec { name, network, networks, allowance, .. } = &self.spec;
        let (owner, name, networks) = (self.owner.clone(), name.clone(), networks.clone());
        let membership = Membership { owner, name, networks };
        Terms { policy: network.clone(), allowance: *allowance, membership, before }
    }

    /// When its time to live ends, if it has one.
    pub fn expires_at(&self) -> Option<Millis> {
        self.spec.retention.time_to_live_ms.map(|ttl| self.created_at.saturating_add(ttl))
    }

    /// Whether its network is reached through a proxy alone, as it runs or ran last.
    pub fn is_proxied(&self) -> bool {
        self.enforcement.as_ref().is_some_and(Enforcement::is_proxied)
    }
}

/// What a running sandbox uses now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Memory of the work, in bytes.
    pub memory_bytes: Option<u64>,
    /// Processor time since the start, in microseconds.
    pub cpu_us: Option<u64>,
    /// Processes and threads.
    pub pids: Option<u32>,
    /// Bytes of the writable layer.
    pub disk_bytes: Option<u64>,
    /// Files of the writable layer.
    pub inodes: Option<u64>,
}
