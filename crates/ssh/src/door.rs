//! The listener, and one connection from its first byte to its last.
//!
//! Who was not let in yet has few places and little time; who was stays until the access ends, the
//! server does, or the kernel finds that the other side is gone.

use std::collections::BTreeMap;
use std::net::Shutdown;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use infield_domain::{Result, SshAccessId};
use infield_engine::{Engine, SshPass};
use russh::server::{Config, Handle};
use russh::{Disconnect, MethodKind, MethodSet, SshId};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, oneshot};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::HostKey;
use crate::meter::{Meter, Metered, WINDOW};
use crate::visitor::Visitor;

/// What the server calls itself, RFC 4253 section 4.2. It tells no version to strangers.
const NAME: &str = "SSH-2.0-infield";
/// Bytes of one packet; every implementation takes this many, RFC 4253 section 6.1.
const PACKET: u32 = 32 << 10;
/// Pieces of output between our tasks and russh's.
const PIECES: usize = 4;
/// Rest after a failed accept; it fails when descriptors run out, and then fails again at once.
const ACCEPT_REST: Duration = Duration::from_millis(100);
/// How long saying goodbye may take.
const GOODBYE: Duration = Duration::from_secs(1);
/// Silence until the kernel asks whether the other side lives, between two questions, and how many
/// it asks: routers forget a connection after a few minutes.
const SILENCE: Duration = Duration::from_secs(60);
const QUESTIONS: u32 = 4;

/// Bounds of the door.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at once.
    pub connections: usize,
    /// Those of them that were not let in yet.
    pub strangers: usize,
    /// Those of one access.
    pub of_one_access: usize,
    /// Channels of one connection.
    pub channels: usize,
    /// How long a stranger may take to be let in.
    pub login: Duration,
    /// User names that a connection may try.
    pub tries: usize,
    /// How long a wrong name is answered late.
    pub rejection: Duration,
}

impl Limits {
    /// What a daemon uses.
    pub const STANDARD: Self = Self {
        connections: 128,
        strangers: 32,
        of_one_access: 16,
        channels: 32,
        login: Duration::from_secs(30),
        tries: 3,
        rejection: Duration::from_secs(1),
    };
}

/// What answers clients of SSH.
pub struct SshDoor {
    /// Decides.
    pub engine: Engine,
    /// What clients know this host by.
    pub key: HostKey,
    /// Bounds.
    pub limits: Limits,
}

/// What every connection reaches.
pub(crate) struct Shared {
    pub(crate) engine: Engine,
    pub(crate) limits: Limits,
    config: Arc<Config>,
    strangers: Arc<Semaphore>,
    /// How many connections each access has.
    crowd: Mutex<BTreeMap<SshAccessId, usize>>,
    /// Owns every task of a channel.
    pub(crate) tasks: TaskTracker,
    shutdown: CancellationToken,
}

/// A connection's place among those of its access.
pub(crate) struct Place {
    shared: Arc<Shared>,
    access: SshAccessId,
}

impl Shared {
    /// A place among the connections of an access, if there is one.
    pub(crate) fn place(self: &Arc<Self>, access: &SshAccessId) -> Option<Place> {
        let mut crowd = self.crowd.lock().unwrap_or_else(PoisonError::into_inner);
        let count = crowd.entry(access.clone()).or_default();
        if *count >= self.limits.of_one_access {
            return None;
        }
        *count += 1;
        Some(Place { shared: self.clone(), access: access.clone() })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut crowd = self.shared.crowd.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = crowd.get_mut(&self.access) {
            *count -= 1;
            if *count == 0 {
                crowd.remove(&self.access);
            }
        }
    }
}

fn config(door: &SshDoor) -> Config {
    Config {
        server_id: SshId::Standard(NAME.into()),
        methods: MethodSet::from(&[MethodKind::None][..]),
        auth_rejection_time: door.limits.rejection,
        auth_rejection_time_initial: None,
        keys: vec![door.key.private()],
        window_size: WINDOW,
        maximum_packet_size: PACKET,
        // We take input from callbacks: see the crate's own words.
        channel_buffer_size: 1,
        event_buffer_size: PIECES,
        max_auth_attempts: door.limits.tries,
        // A connection that is not read on purpose is not inactive; the kernel finds the dead ones.
        inactivity_timeout: None,
        keepalive_interval: None,
        nodelay: true,
        ..Config::default()
    }
}

/// Answers clients until `shutdown` is cancelled and what was under way was cut.
pub async fn serve(
    listener: TcpListener,
    door: SshDoor,
    shutdown: CancellationToken,
) -> Result<()> {
    let shared = Arc::new(Shared {
        config: Arc::new(config(&door)),
        engine: door.engine,
        limits: door.limits,
        strangers: Arc::new(Semaphore::new(door.limits.strangers)),
        crowd: Mutex::default(),
        tasks: TaskTracker::new(),
        shutdown,
    });
    let room = Arc::new(Semaphore::new(shared.limits.connections));
    let accepting = async {
        loop {
            let Ok(place) = room.clone().acquire_owned().await else { return };
            match listener.accept().await {
                Ok((stream, _)) => {
                    let connection = shared.clone();
                    shared.tasks.spawn(async move {
                        welcome(&connection, stream).await;
                        drop(place);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "a client of SSH could not be accepted");
                    sleep(ACCEPT_REST).await;
                }
            }
        }
    };
    tokio::select! {
        () = accepting => {}
        () = shared.shutdown.cancelled() => {}
    }
    shared.tasks.close();
    if timeout(GOODBYE * 4, shared.tasks.wait()).await.is_err() {
        tracing::warn!("some clients of SSH do not go");
    }
    Ok(())
}

async fn welcome(shared: &Arc<Shared>, stream: TcpStream) {
    // Waiting strangers keep others out for as long as a login may take, and no longer.
    let Ok(stranger) = shared.strangers.clone().try_acquire_owned() else {
        tracing::debug!("too many strangers at once");
        return;
    };
    let (stream, line) = match prepared(stream) {
        Ok(prepared) => prepared,
        Err(error) => {
            tracing::debug!(%error, "a client of SSH left at once");
            return;
        }
    };
    let meter = Meter::default();
    let (entered, mut admitted) = oneshot::channel();
    let gone = CancellationToken::new();
    let visitor = Visitor::new(shared.clone(), meter.clone(), (entered, gone.clone()));
    let config = shared.config.clone();
    let login = async {
        let running =
            russh::server::run_stream(config, Metered::new(stream, meter), visitor).await?;
        let handle = running.handle();
        let running = shared.tasks.spawn(running);
        let pass = (&mut admitted).await.ok();
        Ok::<_, russh::Error>((running, handle, pass))
    };
    let login = tokio::select! {
        login = timeout(shared.limits.login, login) => login,
        () = shared.shutdown.cancelled() => return hang_up(&line, &gone),
    };
    drop(stranger);
    match login {
        Ok(Ok((mut running, handle, Some(pass)))) => {
            tokio::select! {
                _ = &mut running => {}
                why = over(shared, &pass) => say_goodbye(&handle, why, running).await,
            }
        }
        Ok(Ok((_, _, None))) => tracing::debug!("a client of SSH was not let in"),
        Ok(Err(error)) => tracing::debug!(%error, "a client does not speak SSH"),
        Err(_) => tracing::debug!("a client of SSH did not log in in time"),
    }
    hang_up(&line, &gone);
}

/// The connection, and a second handle by which it is ended whatever it waits for.
fn prepared(stream: TcpStream) -> std::io::Result<(TcpStream, std::net::TcpStream)> {
    use rustix::net::sockopt;
    stream.set_nodelay(true)?;
    sockopt::set_socket_keepalive(&stream, true)?;
    sockopt::set_tcp_keepidle(&stream, SILENCE)?;
    sockopt::set_tcp_keepintvl(&stream, SILENCE)?;
    sockopt::set_tcp_keepcnt(&stream, QUESTIONS)?;
    let stream = stream.into_std()?;
    let line = stream.try_clone()?;
    Ok((TcpStream::from_std(stream)?, line))
}

fn hang_up(line: &std::net::TcpStream, gone: &CancellationToken) {
    gone.cancel();
    if let Err(error) = line.shutdown(Shutdown::Both) {
        tracing::debug!(%error, "a client of SSH was gone");
    }
}

/// Waits until a connection must end, and tells why.
async fn over(shared: &Shared, pass: &SshPass) -> &'static str {
    tokio::select! {
        () = pass.ended() => "this access is over",
        () = shared.shutdown.cancelled() => "the server ends",
    }
}

async fn say_goodbye(handle: &Handle, why: &str, running: impl Future) {
    let said = timeout(GOODBYE, async {
        let text = (why.to_owned(), String::new());
        if handle.disconnect(Disconnect::ByApplication, text.0, text.1).await.is_ok() {
            drop(running.await);
        }
    });
    if said.await.is_err() {
        tracing::debug!("a client of SSH did not hear the goodbye");
    }
}
