//! Connections to a port inside, which are bytes and no frames.

use std::io;
use std::num::NonZeroU16;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use infield_domain::Result;
use infield_domain::guest::PortStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::UnixStream;

use super::Client;
use super::wire::{garbage, nonsense};
use crate::message::{Event, Request};

/// To connect inside; longer than the agent tries.
const DIAL: Duration = Duration::from_secs(10);

/// Bytes that may come along with the agent's answer where the connection goes on elsewhere.
const EARLY_BYTES: usize = 4 << 10;

pub(super) async fn dial(client: &Client, port: NonZeroU16) -> Result<Box<dyn PortStream>> {
    let mut wire = client.open(Request::Dial(port.get())).await?;
    match wire.events.next_within(DIAL).await? {
        Event::Started => {}
        _ => return Err(nonsense()),
    }
    let (stream, early) = wire.into_bytes()?;
    Ok(Box::new(Dialled { stream, early, taken: 0 }))
}

/// The same for somebody else: the connection to the agent, and what came along with its answer.
pub(super) async fn dial_apart(client: &Client, port: NonZeroU16) -> Result<(OwnedFd, Vec<u8>)> {
    let mut wire = client.open(Request::Dial(port.get())).await?;
    wire.events.read_at_most(EARLY_BYTES);
    match wire.events.next_within(DIAL).await? {
        Event::Started => {}
        _ => return Err(nonsense()),
    }
    let (stream, early) = wire.into_bytes()?;
    Ok((stream.into_std().map_err(garbage)?.into(), early))
}

/// The connection to the agent, which copies.
struct Dialled {
    stream: UnixStream,
    /// What came along with the agent's answer.
    early: Vec<u8>,
    taken: usize,
}

impl PortStream for Dialled {
    fn poll_read(&mut self, context: &mut Context<'_>, room: &mut [u8]) -> Poll<io::Result<usize>> {
        let early = &self.early[self.taken..];
        if !early.is_empty() {
            let count = early.len().min(room.len());
            room[..count].copy_from_slice(&early[..count]);
            self.taken += count;
            if self.taken == self.early.len() {
                (self.early, self.taken) = (Vec::new(), 0);
            }
            return Poll::Ready(Ok(count));
        }
        let mut buffer = ReadBuf::new(room);
        ready!(Pin::new(&mut self.stream).poll_read(context, &mut buffer))?;
        Poll::Ready(Ok(buffer.filled().len()))
    }

    fn poll_write(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_finish(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
