//! Commands, programs and sessions of the toolbox.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The body of `POST /process/execute`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ExecuteRequest {
    /// Its text, for a shell.
    pub command: String,
    /// The folder in which it starts.
    pub cwd: Option<String>,
    /// Variables besides the sandbox's.
    pub envs: Option<BTreeMap<String, String>>,
    /// Seconds; as long as it takes when there is none.
    pub timeout: Option<f64>,
}

/// The body of `POST /process/code-run`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CodeRunRequest {
    /// The program.
    pub code: String,
    /// `python`, `javascript` or `typescript`; the sandbox's own when there is none.
    pub language: Option<String>,
    /// Its arguments.
    pub argv: Option<Vec<String>>,
    /// Variables besides the sandbox's.
    pub envs: Option<BTreeMap<String, String>>,
    /// Seconds; as long as it takes when there is none.
    pub timeout: Option<f64>,
}

/// What came of a command or a program.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExecuteResponse {
    /// The exit code; -1 when it could not be started.
    pub exit_code: i32,
    /// Both streams, in the order in which they came.
    pub result: String,
    /// What a program left besides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifacts: Option<Artifacts>,
}

/// What a program left besides its output.
#[derive(Clone, Debug, Serialize)]
pub struct Artifacts {
    /// Figures that it drew.
    pub charts: Vec<Chart>,
}

/// A figure as a picture. What it shows is not taken apart.
#[derive(Clone, Debug, Serialize)]
pub struct Chart {
    /// Always `unknown`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Its title.
    pub title: String,
    /// Always none.
    pub elements: Vec<()>,
    /// The picture, as base64.
    pub png: String,
}

/// The body of `POST /process/session`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CreateSessionRequest {
    /// Its name.
    pub session_id: String,
}

/// A session.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Session {
    /// Its name.
    pub session_id: String,
    /// What it ran and runs.
    pub commands: Vec<SessionCommand>,
}

/// A command of a session.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionCommand {
    /// Which.
    pub id: String,
    /// Its text.
    pub command: String,
    /// Absent while it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
}

/// The body of `POST /process/session/{sessionId}/exec`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SessionExecuteRequest {
    /// Its text, for the session's shell.
    pub command: String,
    /// Whether its end is not waited for.
    pub run_async: Option<bool>,
    /// The older word for `runAsync`.
    #[serde(rename = "async")]
    pub is_async: Option<bool>,
    /// Whether input stays out of the logs.
    pub suppress_input_echo: Option<bool>,
}

/// What came of a command of a session, so far.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionExecuteResponse {
    /// Which command.
    pub cmd_id: String,
    /// What it wrote, when its end was waited for.
    #[serde(flatten)]
    pub logs: Option<SessionLogs>,
    /// How it ended, when that was waited for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
}

/// What a command of a session wrote.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SessionLogs {
    /// Both streams, in the order in which they came.
    pub output: String,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// The body of `.../command/{commandId}/input`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct SessionInputRequest {
    /// What is sent.
    pub data: String,
}

/// The body of `POST /env`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct UpdateEnvRequest {
    /// Variables to set.
    pub set: Option<BTreeMap<String, String>>,
    /// Names of variables to take away.
    pub unset: Option<Vec<String>>,
    /// Variables whose value begins so are taken away.
    pub unset_value_prefix: Option<String>,
}

/// The answer of `GET /user-home-dir`, `/work-dir` and `/project-dir`.
#[derive(Clone, Debug, Serialize)]
pub struct Folder {
    /// Its path.
    pub dir: String,
}
