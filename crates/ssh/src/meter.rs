//! Bytes of one connection that lie here and wait for a sandbox, and what is done about too many.
//!
//! russh lets a client send more of a channel's input as soon as some arrived. Three steps keep
//! what nobody takes small:
//!
//! 1. From [`ENOUGH`] on, a client is allowed [`TRICKLE`] bytes at a time ([`Meter::window`]).
//! 2. Then its socket is read slowly. It is read: the client's news that there is room for output
//!    comes the same way, and a program that cannot write may be the one that does not read.
//! 3. From [`MOST`] on it is not read until somebody takes something.
//!
//! Trickles are put together, so that a program which reads nothing for hours stays in the second
//! step. The third is for clients that send what they may not, or into many channels at once; one
//! whose programs wait to write by then waits for itself, until its access ends.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use infield_domain::command::TerminalSize;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;
use tokio::time::{Sleep, sleep};

/// Bytes from which on little more is allowed.
pub(crate) const ENOUGH: usize = 512 << 10;
/// Bytes from which on nothing is read.
pub(crate) const MOST: usize = 4 << 20;
/// Bytes of a channel that a client may send before it hears more, and while enough lies here:
/// russh renews a window that is below half of this, so that one byte would be none for ever.
pub(crate) const WINDOW: u32 = 256 << 10;
const TRICKLE: u32 = 2;
/// Between two reads of the socket while enough lies here.
const REST: Duration = Duration::from_millis(5);
/// What a piece costs besides its bytes: small ones are not free.
const PIECE: usize = 256;
/// Bytes of pieces that are put together.
const TOGETHER: usize = 32 << 10;

/// Counts for one connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Meter(Arc<Mutex<Now>>);

#[derive(Debug, Default)]
struct Now {
    lying: usize,
    reader: Option<Waker>,
}

impl Meter {
    fn lay(&self, bytes: usize) -> Lying {
        lock(&self.0).lying += bytes;
        Lying { meter: self.clone(), bytes }
    }

    /// What a client may send of a channel from now on.
    pub(crate) fn window(&self) -> u32 {
        if lock(&self.0).lying < ENOUGH { WINDOW } else { TRICKLE }
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Bytes that wait for a sandbox until this is dropped.
#[derive(Debug)]
pub(crate) struct Lying {
    meter: Meter,
    bytes: usize,
}

impl Lying {
    fn add(&mut self, bytes: usize) {
        lock(&self.meter.0).lying += bytes;
        self.bytes += bytes;
    }
}

impl Drop for Lying {
    fn drop(&mut self) {
        let waker = {
            let mut now = lock(&self.meter.0);
            now.lying -= self.bytes;
            if now.lying < MOST { now.reader.take() } else { None }
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// What a client sends to what runs behind a channel.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Input {
    Bytes(Bytes),
    End,
    Resize(TerminalSize),
}

#[derive(Debug)]
enum Waiting {
    Bytes(BytesMut),
    Other(Input),
}

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<(Lying, Waiting)>,
    is_closed: bool,
}

#[derive(Debug, Default)]
struct Channel {
    queue: Mutex<Queue>,
    news: Notify,
}

/// Where the input of a channel is laid down. Dropping it is its end.
#[derive(Debug)]
pub(crate) struct Outbox {
    meter: Meter,
    channel: Arc<Channel>,
}

/// Where it is taken. Dropping it throws away what lies there.
#[derive(Debug)]
pub(crate) struct Inbox(Arc<Channel>);

/// The two ends of a channel's input.
pub(crate) fn inbox(meter: &Meter) -> (Outbox, Inbox) {
    let channel = Arc::new(Channel::default());
    (Outbox { meter: meter.clone(), channel: channel.clone() }, Inbox(channel))
}

impl Outbox {
    /// Lays down what the client sent, unless nobody takes it any more.
    pub(crate) fn give(&self, input: Input) {
        let mut queue = lock(&self.channel.queue);
        if queue.is_closed {
            return;
        }
        match (input, queue.waiting.back_mut()) {
            (Input::Bytes(more), Some((lying, Waiting::Bytes(bytes))))
                if bytes.len() < TOGETHER =>
            {
                lying.add(more.len());
                bytes.extend_from_slice(&more);
            }
            (Input::Bytes(bytes), _) => {
                let lying = self.meter.lay(bytes.len() + PIECE);
                queue.waiting.push_back((lying, Waiting::Bytes(bytes.into())));
            }
            (Input::Resize(size), Some((_, Waiting::Other(Input::Resize(last))))) => *last = size,
            (other, _) => {
                queue.waiting.push_back((self.meter.lay(PIECE), Waiting::Other(other)));
            }
        }
        drop(queue);
        self.channel.news.notify_one();
    }

    /// Whether nobody takes anything any more.
    pub(crate) fn is_closed(&self) -> bool {
        lock(&self.channel.queue).is_closed
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        lock(&self.channel.queue).is_closed = true;
        self.channel.news.notify_one();
    }
}

impl Inbox {
    /// What comes next, which lies here until its first half is dropped; none at the end.
    pub(crate) async fn recv(&mut self) -> Option<(Lying, Input)> {
        loop {
            let (next, is_closed) = {
                let mut queue = lock(&self.0.queue);
                (queue.waiting.pop_front(), queue.is_closed)
            };
            match next {
                Some((lying, Waiting::Bytes(bytes))) => {
                    return Some((lying, Input::Bytes(bytes.freeze())));
                }
                Some((lying, Waiting::Other(input))) => return Some((lying, input)),
                None if is_closed => return None,
                None => self.0.news.notified().await,
            }
        }
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        let thrown = {
            let mut queue = lock(&self.0.queue);
            queue.is_closed = true;
            std::mem::take(&mut queue.waiting)
        };
        drop(thrown);
    }
}

/// A connection that is read slowly or not at all while too much of it lies here.
pub(crate) struct Metered<S> {
    stream: S,
    meter: Meter,
    rest: Option<Pin<Box<Sleep>>>,
}

impl<S> Metered<S> {
    pub(crate) fn new(stream: S, meter: Meter) -> Self {
        Self { stream, meter, rest: None }
    }

    /// Waits until the socket may be read.
    fn poll_may_read(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let lying = {
            let mut now = lock(&self.meter.0);
            if now.lying >= MOST {
                now.reader = Some(context.waker().clone());
                return Poll::Pending;
            }
            now.lying
        };
        if lying >= ENOUGH {
            let rest = self.rest.get_or_insert_with(|| Box::pin(sleep(REST)));
            ready!(rest.as_mut().poll(context));
        }
        Poll::Ready(())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.poll_may_read(context));
        let read = ready!(Pin::new(&mut self.stream).poll_read(context, buffer));
        self.rest = None;
        Poll::Ready(read)
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
