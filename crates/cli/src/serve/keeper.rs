//! The keeper: holds the home, its sockets, and the processes that do the work.
//!
//! It reads nothing that a stranger wrote. What it makes in the home it makes through the home's
//! descriptor, because in root's mode the directory belongs to the daemon's account.
//!
//! Whoever dies is started again, sooner or later by how often that happened. A daemon that ends
//! with success was asked to end: then the others end too, and the keeper. When the keeper itself is
//! killed, daemon, network and opener see the end of their standard input, the launcher gets a signal, and
//! the next keeper finds the sandboxes.

use std::io;
use std::net::TcpListener;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::Stdio;
use std::time::{Duration, Instant};

use infield_domain::{Error, Result};
use infield_local::packet;
use rustix::fs::{AtFlags, Mode};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::unix::AsyncFd;
use tokio::process::{Child, Command};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::interval;

use super::control::{self, FromDaemon, ToDaemon, ToLauncher, ToNetwork, ToOpener};
use super::options::{Options, Setup};
use super::post::{Change, Post};
use super::previewing::Bound;
use super::{DAEMON, LAUNCHER, NETWORK_PROCESS, OPENER, log, own_binary};
use crate::home::{self, SOCKET};

/// How long a home may stay locked by a keeper that ends.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);
/// How long the daemon may take to end.
const DAEMON_END: Duration = Duration::from_secs(20);
/// How long each of the others may take after that.
const OTHERS_END: Duration = Duration::from_secs(5);
/// Starts that fail before anything ever worked.
const MOST_FAILED_STARTS: u32 = 5;
/// How often the log's length is looked at.
const LOG_LOOK: Duration = Duration::from_secs(60);

/// Runs until the daemon has ended as asked.
pub(super) fn run(options: &Options) -> Result<()> {
    options.check()?;
    raise_descriptor_limit();
    let home = options.home.open(options.owner()?)?;
    let _lock = lock(&home, options)?;
    let failed = |error: io::Error| Error::internal("the keeper failed").with_source(error);
    let tcp = options.listen.map(bind_tcp).transpose()?;
    let listened = tcp.as_ref().and_then(|tcp| tcp.local_addr().ok());
    let preview = options.previewing.bind(listened)?;
    let previews = preview.as_ref().map(|preview| preview.origin.clone());
    let (ssh, ssh_name) = options.sshing.bind(listened)?.unzip();
    let keeper = Keeper {
        setup: Setup { previews, ssh: ssh_name, ..options.setup()? },
        launcher: options.launcher_setup()?,
        network: ToNetwork { account: options.network_account()? },
        opener: ToOpener {
            account: options.opener_account()?,
            key: options.secret_key.text(&home)?.to_string(),
            trust: options.trust.path(),
        },
        unix: bind_unix(&home).map_err(|error| {
            Error::internal("the daemon's socket cannot be made").with_source(error)
        })?,
        tcp,
        preview,
        ssh,
        home,
    };
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    let ended = runtime.block_on(keeper.keep());
    if let Err(error) = rustix::fs::unlinkat(&keeper.home, SOCKET, AtFlags::empty()) {
        tracing::warn!(%error, "the socket was not removed");
    }
    ended
}

/// The usual limit of 1,024 open files is a tenth of what a thousand sandboxes take. Children
/// inherit it; the agent gives commands the sandbox's own.
fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, "the limit of open files stays at {:?}", limit.current);
    }
}

fn lock(directory: &OwnedFd, options: &Options) -> Result<OwnedFd> {
    let deadline = Instant::now() + LOCK_PATIENCE;
    loop {
        let lock = home::lock(directory)
            .map_err(|error| Error::internal("the home cannot be locked").with_source(error))?;
        if let Some(lock) = lock {
            return Ok(lock);
        }
        // A keeper that ends has closed its socket and lets go soon.
        if answers(directory) || Instant::now() >= deadline {
            let path = options.home.path().display();
            return Err(Error::conflict(format!("a daemon runs in `{path}` already"))
                .with_hint("use it, end it with `infield shutdown`, or choose another `--home`"));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn answers(directory: &OwnedFd) -> bool {
    UnixStream::connect(socket_path(directory)).is_ok()
}

/// A path of the socket that is short enough for unix(7), whatever the home's is.
fn socket_path(directory: &OwnedFd) -> String {
    format!("/proc/self/fd/{}/{SOCKET}", directory.as_raw_fd())
}

/// The socket is the operator's alone from its first moment: no permission is changed later, in a
/// directory where another account could have put something else in its place.
fn bind_unix(directory: &OwnedFd) -> io::Result<UnixListener> {
    match rustix::fs::unlinkat(directory, SOCKET, AtFlags::empty()) {
        Ok(()) | Err(rustix::io::Errno::NOENT) => {}
        Err(errno) => return Err(errno.into()),
    }
    let before = rustix::process::umask(Mode::from_raw_mode(0o177));
    let bound = UnixListener::bind(socket_path(directory));
    rustix::process::umask(before);
    bound.and_then(widened)
}

/// Lets as many connections wait as the kernel does, `net.core.somaxconn` at most. With the 128 of
/// the standard library, the rest of two hundred at once try again after a second.
pub(super) fn widened<L: AsFd>(listener: L) -> io::Result<L> {
    const WAITING: i32 = 4_096;
    // listen(2) may be said again, and then changes the bound.
    rustix::net::listen(&listener, WAITING)?;
    Ok(listener)
}

fn bind_tcp(address: std::net::SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).and_then(widened).map_err(|error| {
        let kind = match error.kind() {
            io::ErrorKind::AddrInUse => Error::conflict,
            _ => Error::unavailable,
        };
        kind(format!("cannot listen on `{address}`: {error}"))
            .with_hint("choose another `--listen ADDR:PORT`")
    })
}

struct Keeper {
    setup: Setup,
    /// What the launcher is told.
    launcher: ToLauncher,
    /// What the network process is told.
    network: ToNetwork,
    /// What the opener is told.
    opener: ToOpener,
    home: OwnedFd,
    unix: UnixListener,
    tcp: Option<TcpListener>,
    preview: Option<Bound>,
    ssh: Option<TcpListener>,
}

/// What the keeper reacts to.
enum Event {
    Launcher(Change),
    Network(Change),
    Opener(Change),
    Daemon(Change),
    Said(Option<FromDaemon>),
    Asked,
    Look,
}

/// Everything that changes while the keeper keeps.
struct Watch {
    launcher: Post,
    network: Post,
    opener: Post,
    daemon: Post,
    /// The daemon's ends of the others' sockets, for the next daemon.
    launcher_link: Option<OwnedFd>,
    network_link: Option<OwnedFd>,
    opener_link: Option<OwnedFd>,
    /// Our ends of the others' standard inputs.
    launcher_guard: Option<OwnedFd>,
    network_guard: Option<OwnedFd>,
    opener_guard: Option<OwnedFd>,
    /// Our end of the daemon's standard input.
    control: Option<AsyncFd<OwnedFd>>,
    was_ready: bool,
    terminate: Signal,
    interrupt: Signal,
    looks: tokio::time::Interval,
}

impl Keeper {
    async fn keep(&self) -> Result<()> {
        self.watch().await.map_err(|error| {
            let text = format!("infield cannot go on: {error}");
            Error::internal(text)
                .with_hint("look at the log for the first error")
                .with_source(error)
        })
    }

    async fn watch(&self) -> io::Result<()> {
        let mut watch = Watch {
            launcher: Post::new("launcher"),
            network: Post::new("network"),
            opener: Post::new("opener"),
            daemon: Post::new("daemon"),
            launcher_link: None,
            network_link: None,
            opener_link: None,
            launcher_guard: None,
            network_guard: None,
            opener_guard: None,
            control: None,
            was_ready: false,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            looks: interval(LOG_LOOK),
        };
        loop {
            match watch.next().await? {
                Event::Launcher(Change::Due) => {
                    let started = self.start_launcher(&mut watch);
                    watch.launcher.note(started);
                    watch.check_failures()?;
                }
                Event::Network(Change::Due) => {
                    let started = self.start_network(&mut watch);
                    watch.network.note(started);
                    watch.check_failures()?;
                }
                Event::Opener(Change::Due) => {
                    let started = self.start_opener(&mut watch);
                    watch.opener.note(started);
                    watch.check_failures()?;
                }
                Event::Daemon(Change::Due) => {
                    let started = self.start_daemon(&mut watch);
                    watch.daemon.note(started);
                    watch.check_failures()?;
                }
                Event::Daemon(Change::Ended(status)) if status.success() => break,
                Event::Launcher(Change::Ended(_))
                | Event::Network(Change::Ended(_))
                | Event::Opener(Change::Ended(_))
                | Event::Daemon(Change::Ended(_)) => watch.check_failures()?,
                Event::Said(Some(FromDaemon::Ready)) => watch.was_ready = true,
                Event::Said(None) => watch.control = None,
                Event::Asked => {
                    watch.end_daemon().await?;
                    break;
                }
                Event::Look => {
                    if let Err(error) = log::bound(&self.home) {
                        tracing::error!(%error, "the log is not bounded");
                    }
                }
            }
        }
        // Nobody can ask the others anything from here on; they see the end and end.
        (watch.launcher_link, watch.launcher_guard) = (None, None);
        (watch.network_link, watch.network_guard) = (None, None);
        (watch.opener_link, watch.opener_guard) = (None, None);
        watch.network.finish(OTHERS_END).await?;
        watch.opener.finish(OTHERS_END).await?;
        watch.launcher.finish(OTHERS_END).await
    }

    fn start_launcher(&self, watch: &mut Watch) -> io::Result<()> {
        let (ours, theirs) = control::pair()?;
        let (guard, input) = control::pair()?;
        control::say(&guard, &self.launcher, Some(theirs.as_fd()))?;
        watch.launcher.fill(spawn(own_binary(LAUNCHER), input)?);
        watch.launcher_guard = Some(guard);
        watch.tell_daemon(&ToDaemon::Launcher, ours.as_fd());
        watch.launcher_link = Some(ours);
        Ok(())
    }

    fn start_network(&self, watch: &mut Watch) -> io::Result<()> {
        let (ours, theirs) = control::pair()?;
        let (guard, input) = control::pair()?;
        control::say(&guard, &self.network, Some(theirs.as_fd()))?;
        watch.network.fill(spawn(own_binary(NETWORK_PROCESS), input)?);
        watch.network_guard = Some(guard);
        watch.tell_daemon(&ToDaemon::Network, ours.as_fd());
        watch.network_link = Some(ours);
        Ok(())
    }

    fn start_opener(&self, watch: &mut Watch) -> io::Result<()> {
        let (ours, theirs) = control::pair()?;
        let (guard, input) = control::pair()?;
        control::say(&guard, &self.opener, Some(theirs.as_fd()))?;
        watch.opener.fill(spawn(own_binary(OPENER), input)?);
        watch.opener_guard = Some(guard);
        watch.tell_daemon(&ToDaemon::Opener, ours.as_fd());
        watch.opener_link = Some(ours);
        Ok(())
    }

    fn start_daemon(&self, watch: &mut Watch) -> io::Result<()> {
        let (ours, theirs) = control::pair()?;
        control::say(&ours, &ToDaemon::Setup(Box::new(self.setup.clone())), None)?;
        control::say(&ours, &ToDaemon::Home, Some(self.home.as_fd()))?;
        control::say(&ours, &ToDaemon::Unix, Some(self.unix.as_fd()))?;
        if let Some(tcp) = &self.tcp {
            control::say(&ours, &ToDaemon::Tcp, Some(tcp.as_fd()))?;
        }
        self.hand_preview(&ours)?;
        if let Some(ssh) = &self.ssh {
            control::say(&ours, &ToDaemon::Ssh, Some(ssh.as_fd()))?;
        }
        if let Some(link) = &watch.launcher_link {
            control::say(&ours, &ToDaemon::Launcher, Some(link.as_fd()))?;
        }
        if let Some(link) = &watch.network_link {
            control::say(&ours, &ToDaemon::Network, Some(link.as_fd()))?;
        }
        if let Some(link) = &watch.opener_link {
            control::say(&ours, &ToDaemon::Opener, Some(link.as_fd()))?;
        }
        control::say(&ours, &ToDaemon::Begin, None)?;
        watch.daemon.fill(spawn(own_binary(DAEMON), theirs)?);
        watch.control = Some(packet::register(ours)?);
        Ok(())
    }
}

impl Keeper {
    /// The daemon may read the key through our descriptor alone.
    fn hand_preview(&self, daemon: &OwnedFd) -> io::Result<()> {
        let Some(preview) = &self.preview else { return Ok(()) };
        control::say(daemon, &ToDaemon::Preview, Some(preview.listener.as_fd()))?;
        if let Some((chain, key)) = preview.files().map_err(io::Error::other)? {
            control::say(daemon, &ToDaemon::PreviewChain, Some(chain.as_fd()))?;
            control::say(daemon, &ToDaemon::PreviewKey, Some(key.as_fd()))?;
        }
        Ok(())
    }
}

impl Watch {
    async fn next(&mut self) -> io::Result<Event> {
        let Self { launcher, network, opener, daemon, control, terminate, .. } = self;
        let (interrupt, looks) = (&mut self.interrupt, &mut self.looks);
        let said = async {
            match control {
                Some(socket) => control::listen(socket).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            change = launcher.change() => Ok(Event::Launcher(change?)),
            change = network.change() => Ok(Event::Network(change?)),
            change = opener.change() => Ok(Event::Opener(change?)),
            change = daemon.change() => Ok(Event::Daemon(change?)),
            word = said => Ok(Event::Said(word.ok().flatten().map(|(word, _)| word))),
            _ = terminate.recv() => Ok(Event::Asked),
            _ = interrupt.recv() => Ok(Event::Asked),
            _ = looks.tick() => Ok(Event::Look),
        }
    }

    /// Gives up when nothing ever worked: then the reason is in the log and stays there.
    fn check_failures(&self) -> io::Result<()> {
        let posts = [&self.launcher, &self.network, &self.opener, &self.daemon];
        let failures = posts.map(|post| post.failures);
        let failures = failures.into_iter().max().unwrap_or(0);
        if !self.was_ready && failures >= MOST_FAILED_STARTS {
            return Err(io::Error::other(format!("its processes ended {failures} times at start")));
        }
        Ok(())
    }

    /// Hands the daemon the socket of a process that was started while it lives.
    fn tell_daemon(&self, word: &ToDaemon, socket: BorrowedFd<'_>) {
        if let Some(daemon) = &self.control
            && let Err(error) = control::say(daemon, word, Some(socket))
        {
            tracing::warn!(%error, "the daemon that is ending did not get a new socket");
        }
    }

    async fn end_daemon(&mut self) -> io::Result<()> {
        if let Some(control) = &self.control
            && let Err(error) = control::say(control, &ToDaemon::End, None)
        {
            tracing::warn!(%error, "the daemon is ending already");
        }
        self.daemon.finish(DAEMON_END).await
    }
}

fn spawn(command: std::process::Command, input: OwnedFd) -> io::Result<Child> {
    let mut command = Command::from(command);
    command.stdin(Stdio::from(input)).stdout(Stdio::null()).kill_on_drop(false);
    // The terminal's signals are for the keeper, which ends the others in order.
    command.process_group(0);
    command.spawn()
}
