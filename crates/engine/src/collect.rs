//! Gathering a run for a caller who wants an answer and not a stream.

use bytes::Bytes;
use infield_domain::command::Ending;
use infield_domain::sandbox::{Millis, Sandbox};
use infield_domain::{Error, ExecutionId, Result};
use tokio_util::sync::CancellationToken;

use crate::{Deadlines, Run, Shown};

/// How long a caller is kept waiting before the command is handed over, in milliseconds.
pub const FOREGROUND_MS: u64 = 45_000;

/// How to gather.
pub struct Collect {
    /// Waits this long at most, in milliseconds; 0 hands over at once.
    pub foreground_ms: u64,
    /// Characters of both streams together.
    pub max_chars: usize,
    /// Ends the whole process tree when it is cancelled.
    pub cancel: CancellationToken,
    /// Is told about once a second how it goes.
    pub on_progress: Option<Box<dyn FnMut(Progress) + Send>>,
}

/// How a run goes.
#[derive(Clone, Debug)]
pub struct Progress {
    /// Since the start.
    pub elapsed_ms: u64,
    /// The last line of output, made safe and cut to 200 characters.
    pub last_line: String,
}

/// Whether a run is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It goes on; `read_output` has the rest.
    Running,
    /// It is over.
    Finished,
}

/// A figure that a program drew.
#[derive(Clone, Debug)]
pub struct Plot {
    /// Where it is inside.
    pub path: String,
    /// Such as `image/png`.
    pub mime_type: &'static str,
    /// The picture.
    pub data: Bytes,
}

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The sandbox; the values of its variables are masked.
    pub sandbox: Sandbox,
    /// Names the command, for `read_output`.
    pub execution_id: ExecutionId,
    /// Whether the sandbox is, or will be, deleted after the end.
    pub temporary: bool,
    /// Whether it is over.
    pub status: Status,
    /// How it ended; none while it runs.
    pub ending: Option<Ending>,
    /// Since the start, in milliseconds.
    pub elapsed_ms: u64,
    /// What to show of standard output.
    pub stdout: Shown,
    /// What to show of standard error.
    pub stderr: Shown,
    /// Figures, four at most.
    pub plots: Vec<Plot>,
    /// When the sandbox stops and goes if nothing happens.
    pub deadlines: Deadlines,
    /// When this was true.
    pub at: Millis,
}

impl Run {
    /// Waits for the end, or for as long as the caller has, and shapes what there is to show.
    pub async fn collect(self, collect: Collect) -> Result<Outcome> {
        let _ = collect;
        Err(Error::internal("not built yet"))
    }
}
