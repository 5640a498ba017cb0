//! Gathering a run for a caller who wants an answer and not a stream.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use infield_domain::command::{Ending, ProcessEvent, Signal, Stream};
use infield_domain::files::{FileKind, Range};
use infield_domain::lifecycle::Reason;
use infield_domain::network::Connection;
use infield_domain::sandbox::{Millis, Sandbox};
use infield_domain::{Error, ExecutionId, GuestPath, Kind, Result};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::gate::clipped;
use crate::output::{Shaper, show};
use crate::run::Handle;
use crate::{Deadlines, HIGHEST_MAX_CHARS, PreviewLink, Run, Shown};

const SECOND: Duration = Duration::from_secs(1);
/// How long the end of a killed command is waited for.
const AFTER_KILL: Duration = Duration::from_secs(3);
/// How long the driver has to learn that a sandbox died.
const DEATH_LIMIT: Duration = Duration::from_secs(2);
const PROGRESS_CHARS: usize = 200;
/// Figures of one answer, and the bytes of each.
const MOST_PLOTS: u32 = 4;
const MOST_PLOT_BYTES: u64 = 500_000;
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

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
    /// Connections of the sandbox that were refused since the start.
    pub refusals: Vec<Connection>,
    /// Ports that somebody began to listen on, with links, when it goes on; each is told once.
    pub previews: Vec<PreviewLink>,
    /// When the sandbox stops and goes if nothing happens.
    pub deadlines: Deadlines,
    /// When this was true.
    pub at: Millis,
}

impl Run {
    /// Waits for the end, or for as long as the caller has, and shapes what there is to show.
    ///
    /// A command that is handed over goes on if its options say so on a disconnect.
    pub async fn collect(mut self, mut collect: Collect) -> Result<Outcome> {
        let max_chars = collect.max_chars.clamp(1, HIGHEST_MAX_CHARS);
        let mut gathered = Gathered {
            begun: Instant::now(),
            stdout: Shaper::new(max_chars),
            stderr: Shaper::new(max_chars),
            ending: None,
        };
        self.gather(&mut gathered, &mut collect).await?;
        let plots = match (gathered.ending, &self.plots) {
            (Some(_), Some(folder)) => {
                Place { handle: &self.inside, id: &self.execution_id }.plots(folder).await
            }
            (Some(_) | None, _) => Vec::new(),
        };
        let elapsed_ms = gathered.elapsed_ms();
        let at = self.engine.now();
        let refusals = self.inside.seat.refusals.since(at.saturating_sub(elapsed_ms));
        let (stdout, stderr) =
            show(gathered.stdout, gathered.stderr, max_chars, &self.execution_id);
        let status = if gathered.ending.is_some() { Status::Finished } else { Status::Running };
        if status == Status::Running || stdout.truncated || stderr.truncated {
            self.lease.keep_output();
        }
        let previews = match status {
            Status::Running => self.engine.new_previews(&self.who, &self.inside.seat).await,
            Status::Finished => Vec::new(),
        };
        Ok(Outcome {
            sandbox: self.sandbox.clone(),
            execution_id: self.execution_id.clone(),
            temporary: self.temporary,
            status,
            elapsed_ms: gathered.ending.map_or(elapsed_ms, |ending| ending.wall_ms),
            ending: gathered.ending,
            stdout,
            stderr,
            plots,
            refusals,
            previews,
            deadlines: self.inside.seat.deadlines(),
            at,
        })
    }

    async fn gather(&mut self, gathered: &mut Gathered, collect: &mut Collect) -> Result<()> {
        let place = Place { handle: &self.inside, id: &self.execution_id };
        let patience = tokio::time::sleep(Duration::from_millis(collect.foreground_ms));
        tokio::pin!(patience);
        let mut second = tokio::time::interval_at(gathered.begun + SECOND, SECOND);
        let mut cancelled = false;
        loop {
            tokio::select! {
                biased;
                event = self.process.events.next() => match event {
                    Some(Ok(ProcessEvent::Output { stream: Stream::Stdout, data, .. })) => {
                        gathered.stdout.push(&data);
                    }
                    Some(Ok(ProcessEvent::Output { stream: Stream::Stderr, data, .. })) => {
                        gathered.stderr.push(&data);
                    }
                    Some(Ok(ProcessEvent::Ended(ending))) => {
                        gathered.ending = Some(ending);
                        return Ok(());
                    }
                    Some(Err(error)) => return Err(place.broken_off(error).await),
                    None => {
                        let error = Error::unavailable("the command's connection broke off");
                        return Err(place.broken_off(error).await);
                    }
                },
                () = &mut patience => return Ok(()),
                () = collect.cancel.cancelled(), if !cancelled => {
                    cancelled = true;
                    place.handle.guest.signal(place.id, Signal::Kill).await?;
                    patience.as_mut().reset(Instant::now() + AFTER_KILL);
                }
                _ = second.tick(), if collect.on_progress.is_some() => {
                    if let Some(tell) = &mut collect.on_progress {
                        tell(gathered.progress());
                    }
                }
            }
        }
    }
}

/// The inside of a run's sandbox, apart from its events, which only one task at a time may hold.
pub(crate) struct Place<'a> {
    pub(crate) handle: &'a Handle,
    pub(crate) id: &'a ExecutionId,
}

impl Place<'_> {
    /// Why the events ended before the command did: mostly because its sandbox died.
    pub(crate) async fn broken_off(&self, error: Error) -> Error {
        let seat = &self.handle.seat;
        let sandbox = seat.wait_for(|state| !state.is_alive(), DEATH_LIMIT).await;
        if sandbox.state.is_alive() {
            let hint = format!("read on with read_output execution_id={}", self.id);
            return error.with_hint(hint);
        }
        let cause = sandbox.cause.as_ref();
        let reason = cause.map_or("for an unknown reason", |cause| reason_words(cause.reason));
        let detail = cause.and_then(|cause| cause.detail.as_deref());
        let detail = detail.map_or(String::new(), |detail| format!(" ({})", clipped(detail)));
        Error::unavailable(format!(
            "sandbox `{}` ended while the command ran: {reason}{detail}",
            seat.id
        ))
        .with_hint("start it again, or make a new one with higher limits")
        .with_source(error)
    }

    /// The figures that the program saved. They are the guest's word: bounded in number and size,
    /// and a program that spoils them only loses them.
    pub(crate) async fn plots(&self, folder: &GuestPath) -> Vec<Plot> {
        let mut plots = Vec::new();
        for number in 1..=MOST_PLOTS {
            let path = format!("{folder}/figure-{number}.png");
            match self.plot(&path).await {
                Ok(Some(data)) => plots.push(Plot { path, mime_type: "image/png", data }),
                Ok(None) => {}
                Err(error) if error.kind() == Kind::NotFound => break,
                Err(error) => {
                    tracing::debug!(%error, "a figure could not be read");
                    break;
                }
            }
        }
        plots
    }

    async fn plot(&self, path: &str) -> Result<Option<Bytes>> {
        let range = Range { offset: 0, length: Some(MOST_PLOT_BYTES + 1) };
        let (entry, mut content) = self.handle.guest.read(&path.parse()?, range).await?;
        if entry.kind != FileKind::File || entry.size > MOST_PLOT_BYTES {
            return Ok(None);
        }
        let mut data = BytesMut::new();
        while let Some(piece) = content.next().await {
            data.extend_from_slice(&piece?);
            if data.len() as u64 > MOST_PLOT_BYTES {
                return Ok(None);
            }
        }
        Ok(data.starts_with(PNG).then(|| data.freeze()))
    }
}

struct Gathered {
    begun: Instant,
    stdout: Shaper,
    stderr: Shaper,
    ending: Option<Ending>,
}

impl Gathered {
    fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn progress(&self) -> Progress {
        let out = self.stdout.last_line(PROGRESS_CHARS);
        let last_line = if out.is_empty() { self.stderr.last_line(PROGRESS_CHARS) } else { out };
        Progress { elapsed_ms: self.elapsed_ms(), last_line }
    }
}

fn reason_words(reason: Reason) -> &'static str {
    match reason {
        Reason::Request => "somebody asked for it",
        Reason::Idle => "it was idle",
        Reason::Time => "its time was over",
        Reason::Exit => "its first process ended",
        Reason::OutOfMemory => "its memory limit was reached",
        Reason::OutOfDisk => "its disk limit was passed",
        Reason::Killed => "it was killed from outside",
        Reason::HostRestart => "the host started anew",
        Reason::Fault => "of a fault",
    }
}
