//! The shapes of every `/v1` request and answer.
//!
//! The client in `cli` and the handlers of this crate share them. Requests refuse unknown fields;
//! what a request leaves out gets the default that its field names. Times are milliseconds since
//! the Unix epoch, durations milliseconds, sizes bytes.
//!
//! Leaf shapes that infield stores and prints everywhere alike (endings, files, usage, hosts,
//! audit records) are the vocabulary's own and only named here. Nothing in an answer holds a
//! secret, with one exception: [`KeyMade`] shows a key once.

mod content;
mod files;
mod git;
mod keys;
mod mcp;
mod ports;
mod running;
mod sandboxes;
mod secrets;
mod volumes;

use serde::{Deserialize, Serialize};

pub use infield_domain::audit::Record;
pub use infield_domain::command::{
    Ending, Execution, OnDisconnect, Signal, StoppedBy, Stream, TerminalSize,
};
pub use infield_domain::files::{FileEntry, Listing, Match, WriteMode};
pub use infield_domain::image::Image;
pub use infield_domain::isolation::Host;
pub use infield_domain::network::{Connection, Traffic};
pub use infield_domain::organization::Organization;
pub use infield_domain::preview::Access;
pub use infield_domain::sandbox::{Millis, Usage};

pub use content::Content;
pub use files::{
    EditDone, EditFile, FileQuery, ListFiles, MakeDirectory, MoveFile, SearchFiles, StatFile,
    TreeDone, TreeQuery, WriteQuery,
};
pub use git::{Git, GitAnswer, GitOperation};
pub use keys::{AuditQuery, AuditVerdict, CreateKey, CreateOrganization, Key, KeyMade};
pub use mcp::{Intent, McpDefaults, McpFolders, McpHello};
pub use ports::{ChangePort, LinkPort, Port, PortLink};
pub use running::{
    Attach, Execute, ExecutionRecord, InlineFile, OutputPage, OutputQuery, Plot, Run, RunAnswer,
    RunStatus, SendSignal, Shown, Started, Stdin,
};
pub use sandboxes::{
    CreateSandbox, Deadlines, Inspection, ListSandboxes, MASK, Network, NetworkLimits, Prune,
    Pruned, ResourceWishes, Sandbox,
};
pub use secrets::{GiveSecrets, Secret, SetSecret};
pub use volumes::{CreateVolume, Volume, VolumeInspection, VolumeMount};

/// The header that names the build of a client of our own.
pub const BUILD_HEADER: &str = "infield-build";

/// The header that names a request, in and out.
pub const REQUEST_ID_HEADER: &str = "infield-request-id";

/// The header by which a client of the unix socket says what it is called.
pub const CLIENT_HEADER: &str = "infield-client";

/// The word of the `Upgrade` header.
pub const UPGRADE: &str = "infield-stream";

/// What every failed request answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// What went wrong.
    pub error: ErrorDetail,
    /// Names the request in the server's log.
    pub request_id: String,
}

/// What went wrong, and one action that mends it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorDetail {
    /// One of `not_found`, `conflict`, `invalid`, `unauthenticated`, `denied`, `quota`,
    /// `unsupported`, `unavailable`, `timeout`, `internal`.
    pub kind: String,
    /// Lower case, without a final stop.
    pub message: String,
    /// The one action that mends it.
    pub hint: Option<String>,
    /// A word for programs where the kind alone is not enough; `build` is the only one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

/// `GET /api/health`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// `ok` once sandboxes can be made.
    pub status: String,
}

/// `GET /v1/build`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Build {
    /// The version of the release.
    pub version: String,
    /// Differs between any two builds.
    pub build: String,
    /// The daemon's process id.
    pub pid: u32,
}

/// `POST /v1/shutdown`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shutdown {
    /// What becomes of the sandboxes; they go on by default.
    #[serde(default)]
    pub sandboxes: ShutdownSandboxes,
}

/// What becomes of the sandboxes when the daemon ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShutdownSandboxes {
    /// They go on, and the next daemon finds them.
    #[default]
    Keep,
    /// They are stopped, with their files kept.
    Stop,
}

/// Part of a long answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page<T> {
    /// In order.
    pub items: Vec<T>,
    /// Give it as `cursor` to get what follows; null at the end.
    pub next: Option<String>,
}

/// An answer that has nothing to say but that it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {}
