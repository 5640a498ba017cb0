//! The shell of one terminal, and the task that keeps it.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use infield_domain::command::{
    Command, Ending, ProcessEvent, ProcessInput, Signal, StoppedBy, Stream, TerminalSize,
};
use infield_domain::guest::{Guest, InputSink, Process};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::{Living, TerminalEnd};
use crate::Engine;
use crate::activity::Work;
use crate::driver::Seat;
use crate::toolbox::process;

/// How often writing counts as being busy.
const BUSY_EVERY: Duration = Duration::from_secs(10);
/// How long the end of a shell is waited for that was killed.
const KILL_LIMIT: Duration = Duration::from_secs(4);
/// What a shell ended with that could not say it.
const LOST: i32 = 137;

/// How far a shell is when its task begins.
pub(super) enum Begin {
    /// It is to start when somebody looks.
    Later(Command),
    Running(Command, Arc<dyn Guest>, Process),
}

/// The task's own side of a terminal.
pub(super) struct Shell {
    pub(super) engine: Engine,
    pub(super) seat: Arc<Seat>,
    pub(super) living: Arc<Living>,
    pub(super) inputs: mpsc::Receiver<ProcessInput>,
}

impl Shell {
    /// Keeps the terminal until its shell has ended, it is closed, or the sandbox or the engine
    /// stops; what runs in it does not outlive the connection that is dropped then.
    pub(super) async fn keep(mut self, id: String, begin: Begin) {
        let (seat, living) = (self.seat.clone(), self.living.clone());
        let stopping = self.engine.stopping().clone();
        let end = tokio::select! {
            // The reason comes before what follows from it.
            biased;
            () = process::sandbox_stops(&seat) => TerminalEnd::because("the sandbox has stopped"),
            () = stopping.cancelled() => TerminalEnd::because("the server is ending"),
            end = self.run(begin) => end,
        };
        // Its name is free before anybody is told.
        seat.terminals.all.remove(&id, &living);
        living.ended.send_replace(Some(end));
        living.log.close();
    }

    async fn run(&mut self, begin: Begin) -> TerminalEnd {
        match begin {
            Begin::Running(command, guest, process) => self.show(&command, &*guest, process).await,
            Begin::Later(command) => {
                tokio::select! {
                    () = self.living.wanted.cancelled() => {}
                    () = self.living.end.cancelled() => return TerminalEnd::because("killed"),
                }
                let Some(inside) = self.engine.step_inside(&self.seat) else {
                    return TerminalEnd::because("the sandbox has stopped");
                };
                let command = Command { terminal: Some(*self.living.size.borrow()), ..command };
                match process::start_shell(&inside, &command).await {
                    Ok(process) => self.show(&command, &*inside.guest.clone(), process).await,
                    Err(error) => TerminalEnd::because(error.message()),
                }
            }
        }
    }

    /// Carries both ways until the shell has ended.
    async fn show(
        &mut self,
        command: &Command,
        guest: &dyn Guest,
        process: Process,
    ) -> TerminalEnd {
        let Process { mut events, input } = process;
        let (living, size) = (self.living.clone(), command.terminal.unwrap_or(super::STANDARD));
        let feed = feed(&mut self.inputs, (living.size.subscribe(), size), input);
        let killed = kill(&living, guest, command);
        tokio::pin!(feed, killed);
        let (mut is_fed, mut waits, mut busy_at) = (false, false, None::<Instant>);
        loop {
            tokio::select! {
                event = events.next(), if !waits => match event {
                    Some(Ok(ProcessEvent::Output { data, .. })) => {
                        living.log.push(Stream::Stdout, &data);
                        waits = living.log.is_ahead();
                        if busy_at.is_none_or(|at| at.elapsed() > BUSY_EVERY) {
                            busy_at = Some(Instant::now());
                            drop(Work::begin(&self.engine, &self.seat));
                        }
                    }
                    Some(Ok(ProcessEvent::Ended(ending))) => return TerminalEnd::of(&ending),
                    Some(Err(_)) | None => return TerminalEnd::lost(),
                },
                () = living.log.readers(), if waits => waits = false,
                () = &mut feed, if !is_fed => is_fed = true,
                () = &mut killed => return TerminalEnd::because("killed"),
            }
        }
    }
}

/// Kills the shell when its terminal is to end; comes back only when its end is not told in time.
async fn kill(living: &Living, guest: &dyn Guest, command: &Command) {
    living.end.cancelled().await;
    if let Err(error) = guest.signal(&command.id, Signal::Kill).await {
        tracing::debug!(%error, "the shell of a terminal is gone already");
    }
    tokio::time::sleep(KILL_LIMIT).await;
}

/// Gives the shell what is typed, and its terminal each new size.
async fn feed(
    inputs: &mut mpsc::Receiver<ProcessInput>,
    (mut sizes, mut size): (watch::Receiver<TerminalSize>, TerminalSize),
    mut sink: Box<dyn InputSink>,
) {
    loop {
        // One that was asked for before the shell was there counts too.
        let wanted = *sizes.borrow_and_update();
        let input = if wanted == size {
            tokio::select! {
                input = inputs.recv() => input,
                changed = sizes.changed() => match changed {
                    Ok(()) => continue,
                    Err(_) => None,
                },
            }
        } else {
            size = wanted;
            Some(ProcessInput::Resize(wanted))
        };
        let Some(input) = input else { return };
        if let Err(error) = sink.send(input).await {
            tracing::debug!(%error, "a terminal takes no more input");
            return;
        }
    }
}

impl TerminalEnd {
    /// That of a shell that said how it ended.
    fn of(ending: &Ending) -> Self {
        let reason = match (ending.stopped_by, ending.signal) {
            (Some(StoppedBy::Caller), _) => Some("killed".to_owned()),
            (Some(StoppedBy::OutOfMemory), _) => Some("out of memory".to_owned()),
            (Some(StoppedBy::Timeout), _) => Some("timeout".to_owned()),
            (None, Some(signal)) => Some(format!("signal {signal}")),
            (None, None) => None,
        };
        Self { exit_code: ending.exit_code, reason }
    }

    /// That of a shell that was ended for this reason.
    fn because(reason: &str) -> Self {
        Self { exit_code: LOST, reason: Some(reason.to_owned()) }
    }

    /// That of a shell that nobody has heard of any more.
    pub(super) fn lost() -> Self {
        Self::because("the connection to the shell broke off")
    }
}
