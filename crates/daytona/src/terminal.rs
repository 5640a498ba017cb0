//! Terminals of the toolbox.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The body of `POST /process/pty`, and the query of `/process/pty/create-connect`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PtyCreateRequest {
    /// Its name.
    pub id: String,
    /// Columns; 80 when there is none.
    pub cols: Option<u16>,
    /// Rows; 24 when there is none.
    pub rows: Option<u16>,
    /// The folder in which its shell starts.
    pub cwd: Option<String>,
    /// Variables besides the sandbox's.
    pub envs: Option<BTreeMap<String, String>>,
    /// Whether its shell starts with its first client.
    pub lazy_start: Option<bool>,
}

/// The answer to a terminal that was made.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PtyCreateResponse {
    /// Its name.
    pub session_id: String,
}

/// A terminal.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PtySession {
    /// Its name.
    pub id: String,
    /// Where its shell started.
    pub cwd: String,
    /// The variables that its maker gave it.
    pub envs: BTreeMap<String, String>,
    /// Columns.
    pub cols: u16,
    /// Rows.
    pub rows: u16,
    /// When it was made.
    pub created_at: String,
    /// Whether its shell runs.
    pub active: bool,
    /// Whether its shell started with its first client.
    pub lazy_start: bool,
}

/// The answer of `GET /process/pty`.
#[derive(Clone, Debug, Serialize)]
pub struct PtyListResponse {
    /// All of them.
    pub sessions: Vec<PtySession>,
}

/// The body of `POST /process/pty/{sessionId}/resize`.
#[derive(Clone, Debug, Deserialize)]
pub struct PtyResizeRequest {
    /// Columns.
    pub cols: u16,
    /// Rows.
    pub rows: u16,
}

/// What a client of a terminal is told besides what the terminal shows.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "status", rename_all = "camelCase")]
pub enum PtyStatus {
    /// The first of all.
    Connected,
    /// The last of all.
    Exited(PtyExit),
}

/// How the shell of a terminal ended.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PtyExit {
    /// Its exit code.
    pub exit_code: i32,
    /// Why, when it did not end by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_reason: Option<String>,
}

/// A control message.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename = "control")]
pub struct PtyControl {
    /// What is told.
    #[serde(flatten)]
    pub status: PtyStatus,
}
