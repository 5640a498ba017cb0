//! The codec: bytes to frames and back.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use infield_domain::{Error, Result};

/// Bytes before the payload.
pub const HEADER_BYTES: usize = 5;

/// Bytes of a payload at most.
pub const MAX_PAYLOAD: usize = 1 << 20;

/// One frame, whose kind is not yet understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// What the payload is.
    pub kind: u8,
    /// The payload.
    pub payload: Bytes,
}

/// Takes the next whole frame out of `buffer`; none when more bytes are needed. A length above
/// [`MAX_PAYLOAD`] is an error as soon as the header is there.
pub fn take(buffer: &mut BytesMut) -> Result<Option<Frame>> {
    let Some(mut header) = buffer.get(..HEADER_BYTES) else { return Ok(None) };
    let kind = header.get_u8();
    let announced = header.get_u32();
    let length = usize::try_from(announced).unwrap_or(usize::MAX);
    if length > MAX_PAYLOAD {
        return Err(Error::invalid(format!(
            "a frame of {announced} bytes is longer than {MAX_PAYLOAD}"
        )));
    }
    if buffer.len() < HEADER_BYTES + length {
        return Ok(None);
    }
    buffer.advance(HEADER_BYTES);
    Ok(Some(Frame { kind, payload: buffer.split_to(length).freeze() }))
}

/// Appends a frame to `buffer`.
pub fn put(buffer: &mut BytesMut, frame: &Frame) -> Result<()> {
    let length = frame.payload.len();
    let announced = match u32::try_from(length) {
        Ok(announced) if length <= MAX_PAYLOAD => announced,
        Ok(_) | Err(_) => {
            return Err(Error::invalid(format!(
                "a frame of {length} bytes is longer than {MAX_PAYLOAD}"
            )));
        }
    };
    buffer.reserve(HEADER_BYTES + length);
    buffer.put_u8(frame.kind);
    buffer.put_u32(announced);
    buffer.put_slice(&frame.payload);
    Ok(())
}
