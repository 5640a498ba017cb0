//! Frames: a length of four bytes, most significant first, and that many bytes of postcard.
//!
//! The length is checked before a byte of the body is kept, so that the other side can make us
//! hold one frame and no more.

#[cfg(test)]
mod tests;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Bytes of one frame's body at most: a megabyte of data and what goes around it.
pub const FRAME_BYTES: usize = (1 << 20) + (4 << 10);

/// Bytes of data that one frame should carry, so that a stream is neither chatty nor lumpy.
pub const DATA_BYTES: usize = 64 << 10;

/// Bytes of the length in front of a body.
const HEADER_BYTES: usize = 4;

/// Why bytes are not a frame, or a message no frame.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The length says more than a frame may have.
    #[error("a frame of {bytes} bytes is larger than the {FRAME_BYTES} that are allowed")]
    TooLarge {
        /// What it says.
        bytes: usize,
    },
    /// The body is not what was expected.
    #[error("a frame is malformed")]
    Malformed(#[source] postcard::Error),
}

/// Adds `message` to `out` as one frame. Leaves `out` as it was when the message is too large.
pub fn encode<T: Serialize>(message: &T, out: &mut Vec<u8>) -> Result<(), FrameError> {
    let start = out.len();
    let mut bytes = std::mem::take(out);
    bytes.extend_from_slice(&[0; HEADER_BYTES]);
    // Writing to a `Vec` cannot fail; a type that postcard cannot express fails on its first test.
    *out = postcard::to_extend(message, bytes).map_err(FrameError::Malformed)?;
    let length = out.len() - start - HEADER_BYTES;
    match u32::try_from(length) {
        Ok(header) if length <= FRAME_BYTES => {
            out[start..start + HEADER_BYTES].copy_from_slice(&header.to_be_bytes());
            Ok(())
        }
        _ => {
            out.truncate(start);
            Err(FrameError::TooLarge { bytes: length })
        }
    }
}

/// Reads a message out of a frame's body; bytes left over are an error.
pub fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T, FrameError> {
    let (message, rest) = postcard::take_from_bytes(body).map_err(FrameError::Malformed)?;
    if rest.is_empty() {
        return Ok(message);
    }
    Err(FrameError::Malformed(postcard::Error::DeserializeBadEncoding))
}

/// Cuts a stream of bytes into frames, however they arrive.
#[derive(Debug, Default)]
pub struct Decoder {
    buffer: Vec<u8>,
    start: usize,
}

impl Decoder {
    /// Takes bytes that arrived. Call [`Self::next_body`] until it has nothing before the next.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.start);
        self.start = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// The body of the next whole frame.
    pub fn next_body(&mut self) -> Result<Option<&[u8]>, FrameError> {
        let rest = &self.buffer[self.start..];
        let Some((header, body)) = rest.split_first_chunk::<HEADER_BYTES>() else {
            return Ok(None);
        };
        let length = usize::try_from(u32::from_be_bytes(*header)).unwrap_or(usize::MAX);
        if length > FRAME_BYTES {
            return Err(FrameError::TooLarge { bytes: length });
        }
        if body.len() < length {
            return Ok(None);
        }
        let from = self.start + HEADER_BYTES;
        self.start = from + length;
        Ok(Some(&self.buffer[from..from + length]))
    }

    /// What was pushed and is no frame any more, for a connection that goes on without frames.
    pub fn into_rest(mut self) -> Vec<u8> {
        self.buffer.split_off(self.start)
    }

    /// Whether part of a frame waits for the rest of it.
    pub fn is_partial(&self) -> bool {
        self.start < self.buffer.len()
    }
}
