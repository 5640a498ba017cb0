//! Listeners, connections and their end.
//!
//! HTTP/1.1 only: our clients, the SDKs and MCP clients speak it, upgrades need it, and a
//! connection then costs one request at a time. The number of connections is bounded, apart for
//! the unix socket and the network, so that no stranger locks the operator out; each has a limit
//! for its headers, for a body that stalls and for a reader that stalls, and buffers of at most
//! [`BUFFER_BYTES`].

mod connection;
pub(crate) mod stall;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use infield_domain::{Error, Result};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::daytona::Sockets;
use crate::door::{Authentication, Doors, Listeners};
use crate::routes;

pub(crate) use connection::{Connection, Peer};

/// Bytes that a connection buffers each way at most.
const BUFFER_BYTES: usize = 64 << 10;

/// Rest after a failed accept; it fails when descriptors run out, and then fails again at once.
const ACCEPT_REST: Duration = Duration::from_millis(100);

/// What every handler reaches.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) doors: Arc<Doors>,
    /// Is cancelled when the server begins to end.
    pub(crate) shutdown: CancellationToken,
    /// Owns every task of a connection or an upgraded stream.
    pub(crate) tasks: TaskTracker,
    /// Who is told of events.
    pub(crate) sockets: Arc<Sockets>,
}

/// Answers requests until `shutdown` is cancelled and what was under way has ended or has had its
/// time.
pub async fn serve(listeners: Listeners, doors: Doors, shutdown: CancellationToken) -> Result<()> {
    if doors.settings.authentication == Authentication::None {
        refuse_strangers(&listeners.tcp)?;
    }
    let limits = doors.settings.limits;
    let context = Context {
        doors: Arc::new(doors),
        shutdown,
        tasks: TaskTracker::new(),
        sockets: Arc::default(),
    };
    let server = Server {
        router: routes::router(context.clone()),
        context,
        abort: CancellationToken::new(),
    };
    let unix_room = Arc::new(Semaphore::new(limits.unix_connections));
    let tcp_room = Arc::new(Semaphore::new(limits.tcp_connections));
    for listener in listeners.unix {
        server.context.tasks.spawn(server.clone().accept_unix(listener, unix_room.clone()));
    }
    for listener in listeners.tcp {
        let address = listener
            .local_addr()
            .map_err(|error| Error::internal("a listener has no address").with_source(error))?;
        let accept = server.clone().accept_tcp(listener, address, tcp_room.clone());
        server.context.tasks.spawn(accept);
    }
    server.context.tasks.close();
    server.context.shutdown.cancelled().await;
    if tokio::time::timeout(limits.shutdown, server.context.tasks.wait()).await.is_err() {
        tracing::warn!("requests that did not end in time are cut off");
        server.abort.cancel();
        server.context.tasks.wait().await;
    }
    Ok(())
}

fn refuse_strangers(listeners: &[TcpListener]) -> Result<()> {
    for listener in listeners {
        let address = listener.local_addr().map(|address| address.ip());
        if !address.is_ok_and(|address| address.is_loopback()) {
            return Err(Error::invalid("a server without keys listens on a loopback address only")
                .with_hint("listen on `127.0.0.1`, or leave `--no-auth` out"));
        }
    }
    Ok(())
}

/// What accepts connections and serves them.
#[derive(Clone)]
struct Server {
    context: Context,
    router: Router,
    /// Is cancelled when the time of what was under way is over.
    abort: CancellationToken,
}

impl Server {
    async fn accept_unix(self, listener: UnixListener, room: Arc<Semaphore>) {
        let settings = &self.context.doors.settings;
        while let Some(permit) = self.place(&room).await {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = self.context.shutdown.cancelled() => return,
            };
            match accepted {
                Ok((stream, _)) => {
                    let peer = match (settings.peer)(&stream) {
                        Ok(principal) => Peer::Local(principal),
                        Err(error) => Peer::Refused(Arc::new(error)),
                    };
                    let connection = Connection::new(peer, settings.clients.enter(), permit);
                    self.context.tasks.spawn(self.clone().serve_one(stream, connection));
                }
                Err(error) => rest(&error).await,
            }
        }
    }

    async fn accept_tcp(self, listener: TcpListener, address: SocketAddr, room: Arc<Semaphore>) {
        let settings = &self.context.doors.settings;
        while let Some(permit) = self.place(&room).await {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = self.context.shutdown.cancelled() => return,
            };
            match accepted {
                Ok((stream, _)) => {
                    // Frames are small and wait for answers: Nagle's delay would add 40 ms each.
                    if let Err(error) = stream.set_nodelay(true) {
                        tracing::debug!(%error, "a connection ended at once");
                        continue;
                    }
                    let local = stream.local_addr().unwrap_or(address);
                    let peer = Peer::Network(local);
                    let connection = Connection::new(peer, settings.clients.enter(), permit);
                    let stream = stall::Limited::new(stream, settings.limits.write_stall);
                    self.context.tasks.spawn(self.clone().serve_one(stream, connection));
                }
                Err(error) => rest(&error).await,
            }
        }
    }

    /// Room for one more connection; none when the server ends.
    async fn place(&self, room: &Arc<Semaphore>) -> Option<OwnedSemaphorePermit> {
        tokio::select! {
            permit = room.clone().acquire_owned() => permit.ok(),
            () = self.context.shutdown.cancelled() => None,
        }
    }
}

async fn rest(error: &std::io::Error) {
    tracing::warn!(%error, "a connection could not be accepted");
    tokio::time::sleep(ACCEPT_REST).await;
}
