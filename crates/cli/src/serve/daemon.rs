//! The daemon: puts store, provider, engine and doors together, and ends when it is time.
//!
//! It gives up every privilege before it reads a byte of anybody, then takes what the keeper
//! hands over, recovers, and answers. `SIGTERM` of a terminal or a service manager is the
//! keeper's business: the daemon ends when the keeper says so or is gone, when the engine was
//! asked to end, or when nobody has needed it for [`UNUSED`].

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use infield_domain::network::Policy;
use infield_domain::provider::Provider;
use infield_domain::{Error, Principal, Result};
use infield_engine::{Engine, Shutdown};
use infield_local::{Launcher, Local, Network, Opener, packet};
use infield_rest::{Clients, Doors, Listeners, PreviewDoor};
use infield_ssh::SshDoor;
use infield_store::Store;
use rustix::fs::FlockOperation;
use tokio::io::unix::AsyncFd;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, interval, sleep, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use super::control::{self, ToDaemon};
use super::networking::Networking;
use super::options::{Lifetime, Setup};
use super::readiness::{Readiness, Told};
use super::sshing::Opened;
use super::{account, doors, end, log, mcp, sshing};

/// How long a daemon of the background lives without a running sandbox, a client and a timer.
const UNUSED: Duration = Duration::from_secs(600);
/// Tells another time than [`UNUSED`], in milliseconds. For tests, and so in no help text.
const UNUSED_MS: &str = "INFIELD_UNUSED_MS";
/// How often it is looked at whether it is needed, at least.
const LOOK: Duration = Duration::from_secs(15);
/// How long the daemon before this one may take to let go of the home.
const PREDECESSOR: Duration = Duration::from_secs(15);

/// How long each part of a daemon may take to end.
struct Limits {
    engine: Duration,
    /// A little more than the server gives what is under way.
    server: Duration,
    /// From the moment at which the end begins: a sandbox's start and its removal on a busy host,
    /// and less than the keeper waits.
    check: Duration,
}

/// With a keeper that waits.
const ORDERLY: Limits = Limits {
    engine: Duration::from_secs(10),
    server: Duration::from_secs(12),
    check: Duration::from_secs(15),
};
/// Without a keeper there is no launcher: whoever waits for one waits in vain, and the next daemon
/// for the home. It takes up what is under way, and finds what the check had.
const FORSAKEN: Limits = Limits {
    engine: Duration::from_millis(300),
    server: Duration::from_millis(300),
    check: Duration::ZERO,
};

/// Runs to the end.
pub(super) fn run() -> ExitCode {
    log::start();
    // Values of secrets pass through on their way to be sealed.
    infield_jail::wipe_freed_memory();
    end(work())
}

fn work() -> Result<()> {
    let failed = |error: io::Error| Error::internal("the daemon cannot start").with_source(error);
    let handed = Handed::receive().map_err(failed)?;
    let setup = &handed.setup;
    account::settle(setup.account, &setup.home, &handed.home).map_err(|errno| {
        Error::internal("the daemon cannot give up its privileges").with_source(errno)
    })?;
    // Names of files that are made from here on are nobody else's business.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers())
        .enable_all()
        .build()
        .map_err(failed)?;
    let ended = runtime.block_on(serve(handed));
    runtime.shutdown_timeout(Duration::from_secs(2));
    ended
}

/// Threads for the daemon's own tasks: half of the processors. Every request is a few short steps
/// between waits for somebody else, and a second thread that is woken to look for a share in them
/// is in the way of whoever they wait for.
fn workers() -> usize {
    std::thread::available_parallelism().map_or(1, |count| count.get().div_ceil(2))
}

/// What the keeper handed over.
struct Handed {
    setup: Setup,
    home: OwnedFd,
    unix: OwnedFd,
    tcp: Option<OwnedFd>,
    preview: Preview,
    ssh: Option<OwnedFd>,
    launcher: Option<OwnedFd>,
    network: Option<OwnedFd>,
    opener: Option<OwnedFd>,
    control: OwnedFd,
}

/// What belongs to previews.
#[derive(Default)]
pub(super) struct Preview {
    pub(super) listener: Option<OwnedFd>,
    pub(super) chain: Option<OwnedFd>,
    pub(super) key: Option<OwnedFd>,
}

impl Handed {
    fn receive() -> io::Result<Self> {
        let control = io::stdin().as_fd().try_clone_to_owned()?;
        let (mut setup, mut home, mut unix, mut tcp) = (None, None, None, None);
        let (mut ssh, mut launcher, mut network, mut opener) = (None, None, None, None);
        let mut preview = Preview::default();
        let strange = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
        while let Some((word, descriptor)) = control::hear(&control)? {
            match word {
                ToDaemon::Setup(told) => setup = Some(*told),
                ToDaemon::Home => home = descriptor,
                ToDaemon::Unix => unix = descriptor,
                ToDaemon::Tcp => tcp = descriptor,
                ToDaemon::Preview => preview.listener = descriptor,
                ToDaemon::PreviewChain => preview.chain = descriptor,
                ToDaemon::PreviewKey => preview.key = descriptor,
                ToDaemon::Ssh => ssh = descriptor,
                ToDaemon::Launcher => launcher = descriptor,
                ToDaemon::Network => network = descriptor,
                ToDaemon::Opener => opener = descriptor,
                ToDaemon::End => return Err(strange("the keeper ends")),
                ToDaemon::Begin => {
                    let (Some(setup), Some(home), Some(unix)) = (setup, home, unix) else {
                        return Err(strange("the keeper handed over too little"));
                    };
                    return Ok(Self {
                        setup,
                        home,
                        unix,
                        tcp,
                        preview,
                        ssh,
                        launcher,
                        network,
                        opener,
                        control,
                    });
                }
            }
        }
        Err(strange("the keeper is gone"))
    }
}

/// A daemon that answers.
struct Daemon {
    /// How long it lives without being needed; none for ever.
    unused: Option<Duration>,
    /// Since when it was seen to answer.
    ready_since: Option<Instant>,
    engine: Engine,
    clients: Clients,
    control: AsyncFd<OwnedFd>,
    /// Take the sockets of those who are started while this daemon lives.
    launchers: mpsc::Sender<OwnedFd>,
    networks: mpsc::Sender<OwnedFd>,
    openers: mpsc::Sender<OwnedFd>,
    server: JoinHandle<Result<()>>,
    /// Ends the server.
    shutdown: CancellationToken,
    /// The way to readiness, which may have a sandbox of its own.
    readiness: JoinHandle<()>,
    /// Keeps the way to readiness from beginning anything more.
    ending: CancellationToken,
    /// The link to the launcher and the disk watch: they end with the daemon.
    tasks: JoinSet<()>,
}

async fn serve(handed: Handed) -> Result<()> {
    let failed = |error: io::Error| Error::internal("the daemon cannot start").with_source(error);
    let Handed { setup, home, unix, tcp, preview, ssh, launcher, network, opener, control } =
        handed;
    let home = Arc::new(home);
    take_over(&home).await?;
    let store = open_store(setup.home.clone()).await?;
    let (launchers, brought) = sockets(launcher);
    let (launcher, link) = Launcher::new(brought, random()?);
    let (networks, brought) = sockets(network);
    let Networking { limited, resolvers, .. } = setup.networking.clone();
    let (network, network_link) =
        Network::new(brought, infield_net::control::Settings { limited, resolvers }, random()?);
    let (openers, brought) = sockets(opener);
    let opener = Opener::new(brought, random()?);
    let ssh_home = Arc::clone(&home);
    let local = Arc::new(Local::new(launcher, (network, Arc::clone(&opener)), home));
    let provider: Arc<dyn Provider> = Arc::clone(&local) as _;
    let ssh = sshing::opened(ssh, &setup, &ssh_home);
    let settings = settings(&setup, ssh.as_ref());
    let engine = Engine::open(store, Arc::clone(&provider), settings)?;

    let (clients, shutdown) = (Clients::new(), CancellationToken::new());
    let listeners = doors::listeners(unix, tcp).map_err(failed)?;
    let readiness = Readiness::default();
    let watch = doors::Watch { health: readiness.health(engine.clone()), clients: clients.clone() };
    let listen = listeners.tcp.first().and_then(|listener| listener.local_addr().ok());
    let mcp = mcp::door(&engine, listen, &setup.names, &shutdown);
    let previews = doors::previews(&setup, (&engine, &clients), preview)?;
    let doors = doors::doors(&setup, engine.clone(), mcp, watch);
    let (tried, ready) = oneshot::channel();
    let ssh = ssh.map(|ssh| ssh.door(engine.clone()));
    let served = Served { listeners, doors, previews, ssh };
    let server = tokio::spawn(answer(served, ready, shutdown.clone()));
    let mut tasks = JoinSet::new();
    tasks.spawn(link.run());
    tasks.spawn(network_link.run());
    tasks.spawn(async move { opener.keep().await });
    let watching = local.clone();
    tasks.spawn(async move { watching.watch_disks().await });
    let connecting = local.clone();
    tasks.spawn(async move { connecting.keep_peers().await });
    tasks.spawn(async move { local.keep_network().await });
    let control = packet::register(control).map_err(failed)?;
    let told = Told { tried, keeper: control.get_ref().try_clone().map_err(failed)? };
    let ending = CancellationToken::new();
    let readiness = tokio::spawn(readiness.reach(engine.clone(), provider, told, ending.clone()));
    let daemon = Daemon {
        unused: unused(setup.lifetime),
        ready_since: None,
        engine,
        clients,
        control,
        launchers,
        networks,
        openers,
        server,
        shutdown,
        readiness,
        ending,
        tasks,
    };
    daemon.live().await
}

/// A queue of sockets, with the first one in it.
fn sockets(first: Option<OwnedFd>) -> (mpsc::Sender<OwnedFd>, mpsc::Receiver<OwnedFd>) {
    let (sockets, brought) = mpsc::channel(8);
    if let Some(first) = first {
        sockets.try_send(first).expect("the queue is empty");
    }
    (sockets, brought)
}

fn settings(setup: &Setup, ssh: Option<&Opened>) -> infield_engine::Settings {
    let checks = [Some(setup.key_check.clone()), ssh.map(Opened::check)];
    infield_engine::Settings {
        network: setup.networking.standard.clone().unwrap_or(Policy::Limited),
        allowance: setup.networking.allowance,
        limited: setup.networking.limited.clone().into(),
        checks: checks.into_iter().flatten().collect(),
        previews: setup.previews.clone(),
        ssh: ssh.map(|ssh| ssh.place.clone()),
        ..infield_engine::Settings::standard()
    }
}

/// Everything that answers requests, and where they come from.
struct Served {
    listeners: Listeners,
    doors: Doors,
    previews: Option<(TcpListener, PreviewDoor)>,
    ssh: Option<(TcpListener, SshDoor)>,
}

/// Answers requests as soon as recovery was tried; until then they wait in the listener's queue.
async fn answer(
    served: Served,
    ready: oneshot::Receiver<()>,
    shutdown: CancellationToken,
) -> Result<()> {
    tokio::select! {
        tried = ready => tried.map_err(|_| Error::internal("nobody tried to recover"))?,
        () = shutdown.cancelled() => return Ok(()),
    }
    let Served { listeners, doors, previews, ssh } = served;
    let visitors = async {
        match previews {
            Some((listener, door)) => {
                infield_rest::serve_previews(listener, door, shutdown.clone()).await
            }
            None => Ok(()),
        }
    };
    let clients = async {
        match ssh {
            Some((listener, door)) => infield_ssh::serve(listener, door, shutdown.clone()).await,
            None => Ok(()),
        }
    };
    let callers = infield_rest::serve(listeners, doors, shutdown.clone());
    let (callers, visitors, clients) = tokio::join!(callers, visitors, clients);
    callers.and(visitors).and(clients)
}

/// Why a daemon ends that has no fault.
enum Occasion {
    /// The keeper said so.
    KeeperAsked,
    /// The keeper is gone, and took the launcher along.
    KeeperGone,
    /// Somebody asked the engine, which has ended.
    EngineEnded,
    /// Nobody needs it.
    Unused,
}

impl Daemon {
    async fn live(mut self) -> Result<()> {
        let watched = self.watch().await;
        self.ending.cancel();
        let limits = match watched {
            Ok(Occasion::KeeperGone) => FORSAKEN,
            Ok(Occasion::KeeperAsked | Occasion::EngineEnded | Occasion::Unused) | Err(_) => {
                ORDERLY
            }
        };
        let check_until = Instant::now() + limits.check;
        if !matches!(watched, Ok(Occasion::EngineEnded)) {
            self.end_engine(limits.engine).await;
        }
        let ended = self.end(limits.server, check_until).await;
        watched.and(ended)
    }

    /// Waits until it is time to end.
    async fn watch(&mut self) -> Result<Occasion> {
        let mut looks = interval(self.unused.map_or(LOOK, |unused| LOOK.min(unused / 4)));
        loop {
            tokio::select! {
                word = control::listen(&self.control) => match word {
                    Ok(Some((ToDaemon::Launcher, Some(socket)))) => {
                        if self.launchers.send(socket).await.is_err() {
                            return Err(Error::internal("the link to the launcher has ended"));
                        }
                    }
                    Ok(Some((ToDaemon::Network, Some(socket)))) => {
                        if self.networks.send(socket).await.is_err() {
                            return Err(Error::internal("the link to the network has ended"));
                        }
                    }
                    Ok(Some((ToDaemon::Opener, Some(socket)))) => {
                        if self.openers.send(socket).await.is_err() {
                            return Err(Error::internal("the link to the opener has ended"));
                        }
                    }
                    Ok(Some((ToDaemon::End, _))) => return Ok(Occasion::KeeperAsked),
                    Ok(Some((word, _))) => tracing::error!(?word, "the keeper says it too late"),
                    Ok(None) => {
                        tracing::warn!("the keeper is gone");
                        return Ok(Occasion::KeeperGone);
                    }
                    Err(error) => {
                        return Err(Error::internal("the keeper is not heard").with_source(error));
                    }
                },
                () = self.engine.closed() => return Ok(Occasion::EngineEnded),
                ended = &mut self.server => {
                    let ended = ended.map_err(|error| {
                        Error::internal("the server broke").with_source(error)
                    })?;
                    return Err(ended.err().unwrap_or_else(|| {
                        Error::internal("the server ended by itself")
                    }));
                }
                _ = looks.tick() => if self.is_unused() {
                    tracing::info!("nobody needs the daemon");
                    return Ok(Occasion::Unused);
                },
            }
        }
    }

    fn is_unused(&mut self) -> bool {
        let Some(unused) = self.unused else { return false };
        if self.engine.is_ready() {
            self.ready_since.get_or_insert_with(Instant::now);
        }
        let Some(absent) = self.clients.absent_for() else { return false };
        // Until recovery is over, clients wait in the listener's queue, where nobody counts them.
        let is_absent = match self.ready_since {
            Some(since) => absent.min(since.elapsed()) >= unused,
            None => absent >= UNUSED,
        };
        let within_ms = u64::try_from(unused.as_millis()).unwrap_or(u64::MAX);
        is_absent && self.engine.is_idle(within_ms)
    }

    async fn end_engine(&self, limit: Duration) {
        let system = Principal::system();
        let engine = self.engine.shutdown(&system, Shutdown::LeaveSandboxes);
        match timeout(limit, engine).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the engine did not end well"),
            Err(_) => tracing::warn!("the engine did not end in time"),
        }
    }

    /// Ends what is under way in the doors, then the rest. The engine has ended.
    async fn end(mut self, limit: Duration, check_until: Instant) -> Result<()> {
        self.shutdown.cancel();
        if !self.server.is_finished() {
            match timeout(limit, &mut self.server).await {
                Ok(Ok(ended)) => ended?,
                Ok(Err(error)) => tracing::error!(%error, "the server broke"),
                Err(_) => tracing::warn!("the server did not end in time"),
            }
        }
        match timeout_at(check_until, &mut self.readiness).await {
            Ok(Err(error)) if error.is_panic() => tracing::error!(%error, "the check broke"),
            Ok(Ok(()) | Err(_)) => {}
            Err(_) => {
                tracing::warn!("the check of the host did not end in time");
                self.readiness.abort();
            }
        }
        self.tasks.shutdown().await;
        Ok(())
    }
}

/// How long a daemon lives without being needed.
fn unused(lifetime: Lifetime) -> Option<Duration> {
    let told = std::env::var(UNUSED_MS).ok().and_then(|text| text.parse().ok());
    match lifetime {
        Lifetime::Unlimited => None,
        // A pause of no length between two looks is a fault of the clock's caller.
        Lifetime::WhileUsed => {
            Some(told.map_or(UNUSED, |ms: u64| Duration::from_millis(ms.max(4))))
        }
    }
}

/// Waits until the daemon before this one is gone, which may take a moment after its keeper was
/// killed: two of them would disagree about every sandbox.
async fn take_over(home: &OwnedFd) -> Result<()> {
    let locked = timeout(PREDECESSOR, async {
        loop {
            match rustix::fs::flock(home, FlockOperation::NonBlockingLockExclusive) {
                Err(rustix::io::Errno::WOULDBLOCK) => sleep(Duration::from_millis(20)).await,
                locked => return locked,
            }
        }
    });
    match locked.await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(errno)) => Err(Error::internal("the home cannot be locked").with_source(errno)),
        Err(_) => Err(Error::conflict("an older daemon does not let go of the home")
            .with_hint("look for it with `ps`, and end it")),
    }
}

async fn open_store(home: PathBuf) -> Result<Store> {
    let opened = tokio::task::spawn_blocking(move || Store::open(&home)).await;
    opened.map_err(|error| Error::internal("the store did not open").with_source(error))?
}

fn random() -> Result<u64> {
    getrandom::u64()
        .map_err(|error| Error::internal("the host gives no random number").with_source(error))
}
