//! The sessions of one sandbox as everybody but their tasks holds them, and what they remember.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use infield_domain::{Error, Kind, Result};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::entry::Entry;
use super::shell::Job;
use super::{Session, SessionCommand, ended};
use crate::gate::clipped;
use crate::toolbox::log::Budget;

/// Sessions of one sandbox.
pub(super) const MOST_SESSIONS: usize = 32;
/// Commands that a session remembers, and that wait in it.
const MOST_COMMANDS: usize = 128;
const MOST_WAITING: usize = 64;
/// Bytes of output that all sessions of a sandbox keep together.
const MOST_LOGS: usize = 64 << 20;

/// The sessions of one sandbox.
#[derive(Debug)]
pub(crate) struct Sessions {
    all: Mutex<BTreeMap<String, Arc<Living>>>,
    pub(super) budget: Arc<Budget>,
}

impl Default for Sessions {
    fn default() -> Self {
        Self { all: Mutex::default(), budget: Budget::of(MOST_LOGS) }
    }
}

/// One session, as everybody but its task holds it.
#[derive(Debug)]
pub(super) struct Living {
    commands: Mutex<VecDeque<Arc<Entry>>>,
    jobs: mpsc::Sender<Job>,
    /// Asks for its end.
    pub(super) end: CancellationToken,
    /// Nothing of it runs any more.
    pub(super) over: CancellationToken,
}

impl Sessions {
    pub(super) fn insert(&self, id: &str, living: &Arc<Living>) -> Result<()> {
        self.with(|all| {
            if all.contains_key(id) {
                return Err(Error::conflict(format!("there is a session `{id}` already"))
                    .with_hint("choose another id, or delete it first"));
            }
            if all.len() >= MOST_SESSIONS {
                return Err(Error::new(
                    Kind::Quota,
                    format!("a sandbox has {MOST_SESSIONS} sessions at most"),
                )
                .with_hint("delete one first"));
            }
            all.insert(id.to_owned(), living.clone());
            Ok(())
        })
    }

    pub(super) fn remove(&self, id: &str, living: &Arc<Living>) {
        self.with(|all| {
            if all.get(id).is_some_and(|found| Arc::ptr_eq(found, living)) {
                all.remove(id);
            }
        });
    }

    pub(super) fn find(&self, id: &str) -> Result<Arc<Living>> {
        self.with(|all| all.get(id).cloned()).ok_or_else(|| {
            Error::not_found(format!("there is no session `{}`", clipped(id)))
                .with_hint("create it first; sessions end with their sandbox")
        })
    }

    pub(super) fn list(&self) -> Vec<Session> {
        let view = |(id, living): (&String, &Arc<Living>)| Session {
            id: id.clone(),
            commands: living.views(),
        };
        self.with(|all| all.iter().map(view).collect())
    }

    fn with<T>(&self, act: impl FnOnce(&mut BTreeMap<String, Arc<Living>>) -> T) -> T {
        act(&mut self.all.lock().expect("no holder of this lock panics"))
    }
}

impl Living {
    /// A session that begins, and what its commands come by.
    pub(super) fn new() -> (Arc<Self>, mpsc::Receiver<Job>) {
        let (jobs, queue) = mpsc::channel(MOST_WAITING);
        let (end, over) = (CancellationToken::new(), CancellationToken::new());
        (Arc::new(Self { commands: Mutex::default(), jobs, end, over }), queue)
    }

    pub(super) fn queue(&self, job: Job, session: &str) -> Result<()> {
        let entry = job.entry.clone();
        self.jobs.try_send(job).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Error::new(
                Kind::Quota,
                format!("{MOST_WAITING} commands wait in session `{session}` already"),
            )
            .with_hint("wait for some to end, or use another session"),
            mpsc::error::TrySendError::Closed(_) => ended(session),
        })?;
        self.with(|commands| {
            commands.push_back(entry);
            if commands.len() > MOST_COMMANDS {
                let oldest = commands.iter().position(|entry| entry.exit_code().is_some());
                oldest.and_then(|oldest| commands.remove(oldest));
            }
        });
        Ok(())
    }

    /// Forgets what commands wrote that are over, when a sandbox has written much.
    pub(super) fn forget_outputs(&self) {
        let over = self.entries().into_iter().filter(|entry| entry.exit_code().is_some());
        over.for_each(|entry| entry.log.clear());
    }

    pub(super) fn entry(&self, id: &str) -> Result<Arc<Entry>> {
        let found = self.with(|commands| commands.iter().find(|one| one.id == id).cloned());
        found.ok_or_else(|| Error::not_found(format!("there is no command `{}`", clipped(id))))
    }

    pub(super) fn entries(&self) -> Vec<Arc<Entry>> {
        self.with(|commands| commands.iter().cloned().collect())
    }

    pub(super) fn views(&self) -> Vec<SessionCommand> {
        self.with(|commands| commands.iter().map(|entry| entry.view()).collect())
    }

    fn with<T>(&self, act: impl FnOnce(&mut VecDeque<Arc<Entry>>) -> T) -> T {
        act(&mut self.commands.lock().expect("no holder of this lock panics"))
    }
}
