//! Commands inside a sandbox: what to run, what came out, how it ended.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::sandbox::Millis;
use crate::{ExecutionId, GuestPath};

/// Bytes of output that a command keeps for readers who come later. Older bytes give way,
/// and a reader is told how many.
pub const KEPT_OUTPUT_BYTES: u64 = 16 << 20;

/// A command to run inside a sandbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// Names it; chosen by the engine.
    pub id: ExecutionId,
    /// Program and arguments; the program is looked up in the sandbox's own PATH.
    pub argv: Vec<String>,
    /// Added to the sandbox's environment.
    pub environment: BTreeMap<String, String>,
    /// Where it starts.
    pub working_directory: GuestPath,
    /// The user inside.
    pub user: String,
    /// What its standard input is.
    pub stdin: Stdin,
    /// A terminal of this size, with output and errors in one stream, instead of pipes.
    pub terminal: Option<TerminalSize>,
    /// Ends the whole process tree after this long, in milliseconds.
    pub timeout_ms: Option<u64>,
    /// What happens when the connection that started it is gone.
    pub on_disconnect: OnDisconnect,
}

/// What a command reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stdin {
    /// Nothing: end of file at once.
    Empty,
    /// These bytes, then end of file.
    Bytes(Bytes),
    /// What the caller sends while it runs.
    Stream,
}

/// What happens to a command when the connection that started it is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnDisconnect {
    /// It goes on, and its output is kept for later.
    Continue,
    /// Its whole process tree ends.
    Kill,
}

/// Columns and rows of a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TerminalSize {
    /// Columns.
    pub columns: u16,
    /// Rows.
    pub rows: u16,
}

/// Which of a command's two outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stream {
    /// Standard output, or the terminal.
    Stdout,
    /// Standard error.
    Stderr,
}

/// What a command tells while it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProcessEvent {
    /// Bytes of one stream; `offset` counts from the stream's first byte.
    Output {
        /// Which.
        stream: Stream,
        /// Place of the first byte.
        offset: u64,
        /// The bytes.
        data: Bytes,
    },
    /// It ended, and all of its output was sent.
    Ended(Ending),
}

/// What a caller tells a running command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProcessInput {
    /// Bytes for standard input.
    Stdin(Bytes),
    /// The end of standard input.
    End,
    /// A new size of the terminal.
    Resize(TerminalSize),
    /// A signal to the whole process tree.
    Signal(Signal),
}

/// Signals that a caller may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Signal {
    /// SIGINT.
    Interrupt,
    /// SIGTERM.
    Terminate,
    /// SIGKILL.
    Kill,
    /// SIGHUP.
    Hangup,
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ending {
    /// The exit code; 128 and the signal's number when a signal ended it.
    pub exit_code: i32,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// Why, when the program itself is not the reason.
    pub stopped_by: Option<StoppedBy>,
    /// From start to end, in milliseconds.
    pub wall_ms: u64,
}

/// Who ended a command that did not end by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StoppedBy {
    /// Its time was over.
    Timeout,
    /// A caller stopped it.
    Caller,
    /// The memory limit.
    OutOfMemory,
}

/// A command as the sandbox remembers it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Execution {
    /// Which.
    pub id: ExecutionId,
    /// Program and arguments, cut to 200 characters.
    pub command: String,
    /// When it started.
    pub started_at: Millis,
    /// How it ended; none while it runs.
    pub ending: Option<Ending>,
    /// Bytes so far on standard output.
    pub stdout_bytes: u64,
    /// Bytes so far on standard error.
    pub stderr_bytes: u64,
}

/// A piece of kept output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputPage {
    /// The execution as of now.
    pub execution: Execution,
    /// Where `data` starts; later than asked for when older bytes gave way.
    pub offset: u64,
    /// The bytes.
    pub data: Bytes,
    /// How many bytes the stream has had in all.
    pub total: u64,
}
