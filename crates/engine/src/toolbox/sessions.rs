//! Sessions: one living shell each, whose commands run one after the other, so that folder,
//! variables and functions of one are those of the next.
//!
//! A session is kept in memory: it ends with its sandbox, and with the daemon. What its commands
//! wrote is bounded ([`crate::toolbox::log`]).

mod entry;
mod living;
mod shell;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use infield_domain::command::{Stdin, Stream};
use infield_domain::{Error, Permission, Principal, Result};
use tokio::sync::mpsc;

use self::entry::{Entry, NewEntry};
use self::living::Living;
use self::shell::{Driver, Job};
use crate::driver::Seat;
use crate::gate::clipped;
use crate::inside::Inside;
use crate::toolbox::log::Log;
use crate::toolbox::process;
use crate::{Engine, names};

pub(crate) use self::living::Sessions;
pub use crate::toolbox::log::{Follow, Piece};

/// Bytes of a command's text.
const MOST_TEXT: usize = 1 << 20;
/// Bytes of one input.
const MOST_INPUT: usize = 1 << 20;
/// Bytes of output that one command keeps.
const MOST_LOG: usize = 8 << 20;
/// Bytes of a session's name.
const MOST_NAME: usize = 128;
/// How long a command is waited for.
const WAIT_LIMIT: Duration = Duration::from_secs(86_400);
/// How long the processes of a session may take to end.
const END_LIMIT: Duration = Duration::from_secs(5);
/// How long input may wait for its command to take some.
const INPUT_LIMIT: Duration = Duration::from_secs(10);

/// A session as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its name.
    pub id: String,
    /// What it ran and runs, the oldest first; the very old ones are forgotten.
    pub commands: Vec<SessionCommand>,
}

/// A command of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionCommand {
    /// Which.
    pub id: String,
    /// Its text.
    pub command: String,
    /// How it ended; none while it waits or runs.
    pub exit_code: Option<i32>,
}

/// What a caller of [`Engine::run_in_session`] waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitFor {
    /// The command's end. Such a command has no input.
    End,
    /// Its place in the queue.
    Turn,
}

/// Whether what is sent to a command appears in its output too, as on a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Echo {
    /// It does.
    Shown,
    /// It does not.
    Suppressed,
}

/// A command for a session.
#[derive(Clone, Debug)]
pub struct RunInSession {
    /// Its text, for the session's shell.
    pub command: String,
    /// What is waited for.
    pub wait: WaitFor,
    /// What becomes of its input.
    pub echo: Echo,
}

impl Engine {
    /// Starts a session. Needs `execute`.
    pub async fn create_session(&self, who: &Principal, sandbox: &str, id: &str) -> Result<()> {
        let result = self.begin_session(who, sandbox, id).await;
        self.noted_inside(who, ("session.create", sandbox, id), result)
    }

    async fn begin_session(&self, who: &Principal, sandbox: &str, id: &str) -> Result<()> {
        who.require(Permission::Execute)?;
        check_name(id)?;
        let inside = self.enter(who, Permission::Execute, sandbox).await?;
        let (living, queue) = Living::new();
        // Its place is taken before the shell is there: two of one name are never made.
        inside.seat.sessions.insert(id, &living)?;
        match start_shell(&inside, queue).await {
            Ok(driver) => {
                let seat = inside.seat.clone();
                drop(self.spawn(self.clone().keep(seat, id.to_owned(), living, driver)));
                Ok(())
            }
            Err(error) => {
                inside.seat.sessions.remove(id, &living);
                Err(error)
            }
        }
    }

    /// Drives a session to its end, and forgets it then, or later if its shell ended by itself.
    async fn keep(self, seat: Arc<Seat>, id: String, living: Arc<Living>, mut driver: Driver) {
        let stopped = process::sandbox_stops(&seat);
        tokio::pin!(stopped);
        let code = tokio::select! {
            code = driver.drive(&living.end) => code,
            () = &mut stopped => None,
            () = self.stopping().cancelled() => None,
        };
        driver.jobs.close();
        for entry in living.entries() {
            entry.finish(code.unwrap_or(shell::LOST));
        }
        // What a shell that ended by itself leaves can be asked for until it is deleted or the
        // sandbox stops, which also is how a shell may come to its end.
        if code.is_some() {
            tokio::select! {
                () = living.end.cancelled() => driver.kill().await,
                () = &mut stopped => {}
                () = self.stopping().cancelled() => {}
            }
        }
        living.over.cancel();
        seat.sessions.remove(&id, &living);
    }

    /// The sessions of a sandbox. Needs `read`.
    pub fn list_sessions(&self, who: &Principal, sandbox: &str) -> Result<Vec<Session>> {
        who.require(Permission::Read)?;
        let seat = self.registry().find(who, sandbox)?;
        Ok(seat.sessions.list())
    }

    /// A session. Needs `read`.
    pub fn get_session(&self, who: &Principal, sandbox: &str, id: &str) -> Result<Session> {
        who.require(Permission::Read)?;
        let living = self.session_of(who, sandbox, id)?;
        Ok(Session { id: id.to_owned(), commands: living.views() })
    }

    /// Ends a session and everything that runs in it. Needs `execute`.
    pub async fn delete_session(&self, who: &Principal, sandbox: &str, id: &str) -> Result<()> {
        let result = self.end_session(who, sandbox, id).await;
        self.noted_inside(who, ("session.delete", sandbox, id), result)
    }

    async fn end_session(&self, who: &Principal, sandbox: &str, id: &str) -> Result<()> {
        who.require(Permission::Execute)?;
        let seat = self.registry().find(who, sandbox)?;
        let living = self.session_of(who, sandbox, id)?;
        living.end.cancel();
        seat.sessions.remove(id, &living);
        tokio::time::timeout(END_LIMIT, living.over.cancelled()).await.map_err(|_| {
            Error::timeout(format!("session `{id}` has not ended yet"))
                .with_hint("it is ending; stop the sandbox if it stays")
        })
    }

    /// Has a session run a command after those before it. Needs `execute`.
    pub async fn run_in_session(
        &self,
        who: &Principal,
        (sandbox, session): (&str, &str),
        run: RunInSession,
    ) -> Result<(SessionCommand, Vec<Piece>)> {
        let (detail, wait) = (format!("{session}: {}", clipped(&run.command)), run.wait);
        let queued = self.queue(who, (sandbox, session), run).await;
        let entry = self.noted_inside(who, ("session.run", sandbox, &detail), queued)?;
        if wait == WaitFor::Turn {
            return Ok((entry.view(), Vec::new()));
        }
        match tokio::time::timeout(WAIT_LIMIT, entry.finished()).await {
            Ok(()) => Ok((entry.view(), entry.log.pieces())),
            Err(_) => Err(Error::timeout(format!("`{}` has not ended after a day", entry.id))
                .with_hint("it goes on; ask for its logs")),
        }
    }

    async fn queue(
        &self,
        who: &Principal,
        (sandbox, session): (&str, &str),
        run: RunInSession,
    ) -> Result<Arc<Entry>> {
        who.require(Permission::Execute)?;
        check_text(&run.command)?;
        let seat = self.registry().find(who, sandbox)?;
        let living = self.session_of(who, sandbox, session)?;
        let inside = self.step_inside(&seat).ok_or_else(|| ended(session))?;
        if seat.sessions.budget.is_short() {
            living.forget_outputs();
        }
        let takes_input = run.wait == WaitFor::Turn;
        let (entry, input) = Entry::new(NewEntry {
            id: names::letters("cmd-"),
            command: run.command,
            log: Log::new(&seat.sessions.budget, MOST_LOG),
            takes_input,
            suppresses_echo: run.echo == Echo::Suppressed,
        });
        let stdin = if takes_input { Stdin::Stream } else { Stdin::Empty };
        living.queue(Job { entry: entry.clone(), inside, stdin, input }, session)?;
        Ok(entry)
    }

    /// A command of a session. Needs `read`.
    pub fn get_session_command(
        &self,
        who: &Principal,
        sandbox: &str,
        (session, command): (&str, &str),
    ) -> Result<SessionCommand> {
        who.require(Permission::Read)?;
        Ok(self.session_of(who, sandbox, session)?.entry(command)?.view())
    }

    /// What a command wrote so far, with what it left behind. Needs `read`.
    pub async fn session_logs(
        &self,
        who: &Principal,
        sandbox: &str,
        (session, command): (&str, &str),
    ) -> Result<Vec<Piece>> {
        who.require(Permission::Read)?;
        let entry = self.session_of(who, sandbox, session)?.entry(command)?;
        entry.catch_up().await;
        Ok(entry.log.pieces())
    }

    /// Follows what a command writes, from its beginning to its end. Needs `read`.
    pub fn follow_session_logs(
        &self,
        who: &Principal,
        sandbox: &str,
        (session, command): (&str, &str),
    ) -> Result<Follow> {
        who.require(Permission::Read)?;
        Ok(self.session_of(who, sandbox, session)?.entry(command)?.log.follow())
    }

    /// Sends a command input; it is a conflict when the command takes none. Needs `execute`.
    pub async fn send_session_input(
        &self,
        who: &Principal,
        sandbox: &str,
        (session, command): (&str, &str),
        data: Bytes,
    ) -> Result<()> {
        who.require(Permission::Execute)?;
        if data.len() > MOST_INPUT {
            return Err(Error::invalid(format!("one input has {MOST_INPUT} bytes at most")));
        }
        let entry = self.session_of(who, sandbox, session)?.entry(command)?;
        let Some(input) = entry.input.as_ref().filter(|_| entry.exit_code().is_none()) else {
            return Err(Error::conflict(format!("command `{command}` takes no input any more"))
                .with_hint("input goes to commands that run with `runAsync`"));
        };
        if !entry.suppresses_echo {
            entry.log.push(Stream::Stdout, &data);
        }
        let sent = tokio::time::timeout(INPUT_LIMIT, input.send(data)).await;
        let sent = sent.map_err(|_| Error::timeout(format!("`{command}` does not read")))?;
        sent.map_err(|_| Error::conflict(format!("command `{command}` has ended")))
    }

    fn session_of(&self, who: &Principal, sandbox: &str, id: &str) -> Result<Arc<Living>> {
        self.registry().find(who, sandbox)?.sessions.find(id)
    }
}

/// The image's shell, which has no other output than ours.
async fn start_shell(inside: &Inside, jobs: mpsc::Receiver<Job>) -> Result<Driver> {
    let shell = process::command(inside, Stdin::Stream);
    let process = process::start_shell(inside, &shell).await?;
    Ok(Driver { guest: inside.guest.clone(), shell, process, jobs, last: 0 })
}

pub(crate) fn check_name(id: &str) -> Result<()> {
    if !id.is_empty() && id.len() <= MOST_NAME && !id.contains(|c: char| c.is_control()) {
        return Ok(());
    }
    Err(Error::invalid(format!("an id has 1 to {MOST_NAME} bytes without control characters")))
}

fn check_text(command: &str) -> Result<()> {
    if command.trim().is_empty() {
        return Err(Error::invalid("there is no command to run"));
    }
    if command.len() > MOST_TEXT || command.contains('\0') {
        return Err(Error::invalid(format!("a command has {MOST_TEXT} bytes at most, and no NUL"))
            .with_hint("write it to a file in the sandbox and run that"));
    }
    Ok(())
}

fn ended(session: &str) -> Error {
    Error::conflict(format!("session `{session}` has ended"))
        .with_hint("delete it, and create it again")
}

#[cfg(test)]
mod tests;
