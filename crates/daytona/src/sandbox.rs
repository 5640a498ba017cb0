//! Sandboxes of the control API.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The body of `POST /sandbox`. Everything may be left out; what is not known is ignored.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CreateSandbox {
    /// Its name; one is made up when there is none.
    pub name: Option<String>,
    /// The snapshot that it starts from; the server's standard one when there is none.
    pub snapshot: Option<String>,
    /// The user inside.
    pub user: Option<String>,
    /// Variables of every command.
    pub env: Option<BTreeMap<String, String>>,
    /// Free words; `code-toolbox-language` among them is the language of `code_run`.
    pub labels: Option<BTreeMap<String, String>>,
    /// Whether its previews need no token.
    pub public: Option<bool>,
    /// Whether it has no network.
    pub network_block_all: Option<bool>,
    /// The only ranges of addresses that it may reach, with commas between them.
    pub network_allow_list: Option<String>,
    /// The only names that it may reach, with commas between them.
    pub domain_allow_list: Option<String>,
    /// Processors.
    pub cpu: Option<f64>,
    /// Memory in GiB.
    pub memory: Option<f64>,
    /// Disk in GiB.
    pub disk: Option<f64>,
    /// Idle minutes until it is stopped; 15 when nothing is said, never with 0.
    pub auto_stop_interval: Option<i64>,
    /// Idle minutes until it is paused; never with 0.
    pub auto_pause_interval: Option<i64>,
    /// Minutes after its stop until it is archived; the longest there is with 0.
    pub auto_archive_interval: Option<i64>,
    /// Minutes after its stop until it is deleted; at once with 0, never when negative.
    pub auto_delete_interval: Option<i64>,
    /// Minutes until it is deleted, whatever it does.
    pub ttl_minutes: Option<i64>,
    /// Shared folders.
    pub volumes: Option<Vec<SandboxVolume>>,
    /// What it is built from, in place of a snapshot.
    pub build_info: Option<BuildWish>,
    /// Names of secrets by the variables that hold their placeholders.
    pub secrets: Option<Vec<BTreeMap<String, String>>>,
}

/// A shared folder of a sandbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SandboxVolume {
    /// Which one.
    pub volume_id: String,
    /// Where it is inside.
    pub mount_path: String,
    /// The folder of it that is seen; all of it when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subpath: Option<String>,
}

/// What a sandbox is built from.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BuildWish {
    /// The text of a Dockerfile.
    pub dockerfile_content: String,
    /// Local files that were sent beforehand.
    pub context_hashes: Vec<String>,
}

/// A sandbox, in single answers and in lists.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Sandbox {
    /// Its identity.
    pub id: String,
    /// Whose it is.
    pub organization_id: String,
    /// Unique among the living ones.
    pub name: String,
    /// The user inside.
    pub user: String,
    /// What it was started from.
    pub snapshot: String,
    /// Its variables.
    pub env: BTreeMap<String, String>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Whether its previews need no token.
    pub public: bool,
    /// Whether it has no network.
    pub network_block_all: bool,
    /// The only ranges of addresses that it may reach.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network_allow_list: Option<String>,
    /// The only names that it may reach.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain_allow_list: Option<String>,
    /// The region.
    pub target: String,
    /// Processors. Newer SDKs refuse anything but integers here and below.
    pub cpu: u64,
    /// Always 0.
    pub gpu: u64,
    /// GiB.
    pub memory: u64,
    /// GiB.
    pub disk: u64,
    /// Whether it has nested virtualization; required by newer SDKs.
    pub kvm: bool,
    /// One of the contract's words.
    pub state: &'static str,
    /// Where it is going.
    pub desired_state: &'static str,
    /// Why it is in `error`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_reason: Option<String>,
    /// Whether `recover` may help; it is not built.
    pub recoverable: bool,
    /// Always `None`, the contract's word for no backup.
    pub backup_state: &'static str,
    /// Minutes; 0 for never.
    pub auto_stop_interval: u64,
    /// Minutes; 0 for never.
    pub auto_pause_interval: u64,
    /// Minutes.
    pub auto_archive_interval: u64,
    /// Minutes; -1 for never.
    pub auto_delete_interval: i64,
    /// When it is deleted, whatever it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auto_destroy_at: Option<String>,
    /// Its shared folders.
    pub volumes: Vec<SandboxVolume>,
    /// How it is isolated: `container`.
    pub sandbox_class: &'static str,
    /// When it was made.
    pub created_at: String,
    /// When it last changed state.
    pub updated_at: String,
    /// When it last worked for somebody.
    pub last_activity_at: String,
    /// Where its toolbox is; clients add its id.
    pub toolbox_proxy_url: String,
}

/// One page of `GET /sandbox`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SandboxPage {
    /// What it has.
    pub items: Vec<Sandbox>,
    /// Asks for the next page; `null` ends the list, and must be there.
    pub next_cursor: Option<String>,
}

/// The answer of `GET /sandbox/{id}/toolbox-proxy-url`.
#[derive(Clone, Debug, Serialize)]
pub struct ToolboxProxyUrl {
    /// Where the toolbox is; clients add the sandbox's id.
    pub url: String,
}

/// All labels of a sandbox: the body and the answer of `PUT /sandbox/{id}/labels`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SandboxLabels {
    /// Those and no others.
    pub labels: BTreeMap<String, String>,
}

/// The body of `POST /sandbox/{id}/network-settings`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NetworkSettings {
    /// Whether it has no network.
    pub network_block_all: Option<bool>,
    /// The only ranges of addresses that it may reach, with commas between them.
    pub network_allow_list: Option<String>,
    /// The only names that it may reach, with commas between them.
    pub domain_allow_list: Option<String>,
}

/// The body of `POST /sandbox/{id}/resize`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ResizeSandbox {
    /// Processors.
    pub cpu: Option<f64>,
    /// Memory in GiB.
    pub memory: Option<f64>,
    /// Disk in GiB.
    pub disk: Option<f64>,
}
