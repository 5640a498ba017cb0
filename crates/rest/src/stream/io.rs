//! Frames over a connection.

use bytes::{Buf, Bytes, BytesMut};
use infield_domain::{Error, Result};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::frame::{Frame, MAX_PAYLOAD, put, take};

/// Room that each read gets; memory grows with what comes, not with what a header announces.
const READ_BYTES: usize = 16 << 10;

/// Room that a writer keeps between two frames.
const KEPT_BYTES: usize = 64 << 10;

/// Reads frames.
pub struct FrameReader<R> {
    source: R,
    buffer: BytesMut,
}

impl<R: AsyncRead + Unpin> FrameReader<R> {
    /// Reads from `source`.
    pub fn new(source: R) -> Self {
        Self { source, buffer: BytesMut::new() }
    }

    /// The next frame; none at a clean end. Nothing is lost when the wait is given up, so it may
    /// stand in a `select!`.
    pub async fn next(&mut self) -> Result<Option<Frame>> {
        loop {
            if let Some(frame) = take(&mut self.buffer)? {
                return Ok(Some(frame));
            }
            self.buffer.reserve(READ_BYTES);
            let count = self.source.read_buf(&mut self.buffer).await.map_err(lost)?;
            match (count, self.buffer.is_empty()) {
                (0, true) => return Ok(None),
                (0, false) => {
                    return Err(Error::unavailable("the connection ended within a frame"));
                }
                (_, _) => {}
            }
        }
    }

    /// Bytes that were read and not yet handed out.
    pub fn buffered(&self) -> usize {
        self.buffer.len()
    }
}

/// Writes frames.
pub struct FrameWriter<W> {
    sink: W,
    buffer: BytesMut,
}

impl<W: AsyncWrite + Unpin> FrameWriter<W> {
    /// Writes to `sink`.
    pub fn new(sink: W) -> Self {
        Self { sink, buffer: BytesMut::new() }
    }

    /// Writes one frame and flushes it. When the wait is given up, the next call first writes what
    /// is left of the frame that was under way.
    pub async fn send(&mut self, frame: &Frame) -> Result<()> {
        self.finish().await?;
        put(&mut self.buffer, frame)?;
        self.finish().await
    }

    async fn finish(&mut self) -> Result<()> {
        while !self.buffer.is_empty() {
            match self.sink.write(&self.buffer).await.map_err(lost)? {
                0 => return Err(Error::unavailable("the connection takes nothing more")),
                count => self.buffer.advance(count),
            }
        }
        if self.buffer.capacity() > KEPT_BYTES {
            self.buffer = BytesMut::new();
        }
        self.sink.flush().await.map_err(lost)
    }

    /// Writes bytes of one kind, in as many frames as they need.
    pub async fn send_bytes(&mut self, kind: u8, mut bytes: Bytes) -> Result<()> {
        while bytes.len() > MAX_PAYLOAD {
            self.send(&Frame { kind, payload: bytes.split_to(MAX_PAYLOAD) }).await?;
        }
        self.send(&Frame { kind, payload: bytes }).await
    }

    /// Tells the peer that nothing more comes.
    pub async fn shutdown(&mut self) -> Result<()> {
        self.sink.shutdown().await.map_err(lost)
    }
}

fn lost(error: std::io::Error) -> Error {
    Error::unavailable("the connection was lost").with_source(error)
}
