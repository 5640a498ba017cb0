//! The way to a sandbox's agent: its socket in the sandbox's folder.
//!
//! The path goes through the descriptor of the home, because a socket's path is limited to 108
//! bytes, unix(7), and a home's is not.
//!
//! Every operation has a connection of its own. Where one came there are often more, so the next
//! connection is made ahead, a moment after this one was opened, and kept for a few seconds: to connect
//! and to be accepted takes about a tenth of a millisecond.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use infield_domain::SandboxId;
use infield_domain::guest::Guest;
use infield_protocol::client::Client;
use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SocketAddrUnix, SocketFlags, SocketType};
use tokio::task::AbortHandle;
use tokio::time::sleep;

/// A connection is made ahead so long after the one before: whoever waits comes first.
const AFTER: Duration = Duration::from_millis(50);

/// It is kept so long; the agent closes a connection that asks nothing after ten seconds.
const KEPT: Duration = Duration::from_secs(5);

/// The connections to agents that were made ahead.
pub(crate) struct Lines {
    home: Arc<OwnedFd>,
    ahead: Mutex<HashMap<SandboxId, Ahead>>,
}

/// What is done for the next operation.
struct Ahead {
    /// None until it is made.
    stream: Option<UnixStream>,
    /// Makes it, and closes it when nobody wants it.
    keeping: AbortHandle,
}

impl Lines {
    /// To the sandboxes of this home.
    pub(crate) fn new(home: Arc<OwnedFd>) -> Arc<Self> {
        Arc::new(Self { home, ahead: Mutex::default() })
    }

    /// The inside of a sandbox.
    pub(crate) fn guest(self: &Arc<Self>, id: &SandboxId) -> Arc<dyn Guest> {
        Arc::new(self.client(id))
    }

    /// The same, for what only this provider does.
    pub(crate) fn client(self: &Arc<Self>, id: &SandboxId) -> Client {
        let (lines, id) = (Arc::clone(self), id.clone());
        Client::new(move || lines.open(&id))
    }

    /// A connection: the one that was made ahead, if its agent still has the other end.
    fn open(self: &Arc<Self>, id: &SandboxId) -> io::Result<UnixStream> {
        let ahead = self.take(id).filter(is_open);
        let stream = ahead.map_or_else(|| self.connect(id), Ok)?;
        self.make_ahead(id);
        Ok(stream)
    }

    fn take(&self, id: &SandboxId) -> Option<UnixStream> {
        let mut all = self.lock();
        let stream = all.get_mut(id)?.stream.take()?;
        let taken = all.remove(id)?;
        taken.keeping.abort();
        Some(stream)
    }

    fn make_ahead(self: &Arc<Self>, id: &SandboxId) {
        let mut all = self.lock();
        if all.contains_key(id) {
            return;
        }
        let (lines, name) = (Arc::clone(self), id.clone());
        let keeping = tokio::spawn(async move {
            sleep(AFTER).await;
            let made = lines.connect(&name).ok();
            let is_made = made.is_some();
            if let Some(ahead) = lines.lock().get_mut(&name) {
                ahead.stream = made;
            }
            if is_made {
                sleep(KEPT).await;
            }
            lines.lock().remove(&name);
        });
        all.insert(id.clone(), Ahead { stream: None, keeping: keeping.abort_handle() });
    }

    fn connect(&self, id: &SandboxId) -> io::Result<UnixStream> {
        let home = self.home.as_raw_fd();
        let path = format!("/proc/self/fd/{home}/sandboxes/{id}/agent.sock");
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket =
            rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        rustix::net::connect(&socket, &SocketAddrUnix::new(path)?)?;
        Ok(socket.into())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SandboxId, Ahead>> {
        // Nothing in a critical section can panic half-way.
        self.ahead.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the other end is there. It says nothing before it is asked.
fn is_open(stream: &UnixStream) -> bool {
    let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
    rustix::net::recv(stream, &mut [0_u8; 1], flags).err() == Some(Errno::AGAIN)
}

#[cfg(test)]
mod tests;
