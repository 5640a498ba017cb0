//! What is told to the network process of a connection, and what it says.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use infield_net::handover::{Credit, REPORT_BYTES, Report};
use infield_net::packet;
use tokio::io::{Interest, unix::AsyncFd};
use tokio::time::{MissedTickBehavior, interval};

use crate::stream::Ledger;

/// How often a little is told, too.
const TELL_EACH: Duration = Duration::from_secs(1);

/// Tells the one thing that there is to tell of a connection.
pub(crate) fn tell_last(socket: &OwnedFd, report: &Report) {
    let bytes = postcard::to_stdvec(report).map_err(io::Error::other);
    if let Err(error) = bytes.and_then(|bytes| packet::send(socket, &bytes, &[])) {
        tracing::warn!(%error, "a connection that is not opened is not told of");
    }
}

/// The socket pair of one connection.
pub(crate) struct Reports(AsyncFd<OwnedFd>);

impl Reports {
    pub(crate) fn new(socket: OwnedFd) -> io::Result<Self> {
        packet::register(socket).map(Self)
    }

    /// Tells what is moved and hears what may be, until the network process ends the connection.
    pub(crate) async fn keep(&self, ledger: &Arc<Ledger>) -> io::Result<()> {
        let mut ticks = interval(TELL_EACH);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = ledger.due.notified() => self.tell_moved(ledger).await?,
                _ = ticks.tick() => self.tell_moved(ledger).await?,
                credit = self.hear() => match credit? {
                    Some(Credit(bytes)) => ledger.grant(bytes),
                    None => return Ok(()),
                },
            }
        }
    }

    async fn tell_moved(&self, ledger: &Ledger) -> io::Result<()> {
        match ledger.take() {
            Some(report) => self.tell(&report).await,
            None => Ok(()),
        }
    }

    /// Tells one thing.
    pub(crate) async fn tell(&self, report: &Report) -> io::Result<()> {
        let bytes = postcard::to_stdvec(report).map_err(io::Error::other)?;
        let send = |socket: &OwnedFd| packet::send(socket, &bytes, &[]);
        self.0.async_io(Interest::WRITABLE, send).await
    }

    async fn hear(&self) -> io::Result<Option<Credit>> {
        let read = |socket: &OwnedFd| {
            let mut buffer = [0; REPORT_BYTES];
            let (length, _) = packet::receive(socket, &mut buffer)?;
            Ok(buffer.get(..length).unwrap_or_default().to_vec())
        };
        let bytes = self.0.async_io(Interest::READABLE, read).await?;
        if bytes.is_empty() {
            return Ok(None);
        }
        postcard::from_bytes(&bytes).map(Some).map_err(io::Error::other)
    }
}
