//! Running: code, commands, their output.

use std::collections::BTreeMap;

use infield_domain::command::{Ending, Execution, OnDisconnect, Signal, Stream, TerminalSize};
use infield_domain::network::Connection;
use serde::{Deserialize, Serialize};

use super::{Content, CreateSandbox, Deadlines};

/// `POST /v1/run`: one execution in a sandbox of its own, which is deleted after the end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Run {
    /// The sandbox to make.
    pub sandbox: CreateSandbox,
    /// What to run in it.
    pub execution: Execute,
}

/// `POST /v1/sandboxes/{ref}/executions`. Exactly one of `code`, `command` and `argv` is there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Execute {
    /// A program's text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The language of `code`; the sandbox's own when missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Arguments of the program in `code`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub arguments: Vec<String>,
    /// A line for the sandbox's shell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// A program and its arguments, without a shell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub argv: Option<Vec<String>>,
    /// Files to write before it starts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<InlineFile>,
    /// What it reads; nothing when missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stdin: Option<Stdin>,
    /// Added to the sandbox's environment.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub environment: BTreeMap<String, String>,
    /// Where it starts; the sandbox's working directory when missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub working_directory: Option<String>,
    /// The user inside; the sandbox's own when missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// A terminal of this size instead of pipes; needs an upgrade.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub terminal: Option<TerminalSize>,
    /// Ends the whole process tree after this long; 300,000 when missing, 0 for never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// What happens when the connection is gone: `kill` (the default of a stream) or `continue`
    /// (the default of a JSON answer).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_disconnect: Option<OnDisconnect>,
    /// JSON answer only: answers after this long although it still runs; 45,000 when missing and
    /// at most, 0 for at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub foreground_ms: Option<u64>,
    /// JSON answer only: characters of output in the answer, the middle being cut; 10,000 when
    /// missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_chars: Option<u32>,
}

/// A file that comes with a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InlineFile {
    /// Where; relative to the working directory.
    pub path: String,
    /// What.
    pub content: Content,
}

/// What an execution reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stdin {
    /// Nothing.
    Empty,
    /// These bytes, then the end.
    Content(Content),
    /// The frames that the client sends; needs an upgrade.
    Stream,
}

/// The JSON answer of an execution.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunAnswer {
    /// Names it for `output`, `attach` and the like.
    pub execution_id: String,
    /// The id of the sandbox.
    pub sandbox_id: String,
    /// The sandbox's name.
    pub sandbox_name: String,
    /// Whether the sandbox is, or will be, deleted after the end.
    pub temporary: bool,
    /// Whether it still runs.
    pub status: RunStatus,
    /// How it ended; null while it runs.
    pub ending: Option<Ending>,
    /// Since the start.
    pub elapsed_ms: u64,
    /// Standard output.
    pub stdout: Shown,
    /// Standard error.
    pub stderr: Shown,
    /// Pictures that it drew, four at most.
    pub plots: Vec<Plot>,
    /// Connections of the sandbox that were refused since the start.
    pub refusals: Vec<Connection>,
    /// What the sandbox's timers will do.
    pub deadlines: Deadlines,
}

/// What there is to show of one stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    /// Cleaned of terminal control; a marker stands in place of what was cut from the middle.
    pub text: String,
    /// Bytes of the stream in all.
    pub total_bytes: u64,
    /// Whether something was cut; `GET /v1/executions/{id}/output` has it.
    pub truncated: bool,
}

/// Whether an execution still runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// It runs on, in the background.
    Running,
    /// It ended.
    Finished,
}

/// A picture that an execution drew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plot {
    /// Where it is inside.
    pub path: String,
    /// Such as `image/png`.
    pub media_type: String,
    /// The picture.
    pub base64: String,
}

/// The first frame of a stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Started {
    /// Names the execution.
    pub execution_id: String,
    /// The id of the sandbox.
    pub sandbox_id: String,
    /// The sandbox's name.
    pub sandbox_name: String,
}

/// `POST /v1/executions/{id}/attach`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Attach {
    /// The first byte of standard output to send.
    pub stdout_offset: u64,
    /// The first byte of standard error to send.
    pub stderr_offset: u64,
}

/// The query of `GET /v1/executions/{id}/output`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OutputQuery {
    /// Which stream; `stdout` when missing.
    pub stream: Stream,
    /// The first byte.
    pub offset: u64,
    /// Bytes at most; 65,536 when missing, 1,048,576 at most.
    pub limit: u64,
    /// Waits this long for a byte or the end when there is nothing yet; 50,000 at most.
    pub wait_ms: u64,
}

impl Default for OutputQuery {
    fn default() -> Self {
        Self { stream: Stream::Stdout, offset: 0, limit: 65_536, wait_ms: 0 }
    }
}

/// An execution and the sandbox that has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecutionRecord {
    /// The id of the sandbox.
    pub sandbox_id: String,
    /// The execution as of now.
    pub execution: Execution,
}

/// `POST /v1/executions/{id}/signal`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SendSignal {
    /// `interrupt`, `terminate`, `kill` or `hangup`.
    pub signal: Signal,
}

/// A piece of kept output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputPage {
    /// The id of the sandbox.
    pub sandbox_id: String,
    /// The execution as of now.
    pub execution: Execution,
    /// Where `content` starts; later than asked for when older bytes gave way.
    pub offset: u64,
    /// Ask for this offset next.
    pub next_offset: u64,
    /// How many bytes the stream has had in all.
    pub total: u64,
    /// The bytes.
    pub content: Content,
}
