//! Commands that run or ran: find, read, follow, stop.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use infield_domain::command::{Execution, OutputPage, Signal, Stream};
use infield_domain::guest::{Process, ReadOutput};
use infield_domain::{Error, ExecutionId, Kind, Permission, Principal, Result, SandboxId};
use infield_store::ExecutionRow;

use crate::driver::Seat;
use crate::inside::Inside;
use crate::lease::{Followed, Lease, lost};
use crate::output::whole_length;
use crate::run::Handle;
use crate::sandboxes::masked;
use crate::{Engine, PreviewLink, Run};

/// How long a reader can wait.
const LONGEST_WAIT_MS: u64 = 50_000;
/// Bytes of one answer.
const MOST_BYTES: u64 = 4 << 20;
/// Commands of one list.
const MOST_LISTED: u32 = 200;
/// How a command that was killed is looked at until it has ended.
const STOP_LOOKS: u32 = 50;
const STOP_LOOK_MS: u64 = 100;

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
    /// Ports that somebody began to listen on, with links; each is told once.
    pub previews: Vec<PreviewLink>,
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
        who.require(Permission::Read)?;
        let place = self.place_of(who, id).await?;
        let mut record = place.record;
        if let Some(inside) = &place.inside
            && record.execution.ending.is_none()
        {
            let request = look(id);
            record.execution = inside.guest.read_output(request).await?.execution;
        }
        Ok(record)
    }

    /// The commands of a sandbox, the newest first. Needs `read`.
    pub async fn list_executions(
        &self,
        who: &Principal,
        sandbox: &str,
    ) -> Result<Vec<ExecutionRecord>> {
        who.require(Permission::Read)?;
        let seat = self.registry().find(who, sandbox)?;
        self.executions_of(&seat).await
    }

    /// Reads kept output. Needs `read`, and `execute` when it stops the command.
    pub async fn read_output(&self, who: &Principal, request: OutputRequest) -> Result<Output> {
        who.require(Permission::Read)?;
        if request.stop {
            self.stop_execution(who, &request.execution).await?;
        }
        let place = self.place_of(who, &request.execution).await?;
        let sandbox_id = place.record.sandbox_id.clone();
        let seat = place.inside.as_ref().map(|inside| inside.seat.clone());
        let stream = request.stream;
        let read = ReadOutput {
            id: request.execution,
            stream,
            offset: request.offset,
            limit: request.limit.clamp(1, MOST_BYTES),
            wait_ms: request.wait_ms.min(LONGEST_WAIT_MS),
        };
        let page = match self.kept().read(&read) {
            Some(page) => page,
            None => self.read_inside(&place, read).await?,
        };
        let end = page.offset.saturating_add(page.data.len() as u64);
        let whole = if end >= page.total && page.execution.ending.is_some() {
            page.data.len()
        } else {
            whole_length(&page.data)
        };
        let data = page.data.slice(..whole);
        let next_offset = page.offset.saturating_add(data.len() as u64);
        let (offset, total, execution) = (page.offset, page.total, page.execution);
        let previews = match seat.filter(|_| execution.ending.is_none()) {
            Some(seat) => self.new_previews(who, &seat).await,
            None => Vec::new(),
        };
        Ok(Output { sandbox_id, execution, stream, offset, data, next_offset, total, previews })
    }

    async fn read_inside(&self, place: &Place, read: ReadOutput) -> Result<OutputPage> {
        if let Some(inside) = &place.inside {
            match inside.guest.read_output(read.clone()).await {
                Err(error) if is_away(&error) => {}
                other => return other,
            }
            // It may have ended and taken its sandbox with it at this moment.
            if let Some(page) = self.kept().read(&read) {
                return Ok(page);
            }
        }
        let row = self.row_of(&read.id).await?;
        let mut execution = row.execution;
        if execution.ending.is_none() {
            execution.ending = Some(lost(&execution, None, self.now()));
        }
        let total = match read.stream {
            Stream::Stdout => execution.stdout_bytes,
            Stream::Stderr => execution.stderr_bytes,
        };
        // The output went with the sandbox's processes: what is left begins at the end.
        Ok(OutputPage { execution, offset: total, data: Bytes::new(), total })
    }

    /// Follows a command. Needs `execute`.
    pub async fn attach(&self, who: &Principal, attach: Attach) -> Result<Run> {
        who.require(Permission::Execute)?;
        let place = self.place_of(who, &attach.execution).await?;
        let Some(inside) = place.inside else {
            return Err(Error::conflict(format!(
                "`{}` is over and its sandbox does not run",
                attach.execution
            ))
            .with_hint("read what is kept of its output with read_output"));
        };
        let (stdout, stderr) = (attach.stdout_offset, attach.stderr_offset);
        let process = inside.guest.attach(&attach.execution, stdout, stderr).await?;
        let handle = Handle { seat: inside.seat.clone(), guest: inside.guest.clone() };
        let sandbox = masked(&inside.sandbox);
        // The end of the command is the business of whoever started it.
        let lease = Lease::of_follower(inside);
        let events = Followed::over(process.events, lease.clone());
        Ok(Run {
            temporary: handle.seat.single_use,
            sandbox,
            execution_id: attach.execution,
            engine: self.clone(),
            who: who.clone(),
            process: Process { events, input: process.input },
            lease,
            inside: handle,
            plots: None,
        })
    }

    /// Ends the whole process tree of a command, and waits for the end. Needs `execute`.
    pub async fn stop_execution(
        &self,
        who: &Principal,
        id: &ExecutionId,
    ) -> Result<ExecutionRecord> {
        let result = self.stop_and_wait(who, id).await;
        self.noted(who, ("execution.stop", id.as_str(), ""), result)
    }

    async fn stop_and_wait(&self, who: &Principal, id: &ExecutionId) -> Result<ExecutionRecord> {
        who.require(Permission::Execute)?;
        let place = self.place_of(who, id).await?;
        let Some(inside) = place.inside else { return Ok(place.record) };
        let sandbox_id = place.record.sandbox_id;
        if let Err(error) = inside.guest.signal(id, Signal::Kill).await
            && !is_away(&error)
        {
            return Err(error);
        }
        for _ in 0..STOP_LOOKS {
            let request = ReadOutput { offset: u64::MAX, wait_ms: STOP_LOOK_MS, ..look(id) };
            match inside.guest.read_output(request).await {
                Ok(page) if page.execution.ending.is_some() => {
                    return Ok(ExecutionRecord { sandbox_id, execution: page.execution });
                }
                Ok(_) => tokio::time::sleep(Duration::from_millis(STOP_LOOK_MS)).await,
                Err(error) if is_away(&error) => {
                    let execution = self.row_of(id).await?.execution;
                    return Ok(ExecutionRecord { sandbox_id, execution });
                }
                Err(error) => return Err(error),
            }
        }
        Err(Error::timeout(format!("`{id}` has not ended after it was killed"))
            .with_hint("stop the sandbox"))
    }

    /// Signals the whole process tree of a command. Needs `execute`.
    pub async fn signal_execution(
        &self,
        who: &Principal,
        id: &ExecutionId,
        signal: Signal,
    ) -> Result<()> {
        let result = self.send_signal(who, id, signal).await;
        let word = match signal {
            Signal::Interrupt => "interrupt",
            Signal::Terminate => "terminate",
            Signal::Kill => "kill",
            Signal::Hangup => "hangup",
        };
        self.noted(who, ("execution.signal", id.as_str(), word), result)
    }

    async fn send_signal(&self, who: &Principal, id: &ExecutionId, signal: Signal) -> Result<()> {
        who.require(Permission::Execute)?;
        match self.place_of(who, id).await?.inside {
            Some(inside) => inside.guest.signal(id, signal).await,
            None => Ok(()),
        }
    }

    /// The commands of a living sandbox: what is recorded, made current by what runs.
    pub(crate) async fn executions_of(&self, seat: &Arc<Seat>) -> Result<Vec<ExecutionRecord>> {
        let id = seat.id.clone();
        let rows = self.records().call(move |s| s.executions_of(&id, MOST_LISTED)).await?;
        let mut records: Vec<_> = rows.into_iter().map(record).collect();
        let runs = records.iter().any(|record| record.execution.ending.is_none());
        if let (true, Some(inside)) = (runs, self.step_inside(seat)) {
            let current = inside.guest.executions().await?;
            for record in &mut records {
                let found = current.iter().find(|now| now.id == record.execution.id);
                if let Some(now) = found {
                    record.execution = now.clone();
                }
            }
        }
        Ok(records)
    }

    /// Where a command is, if the caller may know of it.
    async fn place_of(&self, who: &Principal, id: &ExecutionId) -> Result<Place> {
        let row = self.row_of(id).await?;
        let missing = || {
            Error::not_found(format!("there is no execution `{id}`"))
                .with_hint("see get_sandbox_info for the executions of a sandbox")
        };
        let Some(seat) = self.registry().by_id(&row.sandbox_id) else {
            let sandbox_id = row.sandbox_id.clone();
            let gone = self.records().call(move |store| store.sandbox(&sandbox_id)).await?;
            return match gone {
                Some(gone) if who.sees(&gone.sandbox.owner) => {
                    Ok(Place { record: record(row), inside: None })
                }
                Some(_) | None => Err(missing()),
            };
        };
        if !who.sees(&seat.owner) {
            return Err(missing());
        }
        Ok(Place { record: record(row), inside: self.step_inside(&seat) })
    }

    async fn row_of(&self, id: &ExecutionId) -> Result<ExecutionRow> {
        let wanted = id.clone();
        let row = self.records().call(move |store| store.execution(&wanted)).await?;
        row.ok_or_else(|| {
            Error::not_found(format!("there is no execution `{id}`"))
                .with_hint("see get_sandbox_info for the executions of a sandbox")
        })
    }
}

/// A recorded command, and the inside of its sandbox while that runs.
struct Place {
    record: ExecutionRecord,
    inside: Option<Inside>,
}

fn record(row: ExecutionRow) -> ExecutionRecord {
    ExecutionRecord { sandbox_id: row.sandbox_id, execution: row.execution }
}

/// Asks for nothing but how the command stands.
fn look(id: &ExecutionId) -> ReadOutput {
    ReadOutput { id: id.clone(), stream: Stream::Stdout, offset: 0, limit: 1, wait_ms: 0 }
}

/// Whether an error means that the inside is gone, or has forgotten the command.
fn is_away(error: &Error) -> bool {
    matches!(error.kind(), Kind::Unavailable | Kind::NotFound)
}
