//! The sandbox's side of a connection: with what was read before, counted, and no further ahead of
//! the network process than it gave credit for.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use infield_net::handover::{Report, WINDOW};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Notify;

use crate::ahead::Ahead;

/// Bytes that are not told yet, at which they are.
const TELL: u64 = WINDOW / 8;

/// What was moved on one connection, and what may be.
pub(crate) struct Ledger {
    sent: AtomicU64,
    received: AtomicU64,
    credit: AtomicI64,
    waiting: Mutex<[Option<Waker>; 2]>,
    /// There is enough to tell.
    pub(crate) due: Notify,
}

/// Which way bytes go; an index of what waits.
#[derive(Clone, Copy)]
enum Way {
    Out,
    In,
}

impl Ledger {
    /// With what may be moved before the first credit comes.
    pub(crate) fn new(credit: u64) -> Arc<Self> {
        Arc::new(Self {
            sent: AtomicU64::new(0),
            received: AtomicU64::new(0),
            credit: AtomicI64::new(i64::try_from(credit).unwrap_or(i64::MAX)),
            waiting: Mutex::default(),
            due: Notify::new(),
        })
    }

    /// What is to be told; none when nothing was moved since.
    pub(crate) fn take(&self) -> Option<Report> {
        let sent = self.sent.swap(0, Ordering::Relaxed);
        let received = self.received.swap(0, Ordering::Relaxed);
        (sent + received > 0).then_some(Report::Moved { sent, received })
    }

    /// Lets so many bytes more be moved.
    pub(crate) fn grant(&self, bytes: u64) {
        self.credit.fetch_add(i64::try_from(bytes).unwrap_or(i64::MAX), Ordering::AcqRel);
        for waker in self.lock().iter_mut().filter_map(Option::take) {
            waker.wake();
        }
    }

    fn poll_credit(&self, way: Way, context: &Context<'_>) -> Poll<()> {
        if self.credit.load(Ordering::Acquire) > 0 {
            return Poll::Ready(());
        }
        self.lock()[way as usize] = Some(context.waker().clone());
        // It may have come in between, before there was anybody to wake.
        if self.credit.load(Ordering::Acquire) > 0 { Poll::Ready(()) } else { Poll::Pending }
    }

    fn moved(&self, way: Way, bytes: usize) {
        let count = match way {
            Way::Out => &self.sent,
            Way::In => &self.received,
        };
        let bytes = bytes as u64;
        let before = count.fetch_add(bytes, Ordering::Relaxed);
        let moved = i64::try_from(bytes).unwrap_or(i64::MAX);
        let credit = self.credit.fetch_sub(moved, Ordering::AcqRel);
        // Who has no credit left waits for what this brings.
        if before + bytes >= TELL || credit <= moved {
            self.due.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, [Option<Waker>; 2]> {
        // Nothing in a critical section can panic half-way.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The socket.
pub(crate) struct Counted {
    socket: Ahead,
    /// What was read before, and how much of it was taken.
    first: (Vec<u8>, usize),
    ledger: Arc<Ledger>,
}

impl Counted {
    pub(crate) fn new(socket: TcpStream, first: Vec<u8>, ledger: &Arc<Ledger>) -> Self {
        let socket = Ahead::new(socket);
        Self { socket, first: (first, 0), ledger: Arc::clone(ledger) }
    }
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.ledger.poll_credit(Way::Out, context));
        let before = into.filled().len();
        let (bytes, taken) = &mut self.first;
        let left = bytes.get(*taken..).unwrap_or_default();
        if left.is_empty() {
            ready!(Pin::new(&mut self.socket).poll_read(context, into))?;
        } else {
            let now = left.get(..into.remaining()).unwrap_or(left);
            into.put_slice(now);
            *taken += now.len();
        }
        self.ledger.moved(Way::Out, into.filled().len() - before);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Counted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.ledger.poll_credit(Way::In, context));
        let written = ready!(Pin::new(&mut self.socket).poll_write(context, bytes))?;
        self.ledger.moved(Way::In, written);
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.ledger.poll_credit(Way::In, context));
        let written = ready!(Pin::new(&mut self.socket).poll_write_vectored(context, parts))?;
        self.ledger.moved(Way::In, written);
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}
