//! Frames of the language server protocol: headers, an empty line, and a message in JSON.
//!
//! The other side is a process of the sandbox: what it sends is bounded before it is kept.

use bytes::{Bytes, BytesMut};
use infield_domain::{Error, Kind, Result};
use serde::Serialize;

#[cfg(test)]
mod tests;

/// Bytes of one message, in either direction.
pub(super) const MOST_MESSAGE: usize = 8 << 20;
/// Bytes of the headers of one message.
const MOST_HEADERS: usize = 4 << 10;
/// What ends the headers.
const HEADERS_END: &[u8] = b"\r\n\r\n";

/// Messages that come bit by bit.
#[derive(Debug, Default)]
pub(super) struct Frames {
    buffer: BytesMut,
    /// Bytes of the message whose headers were read.
    wanted: Option<usize>,
}

impl Frames {
    /// Adds what came. [`Frames::next`] is asked until it has no more before this is called again.
    pub(super) fn push(&mut self, data: &[u8]) {
        self.buffer.extend_from_slice(data);
    }

    /// The next whole message.
    pub(super) fn next(&mut self) -> Result<Option<Bytes>> {
        let length = match self.wanted {
            Some(length) => length,
            None => match self.headers()? {
                Some(length) => *self.wanted.insert(length),
                None => return Ok(None),
            },
        };
        if self.buffer.len() < length {
            return Ok(None);
        }
        self.wanted = None;
        Ok(Some(self.buffer.split_to(length).freeze()))
    }

    /// Takes the headers away and gives the length that they tell.
    fn headers(&mut self) -> Result<Option<usize>> {
        let looked_at = &self.buffer[..self.buffer.len().min(MOST_HEADERS)];
        let end = looked_at.windows(HEADERS_END.len()).position(|bytes| bytes == HEADERS_END);
        let Some(end) = end else {
            return match looked_at.len() {
                MOST_HEADERS => Err(broken("its headers have no end")),
                _ => Ok(None),
            };
        };
        let headers = self.buffer.split_to(end + HEADERS_END.len());
        let headers = String::from_utf8_lossy(&headers);
        let length = headers.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.trim().eq_ignore_ascii_case("content-length").then(|| value.trim().to_owned())
        });
        let length = length.ok_or_else(|| broken("a message has no `Content-Length`"))?;
        match length.parse() {
            Ok(length) if length <= MOST_MESSAGE => Ok(Some(length)),
            Ok(_) => Err(broken(&format!("a message has more than {MOST_MESSAGE} bytes"))),
            Err(_) => Err(broken("a `Content-Length` is no number")),
        }
    }
}

/// A message with its headers.
pub(super) fn framed(message: &impl Serialize) -> Result<Bytes> {
    let body = serde_json::to_vec(message);
    let body = body.map_err(|e| Error::internal("a message is no JSON").with_source(e))?;
    if body.len() > MOST_MESSAGE {
        let text = format!("a message to a language server has {MOST_MESSAGE} bytes at most");
        return Err(Error::new(Kind::Quota, text).with_hint("open a smaller file"));
    }
    let mut frame = format!("Content-Length: {}\r\n\r\n", body.len()).into_bytes();
    frame.extend_from_slice(&body);
    Ok(frame.into())
}

/// The error of a server that does not speak as it must.
pub(super) fn broken(how: &str) -> Error {
    Error::unavailable(format!("the language server breaks the protocol: {how}"))
        .with_hint("start it again, or install another one")
}
