//! Sandboxes: made, listed, looked at.

use std::collections::BTreeMap;

use infield_domain::command::Execution;
use infield_domain::isolation::Enforcement;
use infield_domain::lifecycle::{Cause, State};
use infield_domain::network::{Connection, Traffic};
use infield_domain::sandbox::Usage;
use serde::{Deserialize, Serialize};

use super::{Millis, VolumeMount};

/// Stands for every value of an environment variable in answers.
pub const MASK: &str = "***";

/// `POST /v1/sandboxes`, and the `sandbox` part of `POST /v1/run`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CreateSandbox {
    /// Unique among living sandboxes; one is made up when missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The root file system; `host` when missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// What code runs as when nobody says otherwise; `python` when missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// The user inside; `root` when missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Where commands start; `/workspace` when missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub working_directory: Option<String>,
    /// Variables of every command. Answers mask the values.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub environment: BTreeMap<String, String>,
    /// Free words of the owner.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Keeps the files on disk and the sandbox until somebody deletes it.
    pub persistent: bool,
    /// Stops it after this long without work; 0 for never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_after_idle_ms: Option<u64>,
    /// Deletes it this long after it stopped; 0 for never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delete_after_stop_ms: Option<u64>,
    /// Deletes it this long after it was made, whatever it does; 0 for never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_to_live_ms: Option<u64>,
    /// What it may use.
    #[serde(skip_serializing_if = "ResourceWishes::is_empty")]
    pub resources: ResourceWishes,
    /// What it may reach: `none`, `limited` or `public`; the server's setting when missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
    /// What it may reach besides, such as `pypi.org:443` or `10.1.2.3:5432`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<String>,
    /// What it may not reach in any case.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub deny: Vec<String>,
    /// Named networks of its owner that it is in, whose members reach each other by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub join: Vec<String>,
    /// Secrets that it can use: `NAME`, or `NAME=VARIABLE` for another variable than its name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<String>,
    /// The volumes that it has.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<VolumeMount>,
    /// How much its network may carry.
    #[serde(skip_serializing_if = "NetworkLimits::is_empty")]
    pub network_limits: NetworkLimits,
    /// Limits and walls without which it must not start, such as `memory` or `seccomp`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub require: Vec<String>,
    /// A git repository to bring in at the start; needs a network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub git_repo: Option<String>,
    /// The branch of `git_repo`; the remote's own choice when missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub git_branch: Option<String>,
    /// Makes creation repeatable: the same key of the same owner gives the same sandbox.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_key: Option<String>,
}

/// What a sandbox may use; the default is what it gets for a missing field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ResourceWishes {
    /// Memory of the work.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// Processor time, in thousandths of one processor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_millis: Option<u32>,
    /// Processes and threads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pids: Option<u32>,
    /// Bytes of the writable layer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk_bytes: Option<u64>,
    /// Files and folders of the writable layer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inodes: Option<u64>,
    /// Open files of each process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open_files: Option<u32>,
}

impl ResourceWishes {
    /// Whether nothing is wished.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// How much a sandbox's network may carry, and `PUT /v1/sandboxes/{ref}/network/limits`. A missing
/// field leaves what there is: at first the server's settings. 0 bytes are no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NetworkLimits {
    /// Connections at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connections: Option<u32>,
    /// Bytes a second, both ways together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_per_second: Option<u64>,
    /// Bytes since the sandbox was made, both ways together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_bytes: Option<u64>,
}

impl NetworkLimits {
    /// Whether nothing is wished.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The query of `GET /v1/sandboxes`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ListSandboxes {
    /// Only these states, with commas between; every state but `deleted` when missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub states: Option<String>,
    /// Only those that carry all of these labels: `key=value`, with commas between.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<String>,
    /// Sandboxes at most; 100 when missing, 1,000 at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// What the page before gave as `next`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// A sandbox as every answer shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sandbox {
    /// Its identity, for ever.
    pub id: String,
    /// Unique among living sandboxes.
    pub name: String,
    /// Where it stands.
    pub state: State,
    /// Why it last stopped, failed or went.
    pub cause: Option<Cause>,
    /// Who made it.
    pub owner: String,
    /// The root file system.
    pub image: String,
    /// What code runs as when nobody says otherwise.
    pub language: String,
    /// The user inside.
    pub user: String,
    /// Where commands start.
    pub working_directory: String,
    /// Names of the variables; every value is [`MASK`].
    pub environment: BTreeMap<String, String>,
    /// Free words of the owner.
    pub labels: BTreeMap<String, String>,
    /// Whether its files are on disk from the start and it stays until somebody deletes it.
    pub persistent: bool,
    /// Stops after this long without work; null for never.
    pub stop_after_idle_ms: Option<u64>,
    /// Is deleted this long after it stopped; null for never.
    pub delete_after_stop_ms: Option<u64>,
    /// When its time to live ends; null for never.
    pub expires_at: Option<Millis>,
    /// What it may use; no field is missing.
    pub resources: ResourceWishes,
    /// What it may reach: `none`, `limited`, `public` or `custom`.
    pub network: String,
    /// The rules of a `custom` one.
    pub network_rules: Vec<String>,
    /// The named networks of its owner that it is in.
    #[serde(default)]
    pub networks: Vec<String>,
    /// Variables that have placeholders, with the secrets that they stand for.
    pub secrets: BTreeMap<String, String>,
    /// The volumes that it has.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<VolumeMount>,
    /// How much its network may carry; a missing field is no limit.
    pub network_limits: NetworkLimits,
    /// Limits and walls without which it does not start.
    pub require: Vec<String>,
    /// What enforces each limit and wall, as of the last start.
    pub enforcement: Option<Enforcement>,
    /// The provider that has it.
    pub provider: String,
    /// When it was made.
    pub created_at: Millis,
    /// When it last changed state.
    pub changed_at: Millis,
    /// When it last worked for somebody.
    pub active_at: Millis,
}

/// `GET /v1/sandboxes/{ref}/inspection`: a sandbox and everything worth knowing of it now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inspection {
    /// The sandbox.
    pub sandbox: Sandbox,
    /// What it uses; null when it does not run.
    pub usage: Option<Usage>,
    /// Its executions, the newest first, as far as they are remembered.
    pub executions: Vec<Execution>,
    /// What its timers will do.
    pub deadlines: Deadlines,
    /// What its network has moved since it was made; null when it has none.
    pub traffic: Option<Traffic>,
    /// Connections that were refused lately, the newest last.
    pub refusals: Vec<Connection>,
}

/// `PUT /v1/sandboxes/{ref}/network`: what a sandbox may reach from now on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Network {
    /// `none`, `limited` or `public`; the server's setting when missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
    /// What it may reach besides, such as `pypi.org:443` or `10.1.2.3:5432`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<String>,
    /// What it may not reach in any case.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub deny: Vec<String>,
}

/// When a sandbox will be stopped and deleted if nothing happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deadlines {
    /// When it stops for being idle; null while it works.
    pub stops_at: Option<Millis>,
    /// When it is paused for being idle; null while it works.
    #[serde(default)]
    pub pauses_at: Option<Millis>,
    /// When it is archived; null for never.
    #[serde(default)]
    pub archived_at: Option<Millis>,
    /// When it is deleted; null for never.
    pub deleted_at: Option<Millis>,
}

/// `POST /v1/prune`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Prune {
    /// Only what has rested at least this long.
    pub older_than_ms: u64,
    /// Also stopped persistent sandboxes, not temporary and failed ones alone.
    pub persistent: bool,
}

/// What `POST /v1/prune` removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pruned {
    /// The sandboxes that were deleted.
    pub sandboxes: Vec<Sandbox>,
}
