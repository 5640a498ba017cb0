//! From a home to a connection: connect, start what is missing, replace what is another build.
//!
//! Two fronts that miss the daemon at once both start one; the second finds the home locked and
//! ends, and both fronts connect to the first. So a start that failed is no error as long as
//! somebody answers, and a start that succeeded is no success until somebody does.

use std::io::ErrorKind;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use infield_domain::{Error, Kind, Result};
use infield_rest::wire::{Shutdown, ShutdownSandboxes};
use rustix::fs::{Mode, OFlags};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::{Instant, sleep};

use super::{Caller, Request, Starts, exchange, failure};
use crate::error::from_detail;
use crate::home::Home;

/// How long a daemon may take until it takes connections.
const START_PATIENCE: Duration = Duration::from_secs(15);

/// How long a daemon may take from its first connection until it can make sandboxes: it adopts
/// those that run, and carries out what was due while no daemon ran.
const READY_PATIENCE: Duration = Duration::from_secs(60);

/// How long a daemon may take until it has ended.
const END_PATIENCE: Duration = Duration::from_secs(15);

/// How often a daemon is started before the failure is believed.
const STARTS: u32 = 2;

/// The first and the longest pause between two attempts.
const PAUSES: (Duration, Duration) = (Duration::from_millis(2), Duration::from_millis(100));

/// Lines of the log that an error shows.
const LOG_LINES: usize = 8;

/// Bytes of the log that are looked at for them.
const LOG_BYTES: u64 = 16 << 10;

/// `sun_path` has 108 bytes with the final NUL, unix(7).
const SOCKET_PATH_BYTES: usize = 107;

/// A connection to the daemon of `home`.
pub(super) async fn open(home: &Home, starts: Starts) -> Result<UnixStream> {
    match connect(home).await? {
        Some(stream) => Ok(stream),
        None if starts == Starts::Daemon => start(home).await,
        None => Err(Error::unavailable("no daemon runs")
            .with_hint("start one with `infield serve`, or run any command that needs one")),
    }
}

/// The process that made the daemon's socket.
pub(super) async fn keeper(home: &Home) -> Result<i32> {
    let unknown = || Error::unavailable("the process behind the daemon's socket is not known");
    let stream = open(home, Starts::Nothing).await?;
    let cred = stream.peer_cred().map_err(|source| unknown().with_source(source))?;
    cred.pid().ok_or_else(unknown)
}

/// A connection to a daemon that listens on `address`.
pub(super) async fn dial(address: &str) -> Result<TcpStream> {
    let stream = TcpStream::connect(address)
        .await
        .map_err(|error| Error::unavailable(format!("cannot reach `{address}`: {error}")))?;
    // One small request and its answer: waiting to fill a packet would cost more than they do.
    stream
        .set_nodelay(true)
        .map_err(|source| Error::internal("cannot set up the connection").with_source(source))?;
    Ok(stream)
}

/// Asks a daemon of another build to end, and waits until it has. Its sandboxes go on.
pub(super) async fn hand_over(home: &Home, caller: &Caller) -> Result<()> {
    let Some(stream) = connect(home).await? else { return Ok(()) };
    let request = Request::post("/v1/shutdown", &Shutdown { sandboxes: ShutdownSandboxes::Keep })?;
    let response = exchange(stream, request, caller).await?;
    if !response.status().is_success() {
        return Err(from_detail(failure(response).await?));
    }
    wait_for_end(home).await
}

/// Waits until nobody listens and nobody has the home.
pub(super) async fn wait_for_end(home: &Home) -> Result<()> {
    let mut patience = Patience::new(END_PATIENCE);
    while home.is_locked() || connect(home).await?.is_some() {
        if !patience.wait().await {
            return Err(Error::timeout("the daemon was asked to end and does not")
                .with_hint(format!("look at `{}`", home.log().display())));
        }
    }
    Ok(())
}

/// Whether the daemon can make sandboxes now.
pub(super) async fn is_ready(home: &Home, caller: &Caller) -> Result<bool> {
    let Some(stream) = connect(home).await? else { return Ok(false) };
    // A daemon that ends while it is asked is not ready either.
    let answer = exchange(stream, Request::get("/api/health"), caller).await;
    Ok(answer.is_ok_and(|response| response.status().is_success()))
}

/// Waits until the daemon can make sandboxes; starts one when it ended meanwhile.
pub(super) async fn wait_until_ready(home: &Home, caller: &Caller) -> Result<()> {
    let mut patience = Patience::new(READY_PATIENCE);
    while !is_ready(home, caller).await? {
        drop(open(home, Starts::Daemon).await?);
        if !patience.wait().await {
            return Err(not_started(home, "the daemon runs, and is not ready in time"));
        }
    }
    Ok(())
}

/// Connects; none when nobody listens.
async fn connect(home: &Home) -> Result<Option<UnixStream>> {
    let socket = home.socket();
    match connect_path(&socket).await {
        Ok(stream) => Ok(Some(stream)),
        Err(error) => match error.kind() {
            // ECONNREFUSED: the socket's file outlived its daemon, or its queue is closed.
            ErrorKind::NotFound | ErrorKind::ConnectionRefused => Ok(None),
            ErrorKind::PermissionDenied => Err(Error::denied(format!(
                "the daemon's socket `{}` belongs to another user",
                socket.display()
            ))
            .with_hint("choose a home of your own with `--home DIR`")),
            _ => Err(Error::unavailable(format!("cannot reach `{}`: {error}", socket.display()))),
        },
    }
}

async fn connect_path(socket: &Path) -> std::io::Result<UnixStream> {
    if socket.as_os_str().len() <= SOCKET_PATH_BYTES {
        return UnixStream::connect(socket).await;
    }
    // A long path is reached by a descriptor of its folder.
    let (Some(folder), Some(name)) = (socket.parent(), socket.file_name()) else {
        return Err(ErrorKind::InvalidInput.into());
    };
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let folder = rustix::fs::open(folder, flags, Mode::empty())?;
    let short = PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd())).join(name);
    UnixStream::connect(short).await
}

async fn start(home: &Home) -> Result<UnixStream> {
    let mut patience = Patience::new(START_PATIENCE);
    for _ in 0..STARTS {
        let mut keeper = crate::serve::start_in_background(home)?;
        loop {
            if let Some(stream) = connect(home).await? {
                return Ok(stream);
            }
            let ended = keeper.try_wait().map_err(|source| {
                Error::internal("cannot look after the daemon that was started").with_source(source)
            })?;
            if !patience.wait().await {
                return Err(not_started(home, "the daemon did not start in time"));
            }
            // While another keeper has the home, ours ends at once and is not missed. When none
            // has it, the other one was about to end, and one more start is due.
            if ended.is_some() && !home.is_locked() {
                break;
            }
        }
        if let Some(stream) = connect(home).await? {
            return Ok(stream);
        }
    }
    Err(not_started(home, "the daemon ended while it started"))
}

fn not_started(home: &Home, what: &str) -> Error {
    let log = home.log();
    let lines = last_lines(&log);
    let shown =
        if lines.is_empty() { String::new() } else { format!("; its log ends with:\n{lines}") };
    Error::new(Kind::Unavailable, format!("{what}{shown}"))
        .with_hint(format!("run `infield doctor`, and look at `{}`", log.display()))
}

/// The last lines of a log, each indented; empty when there is none.
fn last_lines(log: &Path) -> String {
    use std::io::{Read, Seek, SeekFrom};
    let read = || -> std::io::Result<Vec<u8>> {
        let mut file = std::fs::File::open(log)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(LOG_BYTES)))?;
        let mut bytes = Vec::new();
        file.take(LOG_BYTES).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    // Without a log there is nothing to show, and the hint still names where it would be.
    let bytes = read().unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<_> = text.lines().rev().take(LOG_LINES).collect();
    let indented: Vec<_> = lines.iter().rev().map(|line| format!("  {line}")).collect();
    indented.join("\n")
}

/// Growing pauses up to a limit of time.
struct Patience {
    until: Instant,
    pause: Duration,
}

impl Patience {
    fn new(limit: Duration) -> Self {
        Self { until: Instant::now() + limit, pause: PAUSES.0 }
    }

    /// Waits a little; false when the time is over.
    async fn wait(&mut self) -> bool {
        if Instant::now() >= self.until {
            return false;
        }
        sleep(self.pause).await;
        self.pause = (self.pause * 3 / 2).min(PAUSES.1);
        true
    }
}
