//! Takes what the daemon says, and keeps the sandboxes that are served.
//!
//! The state is this one task's. A sandbox's own tasks hold its [`Sandbox`], see changes of its
//! rules by its watch channel, and end when it is forgotten.

use std::cell::Cell;
use std::collections::{HashMap, VecDeque};
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use infield_domain::SandboxId;
use infield_domain::network::{Connection, Report, Rule, Terms, Traffic};
use infield_domain::secret::Guarded;
use tokio::io::{Interest, unix::AsyncFd};
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use crate::control::{Answer, FromNetwork, PACKET_BYTES, Request, Settings, ToNetwork};
use crate::defence::Without;
use crate::dns::Limits;
use crate::journal::{Journal, News};
use crate::names::Names;
use crate::opening::Opener;
use crate::peers::{Door, Peers};
use crate::relay::Crowd;
use crate::sandbox::{Counters, Rules, Sandbox};
use crate::upstream::Upstream;
use crate::{accept, dns, packet};

/// Entries in one packet: each has at most a name, an address and a sentence.
const ENTRIES: usize = 32;
/// Answers that wait for a daemon that does not read. One that asked for so many is broken.
const MOST_ANSWERS: usize = 4_096;

/// How long a connection that was made may wait to be told. Keeping its record costs processor time
/// that new connections wait for: with 100 ms, the slowest hundredth of a burst of 300 took 4 to 5
/// times as long as without a sandbox, and 1.8 to 1.9 times with seconds.
const SOON: Duration = Duration::from_secs(1);
/// How often what was moved is told.
const TELL: Duration = Duration::from_secs(1);
/// Launchers whose sockets one sandbox has at once. With more, the oldest one's connections end.
const MOST_PAIRS: usize = 4;

/// Serves until the keeper is gone or the daemon's socket ends.
pub(crate) async fn serve(daemon: OwnedFd, keeper: OwnedFd, without: Without) -> io::Result<()> {
    let (daemon, keeper) = (packet::register(daemon)?, packet::register(keeper)?);
    let mut state = State { without, ..State::default() };
    state.peers = Peers::new(state.news.clone(), without);
    let mut room = vec![0; PACKET_BYTES];
    let mut ticks = interval(TELL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut due: Option<Instant> = None;
    loop {
        let State { outbox, news, served, .. } = &mut state;
        let is_idle = outbox.is_empty();
        let is_serving = !served.is_empty();
        let turn = tokio::select! {
            heard = keeper.readable() => Turn::Keeper(heard.map(drop)),
            heard = hear(&daemon, &mut room) => Turn::Heard(heard),
            sent = say(&daemon, outbox), if !is_idle => Turn::Sent(sent),
            () = news.at_once.notified(), if is_idle => Turn::News,
            () = news.soon.notified(), if due.is_none() => Turn::Soon,
            () = sleep_until(due.unwrap_or_else(Instant::now)), if is_idle && due.is_some() => {
                Turn::News
            }
            _ = ticks.tick(), if is_idle && is_serving => Turn::Tick,
        };
        match turn {
            Turn::Keeper(heard) => return heard,
            Turn::Heard(heard) => match heard? {
                (bytes, _) if bytes.is_empty() => return Ok(()),
                (bytes, sockets) => state.take(&bytes, sockets)?,
            },
            Turn::Sent(sent) => {
                sent?;
                state.collect_rest();
            }
            Turn::Soon => due = Some(Instant::now() + SOON),
            Turn::News => {
                due = None;
                state.collect();
            }
            Turn::Tick => state.tell_traffic(),
        }
    }
}

enum Turn {
    Keeper(io::Result<()>),
    Heard(io::Result<(Vec<u8>, Vec<OwnedFd>)>),
    Sent(io::Result<()>),
    News,
    Soon,
    Tick,
}

async fn hear(daemon: &AsyncFd<OwnedFd>, room: &mut [u8]) -> io::Result<(Vec<u8>, Vec<OwnedFd>)> {
    daemon
        .async_io(Interest::READABLE, |socket| {
            let (length, descriptors) = packet::receive(socket, room)?;
            Ok((room.get(..length).unwrap_or_default().to_vec(), descriptors))
        })
        .await
}

/// Sends what waits.
async fn say(daemon: &AsyncFd<OwnedFd>, outbox: &mut VecDeque<Vec<u8>>) -> io::Result<()> {
    while let Some(bytes) = outbox.front() {
        let send = |socket: &OwnedFd| packet::send(socket, bytes, &[]);
        daemon.async_io(Interest::WRITABLE, send).await?;
        outbox.pop_front();
    }
    Ok(())
}

/// A sandbox that is served. Its tasks end with it.
struct Served {
    sandbox: Arc<Sandbox>,
    upstream: Arc<Upstream>,
    /// A pair for each launcher: the connections of an earlier one's listener go on.
    tasks: VecDeque<JoinSet<()>>,
    /// What was told of its traffic last.
    told: Cell<Traffic>,
}

impl Served {
    fn report(&self, connections: Vec<Connection>) -> Report {
        let traffic = self.sandbox.counters.traffic();
        self.told.set(traffic);
        Report { connections, traffic }
    }

    /// Whether everything that it has moved was told.
    fn is_told(&self) -> bool {
        self.told.get() == self.sandbox.counters.traffic()
    }

    fn add(&mut self, sockets: Vec<OwnedFd>) -> io::Result<()> {
        let Self { sandbox, upstream, tasks, .. } = self;
        let (sandbox, upstream) = (sandbox.clone(), upstream.clone());
        let mut sockets = sockets.into_iter();
        let missing = || io::Error::other("a socket of the sandbox is missing");
        // They were made without waiting; one that waits would stop this process for all sandboxes.
        for socket in sockets.as_slice() {
            rustix::io::ioctl_fionbio(socket, true)?;
        }
        let listener = TcpListener::from_std(sockets.next().ok_or_else(missing)?.into())?;
        let mut pair = JoinSet::new();
        match sockets.next() {
            Some(resolver) => {
                let resolver = UdpSocket::from_std(resolver.into())?;
                pair.spawn(accept::serve(listener, sandbox.clone(), upstream.clone()));
                pair.spawn(dns::serve_datagrams(resolver, sandbox, upstream));
            }
            None => drop(pair.spawn(accept::serve_proxy(listener, sandbox, upstream))),
        }
        if tasks.len() >= MOST_PAIRS {
            tasks.pop_front();
        }
        tasks.push_back(pair);
        Ok(())
    }
}

#[derive(Default)]
struct State {
    served: HashMap<SandboxId, Served>,
    limited: Arc<[Rule]>,
    upstream: Option<Arc<Upstream>>,
    opener: Arc<Opener>,
    /// Who may reach whom.
    peers: Arc<Peers>,
    /// How many connections are carried.
    open: Arc<AtomicUsize>,
    /// Somebody wrote into a journal.
    news: Arc<News>,
    /// A journal had more than went into one report.
    has_rest: bool,
    outbox: VecDeque<Vec<u8>>,
    /// Walls that a build for attacks leaves out.
    without: Without,
}

impl State {
    /// Packs what is in the journals.
    fn collect(&mut self) {
        self.has_rest = false;
        for reach in self.peers.take() {
            push(&mut self.outbox, &FromNetwork::Reach(reach));
        }
        for (id, served) in &self.served {
            let journal = &served.sandbox.journal;
            let connections = journal.take(ENTRIES);
            self.has_rest |= connections.len() == ENTRIES && !journal.is_empty();
            if !connections.is_empty() {
                push(
                    &mut self.outbox,
                    &FromNetwork::Report(id.clone(), served.report(connections)),
                );
            }
        }
    }

    /// Packs what found no room in the reports that were sent.
    fn collect_rest(&mut self) {
        if self.has_rest {
            self.collect();
        }
    }

    /// Packs what was moved since it was told last, so that little is forgotten with this process.
    fn tell_traffic(&mut self) {
        for (id, served) in &self.served {
            if !served.is_told() {
                push(&mut self.outbox, &FromNetwork::Report(id.clone(), served.report(Vec::new())));
            }
        }
    }

    fn take(&mut self, bytes: &[u8], sockets: Vec<OwnedFd>) -> io::Result<()> {
        let strange = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
        let asked: ToNetwork =
            postcard::from_bytes(bytes).map_err(|_| strange("what came is no question"))?;
        if self.outbox.len() >= MOST_ANSWERS {
            return Err(strange("the daemon does not read its answers"));
        }
        let answer = self.answer(asked.request, sockets);
        push(&mut self.outbox, &FromNetwork::Answer(asked.number, answer));
        Ok(())
    }

    fn answer(&mut self, request: Request, sockets: Vec<OwnedFd>) -> Answer {
        match request {
            Request::Inventory => Answer::Serving(self.served.keys().cloned().collect()),
            Request::Configure(settings) => self.configure(settings),
            Request::Serve { sandbox, terms, secrets } => {
                self.peers.change(&sandbox, Some(&terms));
                let served = self.serve(sandbox.clone(), (terms, secrets.into()), sockets);
                if !self.served.contains_key(&sandbox) {
                    self.peers.change(&sandbox, None);
                }
                served.map_or_else(|error| Answer::Failed(error.to_string()), |()| Answer::Done)
            }
            Request::Change { sandbox, terms } => {
                let Some(served) = self.served.get(&sandbox) else { return Answer::Unknown };
                let secrets = Arc::clone(&served.sandbox.rules().secrets);
                self.peers.change(&sandbox, Some(&terms));
                served.sandbox.rules.send_replace(self.rules(terms, secrets));
                Answer::Done
            }
            Request::Guard { sandbox, secrets } => {
                let Some(served) = self.served.get(&sandbox) else { return Answer::Unknown };
                served.sandbox.rules.send_modify(|rules| {
                    *rules = Arc::new(rules.with_secrets(secrets.into()));
                });
                Answer::Done
            }
            Request::Opener => {
                self.opener.replace(sockets.into_iter().next());
                Answer::Done
            }
            Request::Reached { reach, outcome } => {
                self.peers.answer(&reach, outcome, sockets.into_iter().next());
                Answer::Done
            }
            Request::Forget { sandbox } => {
                self.peers.change(&sandbox, None);
                if let Some(served) = self.served.remove(&sandbox) {
                    loop {
                        let report = served.report(served.sandbox.journal.take(ENTRIES));
                        push(&mut self.outbox, &FromNetwork::Report(sandbox.clone(), report));
                        if served.sandbox.journal.is_empty() {
                            break;
                        }
                    }
                }
                Answer::Done
            }
            Request::Traffic { sandbox } => {
                let found = self.served.get(&sandbox);
                found.map_or(Answer::Unknown, |served| {
                    Answer::Traffic(served.sandbox.counters.traffic())
                })
            }
        }
    }

    fn configure(&mut self, settings: Settings) -> Answer {
        self.limited = settings.limited.into();
        // Who is served already goes on asking the resolvers of before.
        self.upstream = Some(Arc::new(Upstream::new(&settings.resolvers)));
        Answer::Done
    }

    fn rules(&self, Terms { policy, allowance, .. }: Terms, secrets: Arc<[Guarded]>) -> Arc<Rules> {
        let allowance = self.without.ceilings(allowance);
        let (limited, without) = (self.limited.clone(), self.without);
        Arc::new(Rules { policy, limited, allowance, secrets, without })
    }

    fn serve(
        &mut self,
        id: SandboxId,
        (terms, secrets): (Terms, Arc<[Guarded]>),
        sockets: Vec<OwnedFd>,
    ) -> io::Result<()> {
        let before = terms.before;
        let rules = self.rules(terms, secrets);
        if let Some(served) = self.served.get_mut(&id) {
            served.sandbox.rules.send_replace(rules);
            return if sockets.is_empty() { Ok(()) } else { served.add(sockets) };
        }
        let upstream = self.upstream.clone();
        let upstream = upstream.ok_or_else(|| io::Error::other("nothing is configured yet"))?;
        let sandbox = Arc::new(Sandbox {
            id: id.clone(),
            rules: watch::Sender::new(rules),
            names: Names::default(),
            lookups: Limits::default(),
            counters: Counters::after(&before),
            opener: self.opener.clone(),
            peers: Door::new(self.peers.clone()),
            crowd: Crowd::among(&self.open),
            journal: Journal::new(self.news.clone()),
        });
        let mut served =
            Served { sandbox, upstream, tasks: VecDeque::new(), told: Cell::new(before) };
        served.add(sockets)?;
        self.served.insert(id, served);
        Ok(())
    }
}

fn push(outbox: &mut VecDeque<Vec<u8>>, message: &FromNetwork) {
    match postcard::to_stdvec(message) {
        Ok(bytes) => outbox.push_back(bytes),
        Err(error) => tracing::error!(%error, "a message could not be packed"),
    }
}
