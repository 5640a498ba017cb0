//! Carries tar streams between blocking file work and the runtime, through a short queue.
//!
//! [`crate::landing`] works on files and waits for them; the client must not. So the file work
//! runs in a thread of its own, and at most [`QUEUE`] pieces wait between the two.

use std::io::{self, Read, Write};

use bytes::{Buf, Bytes};
use futures_util::{StreamExt, stream};
use infield_domain::guest::ByteStream;
use infield_domain::{Error, Result};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

/// Pieces that wait for the slower side.
const QUEUE: usize = 8;

/// Bytes that are gathered before they are handed over: a tar stream comes in small writes.
const PIECE_BYTES: usize = 128 * 1024;

/// Runs `write` in a thread, and gives what it writes as a stream. Its failure ends the stream.
pub(crate) fn written_by<F>(write: F) -> ByteStream
where
    F: FnOnce(&mut dyn Write) -> Result<()> + Send + 'static,
{
    let (sender, receiver) = mpsc::channel::<Result<Bytes>>(QUEUE);
    // The stream below owns the other end of the queue: the thread ends when either side does.
    spawn_blocking(move || {
        let mut pieces = Pieces { sender, gathered: Vec::with_capacity(PIECE_BYTES) };
        let done = write(&mut pieces).and_then(|()| {
            pieces.flush().map_err(|_| Error::unavailable("nobody takes the files any more"))
        });
        if let Err(error) = done {
            // When nobody reads any more, nobody wants to know either.
            drop(pieces.sender.blocking_send(Err(error)));
        }
    });
    Box::pin(stream::unfold(receiver, async |mut receiver| {
        receiver.recv().await.map(|piece| (piece, receiver))
    }))
}

/// Runs `read` in a thread over what the stream brings. When both fail, the stream's failure is
/// the cause of the other and the one that is told.
pub(crate) async fn read_by<F, T>(mut archive: ByteStream, read: F) -> Result<T>
where
    F: FnOnce(&mut dyn Read) -> Result<T> + Send + 'static,
    T: Send + 'static,
{
    let (sender, receiver) = mpsc::channel(QUEUE);
    let reading = spawn_blocking(move || read(&mut Received { receiver, current: Bytes::new() }));
    let mut broken = None;
    while let Some(piece) = archive.next().await {
        let piece = match piece {
            Ok(piece) => Ok(piece),
            Err(error) => {
                broken = Some(error);
                Err(io::ErrorKind::UnexpectedEof.into())
            }
        };
        if sender.send(piece).await.is_err() || broken.is_some() {
            break;
        }
    }
    drop(sender);
    let done = reading.await.map_err(|source| {
        Error::internal("the thread for files ended early").with_source(source)
    })?;
    match broken {
        Some(error) => Err(error),
        None => done,
    }
}

struct Pieces {
    sender: mpsc::Sender<Result<Bytes>>,
    gathered: Vec<u8>,
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.gathered.len() + bytes.len() > PIECE_BYTES {
            self.flush()?;
        }
        self.gathered.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.gathered.is_empty() {
            return Ok(());
        }
        let piece = std::mem::replace(&mut self.gathered, Vec::with_capacity(PIECE_BYTES));
        self.sender.blocking_send(Ok(piece.into())).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

struct Received {
    receiver: mpsc::Receiver<io::Result<Bytes>>,
    current: Bytes,
}

impl Read for Received {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() {
            match self.receiver.blocking_recv() {
                Some(piece) => self.current = piece?,
                None => return Ok(0),
            }
        }
        let length = self.current.len().min(buffer.len());
        self.current.copy_to_slice(&mut buffer[..length]);
        Ok(length)
    }
}

#[cfg(test)]
mod tests;
