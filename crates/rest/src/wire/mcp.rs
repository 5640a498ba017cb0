//! What `infield mcp` says before its connection becomes a byte pipe.

use serde::{Deserialize, Serialize};

/// `POST /v1/mcp`: the hello of one MCP client. After the upgrade, bytes pass unchanged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct McpHello {
    /// A random word by which `POST /v1/mcp/folders` finds this pipe; 16 to 64 letters and digits.
    pub session: String,
    /// The folders that the front opened for this client, as their user named them. The daemon
    /// shows and compares these names, and never opens them.
    pub folders: Vec<String>,
    /// The front's working directory, against which relative host paths are read.
    pub working_directory: Option<String>,
    /// What this client gets when it does not say.
    pub defaults: McpDefaults,
}

/// `POST /v1/intent`: a request in plain language.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Intent {
    /// What is to be done, in English, Swedish, German, Spanish or French.
    pub intent: String,
    /// What is spoken about; it may name the sandbox in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<serde_json::Value>,
    /// The sandbox in use, by id or name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sandbox_id: Option<String>,
    /// Answers the plan alone.
    #[serde(default)]
    pub dry_run: bool,
}

/// What an MCP client gets when it does not say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct McpDefaults {
    /// The image of new sandboxes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// The language of new sandboxes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Whether new sandboxes are kept until somebody deletes them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub persistent: Option<bool>,
    /// The sandbox of a call that names none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sandbox: Option<String>,
    /// How long a call waits for a command before it hands over; 45,000 when missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub foreground_ms: Option<u64>,
}

/// `POST /v1/mcp/folders`: the second connection of the same front, over which the daemon asks
/// for trees of the host and hands trees over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct McpFolders {
    /// The word of the hello.
    pub session: String,
}
