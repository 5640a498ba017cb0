//! Running a command in a sandbox, or in a temporary one that lives for that command alone.

use std::collections::BTreeMap;

use bytes::Bytes;
use infield_domain::command::{OnDisconnect, Stdin, TerminalSize};
use infield_domain::guest::Process;
use infield_domain::sandbox::Sandbox;
use infield_domain::{Error, ExecutionId, GuestPath, Principal, Result};

use crate::{CreateSandbox, Engine};

/// Where to run.
#[derive(Clone, Debug)]
pub enum Target {
    /// In this sandbox, by id or name; it is started when it is stopped.
    Existing(String),
    /// In a sandbox that is made for this and deleted after the end.
    Temporary(Box<CreateSandbox>),
}

/// How long something may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeLimit {
    /// 300 seconds.
    Standard,
    /// This long, in milliseconds; at most a day.
    After(u64),
    /// As long as the sandbox lives.
    Never,
}

/// A file to place before the start.
#[derive(Clone, Debug)]
pub struct PlacedFile {
    /// Where, inside.
    pub path: GuestPath,
    /// What.
    pub content: Bytes,
}

/// How to run, whatever it is.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// Where it starts; the sandbox's working directory when there is none.
    pub working_directory: Option<GuestPath>,
    /// Added to the sandbox's variables.
    pub environment: BTreeMap<String, String>,
    /// The user inside; the sandbox's own when there is none.
    pub user: Option<String>,
    /// What its standard input is.
    pub stdin: Stdin,
    /// A terminal instead of pipes.
    pub terminal: Option<TerminalSize>,
    /// How long it may run.
    pub time_limit: TimeLimit,
    /// What happens when the caller goes away.
    pub on_disconnect: OnDisconnect,
    /// Files to place first.
    pub files: Vec<PlacedFile>,
}

impl RunOptions {
    /// Pipes, no input, 300 seconds, goes on when the caller goes away.
    pub fn standard() -> Self {
        Self {
            working_directory: None,
            environment: BTreeMap::new(),
            user: None,
            stdin: Stdin::Empty,
            terminal: None,
            time_limit: TimeLimit::Standard,
            on_disconnect: OnDisconnect::Continue,
            files: Vec::new(),
        }
    }
}

/// What to run.
#[derive(Clone, Debug)]
pub enum CommandLine {
    /// A program and its arguments, as they are.
    Argv(Vec<String>),
    /// Text for the image's shell: `bash`, or `sh` when there is none.
    Shell(String),
}

/// A command to run.
#[derive(Clone, Debug)]
pub struct RunCommand {
    /// Where.
    pub target: Target,
    /// What.
    pub command: CommandLine,
    /// How.
    pub options: RunOptions,
}

/// A command that runs: stream it by [`Run::into_process`], or let [`Run::collect`] gather it.
///
/// Dropping it is a disconnect: the command goes on or ends as its options say, and the engine
/// watches it to its end in either case.
pub struct Run {
    /// The sandbox; the values of its variables are masked.
    pub sandbox: Sandbox,
    /// Names the command, for `read_output` and `attach`.
    pub execution_id: ExecutionId,
    /// Whether the sandbox is deleted after the end.
    pub temporary: bool,
    pub(crate) process: Process,
}

impl Run {
    /// The events and the input of the command, for a door that streams.
    pub fn into_process(self) -> Process {
        self.process
    }
}

impl Engine {
    /// Starts a command. Needs `execute`, and `manage` for a temporary sandbox.
    pub async fn run_command(&self, who: &Principal, run: RunCommand) -> Result<Run> {
        let _ = (who, run);
        Err(Error::internal("not built yet"))
    }
}
