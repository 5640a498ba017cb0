//! When a connection last moved a byte.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

/// Remembers the last byte. Cheap to clone; every clone is the same.
#[derive(Clone)]
pub(super) struct Pulse {
    begun: Instant,
    last_ms: Arc<AtomicU64>,
}

impl Pulse {
    pub(super) fn new() -> Self {
        Self { begun: Instant::now(), last_ms: Arc::default() }
    }

    fn beat(&self) {
        let now = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last_ms.store(now, Ordering::Relaxed);
    }

    /// Waits until no byte has moved for so long.
    pub(super) async fn quiet_for(&self, limit: Duration) {
        loop {
            let last = self.begun + Duration::from_millis(self.last_ms.load(Ordering::Relaxed));
            let until = last + limit;
            if until <= Instant::now() {
                return;
            }
            tokio::time::sleep_until(until).await;
        }
    }
}

/// A stream whose bytes are noticed.
pub(super) struct Noticed<I> {
    inner: I,
    pulse: Pulse,
}

impl<I> Noticed<I> {
    pub(super) fn new(inner: I, pulse: Pulse) -> Self {
        pulse.beat();
        Self { inner, pulse }
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Noticed<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.inner).poll_read(context, buffer);
        if read.is_ready() {
            self.pulse.beat();
        }
        read
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Noticed<I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write(context, bytes);
        if written.is_ready() {
            self.pulse.beat();
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}
