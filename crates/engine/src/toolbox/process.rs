//! Processes that belong to a session, a terminal or an interpreter, and not to one request.
//!
//! They end with the connection that started them, so none outlives the daemon that knows it.

use std::time::Duration;

use futures_util::StreamExt as _;
use infield_domain::command::{Command, OnDisconnect, ProcessEvent, Signal, Stdin};
use infield_domain::guest::{Guest, Process, ProcessEvents};
use infield_domain::{ExecutionId, Result};

use crate::driver::Seat;
use crate::inside::Inside;
use crate::run::{prepare_command, spawn_first};
use crate::{CommandLine, names};

/// How long the end of a killed process is waited for: the agent itself gives up on what cannot
/// be killed after 0.9 s.
const KILL_LIMIT: Duration = Duration::from_secs(2);

/// A process of the sandbox's user in its working directory; the program is still to be named.
pub(crate) fn command(inside: &Inside, stdin: Stdin) -> Command {
    let spec = &inside.sandbox.spec;
    Command {
        id: names::execution_id(),
        argv: Vec::new(),
        environment: crate::secrets::environment(&inside.sandbox),
        working_directory: spec.working_directory.clone(),
        user: spec.user.clone(),
        stdin,
        terminal: None,
        timeout_ms: None,
        on_disconnect: OnDisconnect::Kill,
    }
}

/// Starts the image's shell, which reads what it is to do.
pub(crate) async fn start_shell(inside: &Inside, command: &Command) -> Result<Process> {
    let shell = CommandLine::Shell(String::new());
    let mut prepared = prepare_command(shell, command.stdin.clone());
    // Without `-c` and a text.
    prepared.attempts.iter_mut().for_each(|attempt| attempt.argv.truncate(1));
    let (attempts, missing) = (prepared.attempts, prepared.missing);
    spawn_first(&*inside.guest, command.clone(), attempts, missing).await
}

/// Waits until a sandbox runs no more.
pub(crate) async fn sandbox_stops(seat: &Seat) {
    let mut view = seat.watch();
    // A driver that is gone has no sandbox any more.
    let _stopped = view.wait_for(|sandbox| !sandbox.state.is_alive()).await;
}

/// Kills a process with all that came of it, and waits until none of it runs.
pub(crate) async fn kill(guest: &dyn Guest, id: &ExecutionId, events: &mut ProcessEvents) {
    if let Err(error) = guest.signal(id, Signal::Kill).await {
        tracing::debug!(%error, "a process that is to end is gone already");
        return;
    }
    let is_over = |event: &_| !matches!(event, Some(Ok(ProcessEvent::Output { .. })));
    let over = async { while !is_over(&events.next().await) {} };
    if tokio::time::timeout(KILL_LIMIT, over).await.is_err() {
        tracing::warn!(%id, "a killed process has not ended yet");
    }
}
