//! Terminals: shells with a screen, which go on while nobody looks and may have several viewers.
//!
//! ```text
//!  viewers ──input──▶ feed ──▶ shell ──▶ log (the last of it is kept) ──▶ each viewer
//!             size ──▶
//! ```
//!
//! A terminal is kept in memory: it ends with its shell, its sandbox and the daemon, whichever is
//! first, and everything in it ends with it. A viewer who is slow holds the shell up for a while,
//! and then goes ([`crate::toolbox::log`]). Somebody who looks keeps the sandbox busy, and so does a
//! shell that writes.

mod shell;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use infield_domain::command::{Command, ProcessInput, Stdin, TerminalSize};
use infield_domain::sandbox::Millis;
use infield_domain::{Error, GuestPath, Kind, Permission, Principal, Result};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio_util::sync::CancellationToken;

use self::shell::{Begin, Shell};
use crate::Engine;
use crate::activity::Work;
use crate::create::check_environment;
use crate::driver::Seat;
use crate::gate::clipped;
use crate::sandboxes::MASK;
use crate::toolbox::log::{Budget, Follow, Log};
use crate::toolbox::named::Named;
use crate::toolbox::{process, sessions};

/// Terminals of one sandbox, and viewers of one terminal.
const MOST_TERMINALS: usize = 16;
const MOST_VIEWERS: usize = 16;
/// Bytes that a terminal keeps for its viewers, and how many of them a new one sees.
const MOST_LOG: usize = 2 << 20;
const REPLAY_BYTES: usize = 64 << 10;
/// Pieces of input that wait for their shell.
const INPUTS: usize = 4;
/// Columns or rows.
const MOST_SIDE: u16 = 1_000;
/// The size of a terminal whose maker does not say.
const STANDARD: TerminalSize = TerminalSize { columns: 80, rows: 24 };
/// How long the processes of a terminal may take to end.
const END_LIMIT: Duration = Duration::from_secs(5);

/// When a terminal's shell starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Starts {
    /// At once.
    Now,
    /// When somebody looks.
    WithFirstViewer,
}

/// A terminal to open.
#[derive(Clone, Debug)]
pub struct OpenTerminal {
    /// Its name.
    pub id: String,
    /// Its size; 80 columns and 24 rows when there is none.
    pub size: Option<TerminalSize>,
    /// Where its shell starts; the sandbox's working directory when there is none.
    pub working_directory: Option<GuestPath>,
    /// Variables besides the sandbox's.
    pub environment: BTreeMap<String, String>,
    /// When its shell starts.
    pub starts: Starts,
}

/// A terminal as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terminal {
    /// Its name.
    pub id: String,
    /// Where its shell started.
    pub working_directory: GuestPath,
    /// The variables that its maker gave it, with masked values.
    pub environment: BTreeMap<String, String>,
    /// Its size.
    pub size: TerminalSize,
    /// When it was opened.
    pub created_at: Millis,
    /// Whether its shell runs.
    pub is_active: bool,
    /// When its shell was to start.
    pub starts: Starts,
}

/// How a terminal's shell ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TerminalEnd {
    /// The exit code; 128 and the signal's number when a signal ended it.
    pub exit_code: i32,
    /// Why, when the shell itself is not the reason.
    pub reason: Option<String>,
}

/// What a viewer sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// What the shell wrote.
    Bytes(Bytes),
    /// The shell has ended, and nothing more comes.
    Ended(TerminalEnd),
}

/// Somebody who looks at a terminal. Dropping it leaves the terminal alone.
pub struct Viewer {
    screen: Follow,
    input: mpsc::Sender<ProcessInput>,
    ended: watch::Receiver<Option<TerminalEnd>>,
    _work: Option<Work>,
    _place: OwnedSemaphorePermit,
}

/// The terminals of one sandbox.
#[derive(Debug)]
pub(crate) struct Terminals {
    all: Named<Living>,
    budget: Arc<Budget>,
}

impl Default for Terminals {
    fn default() -> Self {
        // Each has its own bound: none takes another's screen away.
        let all = Named::new("terminal", MOST_TERMINALS);
        Self { all, budget: Budget::of(2 * MOST_TERMINALS * MOST_LOG) }
    }
}

/// One terminal, as everybody but its task holds it.
#[derive(Debug)]
struct Living {
    working_directory: GuestPath,
    environment: BTreeMap<String, String>,
    created_at: Millis,
    starts: Starts,
    size: watch::Sender<TerminalSize>,
    log: Arc<Log>,
    input: mpsc::Sender<ProcessInput>,
    places: Arc<Semaphore>,
    /// Somebody has looked.
    wanted: CancellationToken,
    /// Asks for its end.
    end: CancellationToken,
    ended: watch::Sender<Option<TerminalEnd>>,
}

impl Engine {
    /// Opens a terminal. Needs `execute`.
    pub async fn open_terminal(
        &self,
        who: &Principal,
        sandbox: &str,
        open: OpenTerminal,
    ) -> Result<()> {
        let id = open.id.clone();
        let result = self.begin_terminal(who, sandbox, open).await.map(drop);
        self.noted_inside(who, ("terminal.open", sandbox, &clipped(&id)), result)
    }

    /// The same, with its first viewer. Needs `execute`.
    pub async fn open_viewed_terminal(
        &self,
        who: &Principal,
        sandbox: &str,
        open: OpenTerminal,
    ) -> Result<Viewer> {
        let id = open.id.clone();
        let begun = self.begin_terminal(who, sandbox, open).await;
        // It may have ended already: who holds it still sees all of it.
        let result = begun.and_then(|(seat, living)| self.viewer(&seat, &living, &id));
        self.noted_inside(who, ("terminal.open", sandbox, &clipped(&id)), result)
    }

    async fn begin_terminal(
        &self,
        who: &Principal,
        sandbox: &str,
        open: OpenTerminal,
    ) -> Result<(Arc<Seat>, Arc<Living>)> {
        who.require(Permission::Execute)?;
        sessions::check_name(&open.id)?;
        check_environment(&open.environment)?;
        let size = check_size(open.size.unwrap_or(STANDARD))?;
        let inside = self.enter(who, Permission::Execute, sandbox).await?;
        let mut command = process::command(&inside, Stdin::Stream);
        if let Some(folder) = &open.working_directory {
            command.working_directory = inside.path(folder)?;
        }
        command.environment.extend(open.environment.clone());
        let seat = inside.seat.clone();
        let (living, inputs) = Living::new(&seat.terminals, &open, (&command, size), self.now());
        // Its place is taken before the shell is there: two of one name are never made.
        if seat.terminals.all.insert(&open.id, &living)?.is_some() {
            return Err(Error::conflict(format!("there is a terminal `{}` already", open.id))
                .with_hint("choose another id, or delete it first"));
        }
        let begin = match open.starts {
            Starts::WithFirstViewer => Begin::Later(command),
            Starts::Now => {
                let command = Command { terminal: Some(size), ..command };
                match process::start_shell(&inside, &command).await {
                    Ok(process) => Begin::Running(command, inside.guest.clone(), process),
                    Err(error) => {
                        seat.terminals.all.remove(&open.id, &living);
                        return Err(error);
                    }
                }
            }
        };
        let (engine, made) = (self.clone(), (seat.clone(), living.clone()));
        let shell = Shell { engine, seat, living, inputs };
        drop(self.spawn(shell.keep(open.id, begin)));
        Ok(made)
    }

    /// The terminals of a sandbox. Needs `read`.
    pub fn list_terminals(&self, who: &Principal, sandbox: &str) -> Result<Vec<Terminal>> {
        who.require(Permission::Read)?;
        let all = self.registry().find(who, sandbox)?.terminals.all.list();
        Ok(all.iter().map(|(id, living)| living.view(id)).collect())
    }

    /// A terminal. Needs `read`.
    pub fn get_terminal(&self, who: &Principal, sandbox: &str, id: &str) -> Result<Terminal> {
        who.require(Permission::Read)?;
        let living = self.registry().find(who, sandbox)?.terminals.all.find(id)?;
        Ok(living.view(id))
    }

    /// Gives a terminal another size. It leaves no record, like what is typed. Needs `execute`.
    pub fn resize_terminal(
        &self,
        who: &Principal,
        sandbox: &str,
        (id, size): (&str, TerminalSize),
    ) -> Result<Terminal> {
        who.require(Permission::Execute)?;
        let living = self.registry().find(who, sandbox)?.terminals.all.find(id)?;
        living.size.send_replace(check_size(size)?);
        Ok(living.view(id))
    }

    /// Looks at a terminal: what it wrote lately, and then what it writes. Needs `execute`.
    pub fn view_terminal(&self, who: &Principal, sandbox: &str, id: &str) -> Result<Viewer> {
        let result = self.look(who, sandbox, id);
        self.noted_inside(who, ("terminal.view", sandbox, &clipped(id)), result)
    }

    fn look(&self, who: &Principal, sandbox: &str, id: &str) -> Result<Viewer> {
        who.require(Permission::Execute)?;
        let seat = self.registry().find(who, sandbox)?;
        let living = seat.terminals.all.find(id)?;
        self.viewer(&seat, &living, id)
    }

    fn viewer(&self, seat: &Arc<Seat>, living: &Living, id: &str) -> Result<Viewer> {
        let place = living.places.clone().try_acquire_owned().map_err(|_| {
            Error::new(Kind::Quota, format!("{MOST_VIEWERS} look at terminal `{id}` already"))
                .with_hint("let one of them disconnect first")
        })?;
        living.wanted.cancel();
        Ok(Viewer {
            screen: living.log.follow_last(REPLAY_BYTES),
            input: living.input.clone(),
            ended: living.ended.subscribe(),
            _work: Work::begin(self, seat),
            _place: place,
        })
    }

    /// Ends a terminal and everything that runs in it. Needs `execute`.
    pub async fn close_terminal(&self, who: &Principal, sandbox: &str, id: &str) -> Result<()> {
        let result = self.end_terminal(who, sandbox, id).await;
        self.noted_inside(who, ("terminal.close", sandbox, &clipped(id)), result)
    }

    async fn end_terminal(&self, who: &Principal, sandbox: &str, id: &str) -> Result<()> {
        who.require(Permission::Execute)?;
        let seat = self.registry().find(who, sandbox)?;
        let living = seat.terminals.all.find(id)?;
        living.end.cancel();
        let mut ended = living.ended.subscribe();
        let ended = ended.wait_for(Option::is_some);
        match tokio::time::timeout(END_LIMIT, ended).await {
            Ok(_) => Ok(()),
            Err(_) => Err(Error::timeout(format!("terminal `{id}` has not ended yet"))
                .with_hint("it is ending; stop the sandbox if it stays")),
        }
    }
}

impl Viewer {
    /// Where what is typed goes.
    pub fn input(&self) -> mpsc::Sender<ProcessInput> {
        self.input.clone()
    }

    /// What comes next. It fails when this viewer is too slow for what is written.
    pub async fn next(&mut self) -> Result<Seen> {
        if let Some(piece) = self.screen.next().await? {
            return Ok(Seen::Bytes(piece.data));
        }
        let ended = self.ended.wait_for(Option::is_some).await;
        let ended = ended.ok().and_then(|ended| ended.clone());
        Ok(Seen::Ended(ended.unwrap_or_else(TerminalEnd::lost)))
    }
}

impl Living {
    fn new(
        terminals: &Terminals,
        open: &OpenTerminal,
        (command, size): (&Command, TerminalSize),
        created_at: Millis,
    ) -> (Arc<Self>, mpsc::Receiver<ProcessInput>) {
        let (input, inputs) = mpsc::channel(INPUTS);
        let mut environment = open.environment.clone();
        environment.values_mut().for_each(|value| MASK.clone_into(value));
        let living = Self {
            working_directory: command.working_directory.clone(),
            environment,
            created_at,
            starts: open.starts,
            size: watch::channel(size).0,
            log: Log::new(&terminals.budget, MOST_LOG),
            input,
            places: Arc::new(Semaphore::new(MOST_VIEWERS)),
            wanted: CancellationToken::new(),
            end: CancellationToken::new(),
            ended: watch::channel(None).0,
        };
        (Arc::new(living), inputs)
    }

    fn view(&self, id: &str) -> Terminal {
        let has_started = self.starts == Starts::Now || self.wanted.is_cancelled();
        Terminal {
            id: id.to_owned(),
            working_directory: self.working_directory.clone(),
            environment: self.environment.clone(),
            size: *self.size.borrow(),
            created_at: self.created_at,
            is_active: has_started && self.ended.borrow().is_none(),
            starts: self.starts,
        }
    }
}

fn check_size(size: TerminalSize) -> Result<TerminalSize> {
    if [size.columns, size.rows].iter().all(|side| (1..=MOST_SIDE).contains(side)) {
        return Ok(size);
    }
    Err(Error::invalid(format!("a terminal has 1 to {MOST_SIDE} columns and rows"))
        .with_hint("80 columns and 24 rows are usual"))
}

#[cfg(test)]
mod tests;
