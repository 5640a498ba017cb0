//! A socket for hyper: counted and paced on the client's side, with what was read before.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

use crate::relay::{self, CHUNK, Direction, Meter};

/// One side of a connection.
pub(crate) struct Stream {
    socket: Arc<TcpStream>,
    /// What was read before, and how much of it was taken.
    first: (Vec<u8>, usize),
    meter: Option<Arc<Meter>>,
    /// Until anything more may be moved.
    pause: Option<Pin<Box<Sleep>>>,
}

impl Stream {
    /// The sandbox's side.
    pub(crate) fn counted(socket: Arc<TcpStream>, meter: &Arc<Meter>, first: Vec<u8>) -> Self {
        Self { socket, first: (first, 0), meter: Some(Arc::clone(meter)), pause: None }
    }

    /// The site's side.
    pub(crate) fn plain(socket: Arc<TcpStream>) -> Self {
        Self { socket, first: (Vec::new(), 0), meter: None, pause: None }
    }

    /// How many bytes may be moved now.
    fn poll_room(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let Some(meter) = &self.meter else { return Poll::Ready(Ok(CHUNK)) };
        loop {
            if let Some(pause) = &mut self.pause {
                ready!(pause.as_mut().poll(context));
                self.pause = None;
            }
            let wait = meter.wait();
            if wait.is_zero() {
                let spent = || io::Error::other("the sandbox has moved all that it may");
                return Poll::Ready(meter.room(CHUNK).ok_or_else(spent));
            }
            self.pause = Some(Box::pin(sleep(wait)));
        }
    }

    fn count(&self, direction: Direction, bytes: usize) {
        if let Some(meter) = &self.meter {
            meter.moved(direction, bytes);
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let room = ready!(self.poll_room(context))?.min(into.remaining());
        let (bytes, taken) = &mut self.first;
        let left = bytes.get(*taken..).unwrap_or_default();
        if !left.is_empty() {
            let now = left.get(..room).unwrap_or(left);
            into.put_slice(now);
            *taken += now.len();
            let now = now.len();
            self.count(Direction::Out, now);
            return Poll::Ready(Ok(()));
        }
        loop {
            ready!(self.socket.poll_read_ready(context))?;
            match self.socket.try_read(into.initialize_unfilled_to(room)) {
                Ok(read) => {
                    into.advance(read);
                    self.count(Direction::Out, read);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let room = ready!(self.poll_room(context))?;
        let bytes = bytes.get(..room).unwrap_or(bytes);
        loop {
            ready!(self.socket.poll_write_ready(context))?;
            match self.socket.try_write(bytes) {
                Ok(written) => {
                    self.count(Direction::In, written);
                    return Poll::Ready(Ok(written));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(relay::finish(&self.socket))
    }
}
