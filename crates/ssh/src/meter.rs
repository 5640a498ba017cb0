//! Bytes of one connection that lie here and wait for a sandbox, and the socket that is not read
//! while they are too many.
//!
//! A pause also keeps back the client's news that there is room for output again, and a program that
//! cannot write may be the one that does not read. So, while some output waits for the client,
//! more is read, up to a second bound: the news is close behind what the client was allowed to
//! send. Beyond the second bound nothing helps but that somebody takes what lies here; a client
//! that takes no output while it sends that much waits for itself, until its access ends.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes from which on the socket is read only while output waits for the client.
pub(crate) const ENOUGH: usize = 1 << 20;
/// Bytes from which on it is not read.
pub(crate) const MOST: usize = 4 << 20;
/// What a piece costs besides its bytes: small ones are not free.
const PIECE: usize = 256;

/// Counts for one connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Meter(Arc<Mutex<Now>>);

#[derive(Debug, Default)]
struct Now {
    lying: usize,
    /// Outputs that wait for the client.
    starving: usize,
    reader: Option<Waker>,
}

impl Now {
    fn may_read(&self) -> bool {
        self.lying < ENOUGH || self.starving > 0 && self.lying < MOST
    }
}

impl Meter {
    /// Counts a piece until what is given is dropped.
    pub(crate) fn lay(&self, bytes: usize) -> Lying {
        let cost = bytes + PIECE;
        self.with(|now| now.lying += cost);
        Lying { meter: self.clone(), cost }
    }

    /// Tells that output waits for the client until what is given is dropped.
    pub(crate) fn starve(&self) -> Starving {
        self.with(|now| now.starving += 1);
        Starving(self.clone())
    }

    fn with(&self, change: impl FnOnce(&mut Now)) {
        let waker = {
            let mut now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            change(&mut now);
            if now.may_read() { now.reader.take() } else { None }
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Whether the socket may be read; otherwise the task is woken when it may be.
    fn poll_may_read(&self, context: &Context<'_>) -> Poll<()> {
        let mut now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if now.may_read() {
            return Poll::Ready(());
        }
        now.reader = Some(context.waker().clone());
        Poll::Pending
    }
}

/// A piece that waits for a sandbox.
#[derive(Debug)]
pub(crate) struct Lying {
    meter: Meter,
    cost: usize,
}

impl Drop for Lying {
    fn drop(&mut self) {
        self.meter.with(|now| now.lying -= self.cost);
    }
}

/// An output that waits for the client.
#[derive(Debug)]
pub(crate) struct Starving(Meter);

impl Drop for Starving {
    fn drop(&mut self) {
        self.0.with(|now| now.starving -= 1);
    }
}

/// A connection that is not read while too much of it lies here.
pub(crate) struct Metered<S> {
    pub(crate) stream: S,
    pub(crate) meter: Meter,
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        std::task::ready!(self.meter.poll_may_read(context));
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Metered<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests;
