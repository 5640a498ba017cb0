//! The way to the process that opens TLS.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use tokio::io::{Interest, unix::AsyncFd};
use tokio::time::timeout;

use crate::handover::{Credit, Handover, REPORT_BYTES, Report};
use crate::packet;

/// How long a handover may wait for room.
const PATIENCE: Duration = Duration::from_secs(2);

/// Takes connections that are to be opened, while there is somebody.
#[derive(Debug, Default)]
pub(crate) struct Opener(Mutex<Option<Arc<AsyncFd<OwnedFd>>>>);

/// A connection that was handed over. It ends with this.
#[derive(Debug)]
pub(crate) struct Opened(AsyncFd<OwnedFd>);

impl Opener {
    /// From now on connections go here.
    pub(crate) fn replace(&self, socket: Option<OwnedFd>) {
        let socket = socket.and_then(|socket| {
            packet::register(socket)
                .inspect_err(|error| tracing::error!(%error, "the opener's socket is refused"))
                .ok()
        });
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = socket.map(Arc::new);
    }

    /// Hands a connection over, with the sockets of its client and its server.
    pub(crate) async fn hand_over(
        &self,
        handover: &Handover,
        [client, server]: [BorrowedFd<'_>; 2],
    ) -> io::Result<Opened> {
        let socket = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let socket = socket.ok_or(io::ErrorKind::NotConnected)?;
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
        let bytes = postcard::to_stdvec(handover).map_err(io::Error::other)?;
        let send =
            |socket: &OwnedFd| packet::send(socket, &bytes, &[client, server, theirs.as_fd()]);
        let sent = timeout(PATIENCE, socket.async_io(Interest::WRITABLE, send)).await;
        sent.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))?;
        packet::register(ours).map(Opened)
    }
}

impl Opened {
    /// What is told next; none when nothing more will be.
    pub(crate) async fn next(&self) -> Option<Report> {
        let read = |socket: &OwnedFd| {
            let mut buffer = [0; REPORT_BYTES];
            let (length, _) = packet::receive(socket, &mut buffer)?;
            Ok(buffer.get(..length).unwrap_or_default().to_vec())
        };
        let said = match self.0.async_io(Interest::READABLE, read).await {
            // It was closed with a credit unread. What it said before is still there: the error
            // is told first, and once (unix(7)).
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {
                self.0.async_io(Interest::READABLE, read).await
            }
            said => said,
        };
        postcard::from_bytes(&said.ok()?).ok()
    }

    /// Lets so many bytes more be moved.
    pub(crate) async fn grant(&self, bytes: u64) {
        let Ok(bytes) = postcard::to_stdvec(&Credit(bytes)) else { return };
        let send = |socket: &OwnedFd| packet::send(socket, &bytes, &[]);
        // Whoever is gone shows in what is told next.
        drop(self.0.async_io(Interest::WRITABLE, send).await);
    }
}
