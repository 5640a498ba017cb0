//! Other sandboxes: which of them one may reach, and the connections to them.
//!
//! Nothing leads from here into a sandbox: its agent connects to its loopback, and the daemon asks
//! the agent, after it has looked itself whether both are in one network.
//!
//! ```text
//! accept ─▶ find ─▶ reach ──FromNetwork::Reach──▶ daemon ──▶ agent ──▶ a port of its loopback
//!                     ▲                              │
//!                     └───Request::Reached, a socket─┘
//! ```

use std::collections::{HashMap, VecDeque};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use infield_domain::network::{Membership, Terms};
use infield_domain::{NetworkName, SandboxId};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch};
use tokio::time::{Instant, timeout_at};

use crate::control::{Outcome, Reach};
use crate::defence::{Defence, Without};
use crate::journal::News;

/// How long a connection to another sandbox may take, whoever is slow.
const PATIENCE: Duration = Duration::from_secs(5);
/// Connections that one sandbox has made for it at once; further ones wait.
const MOST_AT_ONCE: usize = 32;
/// What the daemon answered, and the socket that came along.
type Come = (Outcome, Option<OwnedFd>);

/// Connections that are made for all sandboxes at once.
const MOST_WAITING: usize = 1_024;
/// Connections from others that one sandbox has at once; further ones wait. Its agent takes 256 of
/// all kinds, and visitors of previews are up to 128 of them.
const MOST_INTO_ONE: usize = 96;

const AWAY: &str = "whoever connects sandboxes did not answer in time";
const BUSY: &str = "too many connections between sandboxes are being made";
const FULL: &str = "it has as many connections from other sandboxes as it takes";

/// What a name of a sandbox means to another one.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// A sandbox that it may reach, both being in this network.
    Member(SandboxId, NetworkName),
    /// None that it may reach.
    Stranger,
    /// The same, and it is in no network itself.
    Alone,
}

/// Why there is no connection to another sandbox.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The daemon says that it may not be.
    Refused,
    /// It may be, and was not made.
    Unreachable(String),
}

/// A connection to another sandbox, and what came of it already.
#[derive(Debug)]
pub(crate) struct Reached {
    pub(crate) socket: OwnedFd,
    pub(crate) early: Vec<u8>,
    /// Its place among those into that sandbox.
    pub(crate) place: OwnedSemaphorePermit,
}

/// What is known of all sandboxes that are served.
#[derive(Debug, Default)]
pub(crate) struct Peers {
    members: watch::Sender<Members>,
    calls: Mutex<Calls>,
    /// There is something for the daemon.
    news: Arc<News>,
    without: Without,
}

/// Who is in which network.
#[derive(Debug, Default)]
pub(crate) struct Members {
    by_id: HashMap<SandboxId, Membership>,
    /// By owner and word, each member by its name in lower case.
    networks: HashMap<(String, NetworkName), HashMap<String, SandboxId>>,
}

#[derive(Debug, Default)]
struct Calls {
    next: u64,
    waiting: HashMap<u64, (Reach, oneshot::Sender<Come>)>,
    /// Those of them that the daemon has not been asked for.
    fresh: VecDeque<u64>,
    /// Places for connections into sandboxes that have some.
    places: HashMap<SandboxId, Weak<Semaphore>>,
}

/// One sandbox's way to others.
#[derive(Debug)]
pub(crate) struct Door {
    pub(crate) peers: Arc<Peers>,
    room: Semaphore,
}

impl Peers {
    pub(crate) fn new(news: Arc<News>, without: Without) -> Arc<Self> {
        Arc::new(Self { news, without, ..Self::default() })
    }

    /// Takes what a sandbox is to others from now on; none for one that is not served any more.
    pub(crate) fn change(&self, id: &SandboxId, terms: Option<&Terms>) {
        let keeps = self.without.keeps(Defence::Members);
        let member = terms.and_then(Terms::member);
        let member = member.filter(|member| !member.networks.is_empty() || !keeps);
        self.members.send_if_modified(|members| {
            let is_new = members.by_id.get(id) != member;
            if is_new {
                members.forget(id);
                member.into_iter().for_each(|member| members.add(id, member.clone()));
            }
            is_new
        });
    }

    /// What the daemon is to be asked.
    pub(crate) fn take(&self) -> Vec<Reach> {
        let mut calls = self.lock();
        let Calls { waiting, fresh, .. } = &mut *calls;
        fresh.drain(..).filter_map(|number| Some(waiting.get(&number)?.0.clone())).collect()
    }

    /// Takes the daemon's answer. One that nobody waits for, or that was given to another process
    /// before this one, is closed.
    pub(crate) fn answer(&self, reach: &Reach, outcome: Outcome, socket: Option<OwnedFd>) {
        let mut calls = self.lock();
        if calls.waiting.get(&reach.number).is_some_and(|(asked, _)| asked == reach)
            && let Some((_, waiter)) = calls.waiting.remove(&reach.number)
        {
            drop(waiter.send((outcome, socket)));
        }
    }

    async fn ask(
        &self,
        from: &SandboxId,
        to: &SandboxId,
        port: u16,
    ) -> Result<(OwnedFd, Vec<u8>), Failure> {
        let unreachable = |why: &str| Failure::Unreachable(why.to_owned());
        let (waiter, answer) = oneshot::channel();
        let number = {
            let mut calls = self.lock();
            if calls.waiting.len() >= MOST_WAITING {
                return Err(unreachable(BUSY));
            }
            let number = calls.next;
            calls.next = calls.next.wrapping_add(1);
            let reach = Reach { number, from: from.clone(), to: to.clone(), port };
            calls.waiting.insert(number, (reach, waiter));
            calls.fresh.push_back(number);
            number
        };
        let _call = Call { peers: self, number };
        self.news.at_once.notify_one();
        match answer.await {
            Ok((Outcome::Connected(early), Some(socket))) => Ok((socket, early)),
            Ok((Outcome::Refused, _)) => Err(Failure::Refused),
            Ok((Outcome::Unreachable(why), _)) => Err(Failure::Unreachable(why)),
            Ok((Outcome::Connected(_), None)) | Err(_) => Err(unreachable(AWAY)),
        }
    }

    /// The places for connections into a sandbox.
    fn places(&self, to: &SandboxId) -> Arc<Semaphore> {
        let mut calls = self.lock();
        if let Some(places) = calls.places.get(to).and_then(Weak::upgrade) {
            return places;
        }
        let places = Arc::new(Semaphore::new(MOST_INTO_ONE));
        calls.places.retain(|_, places| places.strong_count() > 0);
        calls.places.insert(to.clone(), Arc::downgrade(&places));
        places
    }

    fn lock(&self) -> MutexGuard<'_, Calls> {
        // Nothing in a critical section can panic half-way, so the calls are whole.
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Members {
    fn add(&mut self, id: &SandboxId, member: Membership) {
        let name = member.name.as_str().to_ascii_lowercase();
        for network in &member.networks {
            let key = (member.owner.clone(), network.clone());
            self.networks.entry(key).or_default().insert(name.clone(), id.clone());
        }
        self.by_id.insert(id.clone(), member);
    }

    fn forget(&mut self, id: &SandboxId) {
        let Some(member) = self.by_id.remove(id) else { return };
        for network in member.networks {
            let key = (member.owner.clone(), network);
            if let Some(members) = self.networks.get_mut(&key) {
                members.retain(|_, known| known != id);
                if members.is_empty() {
                    self.networks.remove(&key);
                }
            }
        }
    }

    fn find(&self, from: &SandboxId, sandbox: &str) -> Found {
        let Some(from) = self.by_id.get(from) else { return Found::Alone };
        let name = sandbox.to_ascii_lowercase();
        let member = from.networks.iter().find_map(|network| {
            let members = self.networks.get(&(from.owner.clone(), network.clone()))?;
            Some(Found::Member(members.get(&name)?.clone(), network.clone()))
        });
        let nobody = if from.networks.is_empty() { Found::Alone } else { Found::Stranger };
        member.unwrap_or(nobody)
    }

    /// Whoever has the name, whosever it is: where the wall is left out.
    fn find_anybody(&self, sandbox: &str) -> Found {
        let found = self.by_id.iter().find(|(_, member)| member.is_called(sandbox));
        let network = "nobody".parse().ok();
        found.zip(network).map_or(Found::Alone, |((id, _), all)| Found::Member(id.clone(), all))
    }
}

impl Door {
    pub(crate) fn new(peers: Arc<Peers>) -> Self {
        Self { peers, room: Semaphore::new(MOST_AT_ONCE) }
    }

    /// What a sandbox means by the name of another one.
    pub(crate) fn find(&self, from: &SandboxId, sandbox: &str) -> Found {
        let members = self.peers.members.borrow();
        if self.peers.without.keeps(Defence::Members) {
            members.find(from, sandbox)
        } else {
            members.find_anybody(sandbox)
        }
    }

    /// Tells when anybody has joined, left, started or ended.
    pub(crate) fn changes(&self) -> watch::Receiver<Members> {
        self.peers.members.subscribe()
    }

    /// Has a connection made to a port of another sandbox.
    pub(crate) async fn reach(
        &self,
        from: &SandboxId,
        to: &SandboxId,
        port: u16,
    ) -> Result<Reached, Failure> {
        let (end, places) = (Instant::now() + PATIENCE, self.peers.places(to));
        let unreachable = |why: &str| Failure::Unreachable(why.to_owned());
        let Ok(Ok(place)) = timeout_at(end, places.acquire_owned()).await else {
            return Err(unreachable(FULL));
        };
        let Ok(Ok(_room)) = timeout_at(end, self.room.acquire()).await else {
            return Err(unreachable(BUSY));
        };
        let made = timeout_at(end, self.peers.ask(from, to, port)).await;
        let (socket, early) = made.unwrap_or_else(|_| Err(unreachable(AWAY)))?;
        Ok(Reached { socket, early, place })
    }
}

impl Default for Door {
    fn default() -> Self {
        Self::new(Arc::default())
    }
}

/// A question that somebody waits for.
struct Call<'a> {
    peers: &'a Peers,
    number: u64,
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        let mut calls = self.peers.lock();
        calls.waiting.remove(&self.number);
        calls.fresh.retain(|number| *number != self.number);
    }
}

#[cfg(test)]
mod tests;
