//! Interpreter contexts: Python programs that keep what each piece of code leaves behind.
//!
//! A context is one process of a small driver (`interpreter.py`), an ordinary program of the
//! sandbox's user. It is untrusted like everything inside: what it says is parsed strictly
//! ([`speech`]), bounded, and waited for within limits. A context is kept in memory and ends with
//! its process, its sandbox and the daemon. The default one is made when it is first used, and again
//! after it ended; lists leave it out.

mod speech;
mod worker;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use infield_domain::command::{Command, Stdin, Stream};
use infield_domain::language::Language;
use infield_domain::sandbox::Millis;
use infield_domain::{Error, GuestPath, Kind, Permission, Principal, Result};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use self::worker::{Job, Worker};
use crate::create::check_environment;
use crate::driver::Seat;
use crate::gate::clipped;
use crate::inside::Inside;
use crate::run::{Attempt, spawn_first};
use crate::toolbox::named::Named;
use crate::toolbox::process;
use crate::{Engine, names};

pub use self::speech::Fault;

/// The program that each context is.
const DRIVER: &str = include_str!("interpreter.py");
/// Contexts of one sandbox, and runs that wait in one context.
const MOST_CONTEXTS: usize = 16;
const MOST_WAITING: usize = 16;
/// Bytes of one piece of code.
const MOST_CODE: usize = 4 << 20;
/// Pieces of news that wait for whoever asked.
const MOST_NEWS: usize = 4;
/// How long code may run when nobody says otherwise, and at most.
const STANDARD_LIMIT: Duration = Duration::from_secs(600);
const LONGEST_LIMIT: Duration = Duration::from_secs(86_400);
/// How long a context may take to end.
const END_LIMIT: Duration = Duration::from_secs(5);
/// The id of the default context.
const DEFAULT: &str = "default";

/// A context as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context {
    /// Names it.
    pub id: String,
    /// Where its code runs.
    pub working_directory: GuestPath,
    /// When it was made.
    pub created_at: Millis,
    /// Whether its process runs.
    pub is_active: bool,
    /// What it understands.
    pub language: Language,
}

/// Code for a context.
#[derive(Clone, Debug)]
pub struct RunInContext {
    /// Which; the default one when there is none.
    pub context: Option<String>,
    /// What.
    pub code: String,
    /// Variables that it sees besides those of its context.
    pub environment: BTreeMap<String, String>,
    /// How long it may run: ten minutes when there is none, a day when it is zero.
    pub time_limit: Option<Duration>,
}

/// What is told of code that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// It wrote this.
    Output(Stream, String),
    /// It failed; its context goes on.
    Failed(Fault),
    /// It came to its end. This is the last news, as are those that follow.
    Completed,
    /// Its time was over.
    TimedOut,
    /// Its context has ended, and everything that it kept is gone.
    Gone(String),
}

/// Code that runs. Dropping it interrupts the code.
pub struct Running {
    news: mpsc::Receiver<News>,
}

impl Running {
    /// The next news; none after the last.
    pub async fn next(&mut self) -> Option<News> {
        self.news.recv().await
    }
}

/// The contexts of one sandbox.
#[derive(Debug)]
pub(crate) struct Interpreters {
    all: Named<Living>,
}

impl Default for Interpreters {
    fn default() -> Self {
        Self { all: Named::new("interpreter context", MOST_CONTEXTS) }
    }
}

/// One context, as everybody but its task holds it.
#[derive(Debug)]
struct Living {
    working_directory: GuestPath,
    created_at: Millis,
    jobs: mpsc::Sender<Job>,
    /// Asks for its end.
    end: CancellationToken,
    /// Its process has ended.
    over: CancellationToken,
}

impl Engine {
    /// Makes a context. Needs `execute`.
    pub async fn create_context(
        &self,
        who: &Principal,
        sandbox: &str,
        (folder, language): (Option<GuestPath>, Language),
    ) -> Result<Context> {
        let id = names::letters("ctx-");
        let made = self.make_context(who, sandbox, (&id, folder, language)).await;
        let made = made.map(|living| living.view(&id));
        self.noted_inside(who, ("interpreter.create", sandbox, &id), made)
    }

    async fn make_context(
        &self,
        who: &Principal,
        sandbox: &str,
        (id, folder, language): (&str, Option<GuestPath>, Language),
    ) -> Result<Arc<Living>> {
        who.require(Permission::Execute)?;
        if language != Language::Python {
            let word = language.as_str();
            return Err(Error::invalid(format!("there are no contexts for `{word}`"))
                .with_hint("contexts run `python`; run other languages as programs"));
        }
        let inside = self.enter(who, Permission::Execute, sandbox).await?;
        let mut command = process::command(&inside, Stdin::Stream);
        if let Some(folder) = &folder {
            command.working_directory = inside.path(folder)?;
        }
        let (jobs, queue) = mpsc::channel(MOST_WAITING);
        let living = Arc::new(Living {
            working_directory: command.working_directory.clone(),
            created_at: self.now(),
            jobs,
            end: CancellationToken::new(),
            over: CancellationToken::new(),
        });
        let seat = inside.seat.clone();
        // Its place is taken before the process is there, so that there are never too many.
        if let Some(other) = seat.interpreters.all.insert(id, &living)? {
            return Ok(other);
        }
        match start(&inside, command, queue).await {
            Ok(worker) => drop(self.spawn(self.clone().keep_context(
                seat,
                id.to_owned(),
                living.clone(),
                worker,
            ))),
            Err(error) => {
                seat.interpreters.all.remove(id, &living);
                return Err(error);
            }
        }
        Ok(living)
    }

    /// Drives a context to its end; one with a name is known until it is deleted.
    async fn keep_context(self, seat: Arc<Seat>, id: String, living: Arc<Living>, worker: Worker) {
        let stopped = process::sandbox_stops(&seat);
        tokio::pin!(stopped);
        let (last, ended_by_itself) = tokio::select! {
            // The reason comes before what follows from it.
            biased;
            () = &mut stopped => (None, false),
            () = self.stopping().cancelled() => (None, false),
            last = worker.drive(&living.end) => (last, !living.end.is_cancelled()),
        };
        living.over.cancel();
        if id == DEFAULT {
            seat.interpreters.all.remove(&id, &living);
        }
        // Whoever hears it and asks again finds a new default context.
        if let Some(last) = last {
            last.tell().await;
        }
        if ended_by_itself && id != DEFAULT {
            tokio::select! {
                () = living.end.cancelled() => {}
                () = stopped => {}
                () = self.stopping().cancelled() => {}
            }
        }
        seat.interpreters.all.remove(&id, &living);
    }

    /// The contexts of a sandbox, without the default one. Needs `read`.
    pub fn list_contexts(&self, who: &Principal, sandbox: &str) -> Result<Vec<Context>> {
        who.require(Permission::Read)?;
        let seat = self.registry().find(who, sandbox)?;
        let all = seat.interpreters.all.list();
        let shown = all.iter().filter(|(id, _)| id != DEFAULT);
        Ok(shown.map(|(id, living)| living.view(id)).collect())
    }

    /// Ends a context. Needs `execute`.
    pub async fn delete_context(&self, who: &Principal, sandbox: &str, id: &str) -> Result<()> {
        let result = self.end_context(who, sandbox, id).await;
        self.noted_inside(who, ("interpreter.delete", sandbox, &clipped(id)), result)
    }

    async fn end_context(&self, who: &Principal, sandbox: &str, id: &str) -> Result<()> {
        who.require(Permission::Execute)?;
        let seat = self.registry().find(who, sandbox)?;
        if id == DEFAULT {
            return Err(Error::invalid("the default context cannot be deleted")
                .with_hint("make one of your own for what is to end"));
        }
        let living = seat.interpreters.all.find(id)?;
        living.end.cancel();
        seat.interpreters.all.remove(id, &living);
        tokio::time::timeout(END_LIMIT, living.over.cancelled()).await.map_err(|_| {
            Error::timeout(format!("context `{id}` has not ended yet"))
                .with_hint("it is ending; stop the sandbox if it stays")
        })
    }

    /// Runs code in a context after what runs there. Needs `execute`.
    pub async fn run_in_context(
        &self,
        who: &Principal,
        sandbox: &str,
        run: RunInContext,
    ) -> Result<Running> {
        let first = run.code.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
        let context = run.context.as_deref().unwrap_or(DEFAULT);
        let detail = clipped(&format!("{context}: {}", first.trim()));
        let result = self.queue_code(who, sandbox, run).await;
        self.noted_inside(who, ("interpreter.run", sandbox, &detail), result)
    }

    async fn queue_code(
        &self,
        who: &Principal,
        sandbox: &str,
        run: RunInContext,
    ) -> Result<Running> {
        who.require(Permission::Execute)?;
        check_environment(&run.environment)?;
        if run.code.len() > MOST_CODE {
            return Err(Error::invalid(format!("a piece of code has {MOST_CODE} bytes at most"))
                .with_hint("write it to a file in the sandbox and import that"));
        }
        let id = run.context.as_deref().filter(|id| !id.is_empty()).unwrap_or(DEFAULT);
        let living = match self.registry().find(who, sandbox)?.interpreters.all.find(id) {
            Err(_) if id == DEFAULT => {
                self.make_context(who, sandbox, (id, None, Language::Python)).await?
            }
            found => found?,
        };
        let inside = self.enter(who, Permission::Execute, sandbox).await?;
        let (news, told) = mpsc::channel(MOST_NEWS);
        let limit = match run.time_limit {
            None => STANDARD_LIMIT,
            Some(Duration::ZERO) => LONGEST_LIMIT,
            Some(limit) => limit.min(LONGEST_LIMIT),
        };
        let (code, environment) = (run.code, run.environment);
        let queued = living.jobs.try_send(Job { code, environment, limit, news, inside });
        queued.map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => {
                Error::new(Kind::Quota, format!("{MOST_WAITING} runs wait in context `{id}`"))
                    .with_hint("wait for some to end, or use another context")
            }
            mpsc::error::TrySendError::Closed(_) => {
                Error::conflict(format!("context `{id}` has ended"))
                    .with_hint("make another one; what it kept is gone")
            }
        })?;
        Ok(Running { news: told })
    }
}

/// The driver, in the sandbox's own Python.
async fn start(inside: &Inside, command: Command, jobs: mpsc::Receiver<Job>) -> Result<Worker> {
    let runner = Language::Python.runner();
    let attempt = |program: &&str| Attempt {
        argv: [program, "-u", "-c", DRIVER].map(str::to_owned).into(),
        stdin: command.stdin.clone(),
    };
    let attempts = runner.programs.iter().map(attempt).collect();
    let missing = ("the image has no Python".to_owned(), runner.missing.to_owned());
    let process = spawn_first(&*inside.guest, command.clone(), attempts, missing).await?;
    Ok(Worker { guest: inside.guest.clone(), id: command.id, process, jobs })
}

impl Living {
    fn view(&self, id: &str) -> Context {
        Context {
            id: id.to_owned(),
            working_directory: self.working_directory.clone(),
            created_at: self.created_at,
            is_active: !self.over.is_cancelled(),
            language: Language::Python,
        }
    }
}

#[cfg(test)]
mod tests;
