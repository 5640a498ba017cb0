//! A socket that is read ahead while much comes.
//!
//! TLS asks for four kilobytes at a time, which is a quarter of one of its records. What comes in
//! such pieces, one after another, is asked for in large ones; what comes in small ones is not, so
//! that a connection that rests holds no buffer.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Bytes that are asked for at once while much comes.
const PIECE: usize = 64 << 10;
/// Bytes of a piece that was asked for so, with which it is no longer much.
const LITTLE: usize = 4 << 10;

/// The socket, and what was read of it.
pub(crate) struct Ahead {
    socket: TcpStream,
    /// What was read, and how much of it was taken; empty while little comes.
    read: Vec<u8>,
    taken: usize,
    filled: usize,
}

impl Ahead {
    pub(crate) fn new(socket: TcpStream) -> Self {
        Self { socket, read: Vec::new(), taken: 0, filled: 0 }
    }

    /// Reads what is asked for, and no more.
    fn poll_little(
        &mut self,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = into.remaining();
        ready!(Pin::new(&mut self.socket).poll_read(context, into))?;
        if into.remaining() == 0 && before >= LITTLE {
            self.read = vec![0; PIECE];
        }
        Poll::Ready(Ok(()))
    }

    fn poll_fill(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut piece = ReadBuf::new(&mut self.read);
        ready!(Pin::new(&mut self.socket).poll_read(context, &mut piece))?;
        (self.taken, self.filled) = (0, piece.filled().len());
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Ahead {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.read.is_empty() {
            return self.poll_little(context, into);
        }
        if self.taken == self.filled {
            ready!(self.poll_fill(context))?;
        }
        let left = self.read.get(self.taken..self.filled).unwrap_or_default();
        let now = left.get(..into.remaining()).unwrap_or(left);
        into.put_slice(now);
        self.taken += now.len();
        if self.taken == self.filled && self.filled < LITTLE {
            (self.read, self.taken, self.filled) = (Vec::new(), 0, 0);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Ahead {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write_vectored(context, parts)
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

#[cfg(test)]
mod tests;
