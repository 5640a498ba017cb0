//! Commands that run or ran: find, read, follow, stop.

use bytes::Bytes;
use infield_domain::command::{Execution, Signal, Stream};
use infield_domain::{Error, ExecutionId, Principal, Result, SandboxId};

use crate::{Engine, Run};

/// Which part of a command's kept output to read.
#[derive(Clone, Debug)]
pub struct OutputRequest {
    /// Of which command.
    pub execution: ExecutionId,
    /// Which stream.
    pub stream: Stream,
    /// From which byte of the stream.
    pub offset: u64,
    /// Bytes at most.
    pub limit: u64,
    /// Waits this long for a byte or the end, in milliseconds; at most 50,000.
    pub wait_ms: u64,
    /// Ends the command's process tree first.
    pub stop: bool,
}

/// Part of a command's kept output.
#[derive(Clone, Debug)]
pub struct Output {
    /// In which sandbox.
    pub sandbox_id: SandboxId,
    /// The command as of now.
    pub execution: Execution,
    /// Which stream.
    pub stream: Stream,
    /// Where `data` starts; later than asked for when older bytes gave way.
    pub offset: u64,
    /// The bytes; they end between two characters. [`crate::plain_text`] makes them safe to show.
    pub data: Bytes,
    /// Where to go on.
    pub next_offset: u64,
    /// Bytes that the stream has had in all.
    pub total: u64,
}

/// Which command to follow, and from where.
#[derive(Clone, Debug)]
pub struct Attach {
    /// Which.
    pub execution: ExecutionId,
    /// From which byte of standard output.
    pub stdout_offset: u64,
    /// From which byte of standard error.
    pub stderr_offset: u64,
}

/// A command and the sandbox that has it.
#[derive(Clone, Debug)]
pub struct ExecutionRecord {
    /// The sandbox.
    pub sandbox_id: SandboxId,
    /// The command.
    pub execution: Execution,
}

impl Engine {
    /// A command by its id, as of now. Needs `read`.
    pub async fn get_execution(
        &self,
        who: &Principal,
        id: &ExecutionId,
    ) -> Result<ExecutionRecord> {
        let _ = (who, id);
        Err(Error::internal("not built yet"))
    }

    /// The commands of a sandbox, the newest first. Needs `read`.
    pub async fn list_executions(
        &self,
        who: &Principal,
        sandbox: &str,
    ) -> Result<Vec<ExecutionRecord>> {
        let _ = (who, sandbox);
        Err(Error::internal("not built yet"))
    }

    /// Reads kept output. Needs `read`, and `execute` when it stops the command.
    pub async fn read_output(&self, who: &Principal, request: OutputRequest) -> Result<Output> {
        let _ = (who, request);
        Err(Error::internal("not built yet"))
    }

    /// Follows a command. Needs `execute`.
    pub async fn attach(&self, who: &Principal, attach: Attach) -> Result<Run> {
        let _ = (who, attach);
        Err(Error::internal("not built yet"))
    }

    /// Ends the whole process tree of a command, and waits for the end. Needs `execute`.
    pub async fn stop_execution(
        &self,
        who: &Principal,
        id: &ExecutionId,
    ) -> Result<ExecutionRecord> {
        let _ = (who, id);
        Err(Error::internal("not built yet"))
    }

    /// Signals the whole process tree of a command. Needs `execute`.
    pub async fn signal_execution(
        &self,
        who: &Principal,
        id: &ExecutionId,
        signal: Signal,
    ) -> Result<()> {
        let _ = (who, id, signal);
        Err(Error::internal("not built yet"))
    }
}
