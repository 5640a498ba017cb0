//! `multipart/form-data`, RFC 7578, read as it comes.
//!
//! Of a part's bytes only what is under way is in memory, and of its headers no more than
//! [`HEADER_BYTES`]: a part that never ends its headers must not fill the memory, which the usual
//! parsers let it do.

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use http::{HeaderMap, header};
use infield_domain::guest::ByteStream;
use infield_domain::{Error, Result};
use memchr::{memchr, memmem};

#[cfg(test)]
mod tests;

/// Bytes of the headers of one part.
const HEADER_BYTES: usize = 16 << 10;
/// Bytes of a boundary, RFC 2046.
const BOUNDARY_BYTES: usize = 70;
/// Bytes before the first part.
const PREAMBLE_BYTES: usize = 64 << 10;

/// A body that is read part by part.
pub(super) struct Multipart {
    source: ByteStream,
    buffer: Bytes,
    /// What stands before every part: a line break, two dashes and the boundary.
    delimiter: Vec<u8>,
    place: Place,
}

#[derive(Clone, Copy)]
enum Place {
    Preamble,
    AfterDelimiter,
    Content,
    Over,
}

/// A piece of a body.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// A part of this name begins.
    Begin(String),
    /// Bytes of the part that began last.
    Data(Bytes),
}

impl Multipart {
    pub(super) fn new(headers: &HeaderMap, source: ByteStream) -> Result<Self> {
        let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let boundary = kind.and_then(boundary).ok_or_else(|| {
            Error::invalid("this route takes `multipart/form-data` with a boundary")
                .with_hint("let your HTTP client make the header `Content-Type` of the form")
        })?;
        // The first delimiter has no line break before it.
        let buffer = Bytes::from_static(b"\r\n");
        let delimiter = format!("\r\n--{boundary}").into_bytes();
        Ok(Self { source, buffer, delimiter, place: Place::Preamble })
    }

    /// The next piece; none after the last.
    pub(super) async fn next(&mut self) -> Result<Option<Piece>> {
        loop {
            match self.place {
                Place::Preamble => match memmem::find(&self.buffer, &self.delimiter) {
                    Some(at) => self.pass_delimiter(at),
                    None => self.more(PREAMBLE_BYTES).await?,
                },
                Place::AfterDelimiter => {
                    if let Some(name) = self.begin().await? {
                        self.place = Place::Content;
                        return Ok(Some(Piece::Begin(name)));
                    }
                    self.place = Place::Over;
                }
                Place::Content => match self.content() {
                    Some(bytes) if bytes.is_empty() => {}
                    Some(bytes) => return Ok(Some(Piece::Data(bytes))),
                    None => self.more(usize::MAX).await?,
                },
                Place::Over => return Ok(None),
            }
        }
    }

    fn pass_delimiter(&mut self, at: usize) {
        drop(self.buffer.split_to(at + self.delimiter.len()));
        self.place = Place::AfterDelimiter;
    }

    /// The name of the part that begins here; none at the end of all.
    async fn begin(&mut self) -> Result<Option<String>> {
        let line = loop {
            if self.buffer.starts_with(b"--") {
                return Ok(None);
            }
            match memmem::find(&self.buffer, b"\r\n") {
                Some(end) => break end,
                None => self.more(HEADER_BYTES).await?,
            }
        };
        if self.buffer[..line].iter().any(|byte| !b" \t".contains(byte)) {
            return Err(malformed("something stands behind a boundary"));
        }
        drop(self.buffer.split_to(line));
        // With the line break of the line before, so that a part without headers ends here, too.
        let end = loop {
            match memmem::find(&self.buffer, b"\r\n\r\n") {
                Some(end) => break end,
                None => self.more(HEADER_BYTES).await?,
            }
        };
        let headers = self.buffer.split_to(end + 4);
        let headers = String::from_utf8_lossy(&headers);
        let name = headers.lines().find_map(|line| {
            let (field, value) = line.split_once(':')?;
            let disposition = field.trim().eq_ignore_ascii_case("content-disposition");
            disposition.then(|| parameter(value, "name")).flatten()
        });
        name.map(Some).ok_or_else(|| malformed("a part has no name"))
    }

    /// Bytes of the part, empty at its end; none when more must come to tell.
    fn content(&mut self) -> Option<Bytes> {
        match memmem::find(&self.buffer, &self.delimiter) {
            Some(0) => {
                self.pass_delimiter(0);
                Some(Bytes::new())
            }
            Some(at) => Some(self.buffer.split_to(at)),
            None => {
                // What may be the beginning of a delimiter stays.
                let sure = (self.buffer.len() + 1).saturating_sub(self.delimiter.len());
                let sure =
                    sure + memchr(b'\r', &self.buffer[sure..]).unwrap_or(self.buffer.len() - sure);
                (sure > 0).then(|| self.buffer.split_to(sure))
            }
        }
    }

    async fn more(&mut self, most: usize) -> Result<()> {
        if self.buffer.len() > most {
            return Err(malformed("the headers of a part are too long"));
        }
        match self.source.next().await {
            Some(bytes) if self.buffer.is_empty() => {
                self.buffer = bytes?;
                Ok(())
            }
            Some(bytes) => {
                let mut whole = BytesMut::from(std::mem::take(&mut self.buffer));
                whole.extend_from_slice(&bytes?);
                self.buffer = whole.freeze();
                Ok(())
            }
            None => Err(malformed("it ends before its last boundary")),
        }
    }
}

fn malformed(what: &str) -> Error {
    Error::invalid(format!("the form is malformed: {what}"))
        .with_hint("send `multipart/form-data` as RFC 7578 has it")
}

/// The boundary that a content type names.
fn boundary(kind: &str) -> Option<String> {
    let (essence, _) = kind.split_once(';')?;
    let boundary = parameter(kind, "boundary")?;
    let fits = (1..=BOUNDARY_BYTES).contains(&boundary.len()) && boundary.is_ascii();
    let is_form = essence.trim().eq_ignore_ascii_case("multipart/form-data");
    (is_form && fits).then_some(boundary)
}

/// A parameter of a header, such as `name="files[0].path"`.
fn parameter(value: &str, wanted: &str) -> Option<String> {
    let mut rest = value;
    loop {
        rest = rest.split_once(';')?.1.trim_start();
        let (name, after) = rest.split_once('=')?;
        let found = match after.strip_prefix('"') {
            Some(quoted) => {
                let (text, end) = unquoted(quoted);
                rest = &quoted[end..];
                text
            }
            None => {
                let end = after.find(';').unwrap_or(after.len());
                rest = &after[end..];
                after[..end].trim().to_owned()
            }
        };
        if name.trim().eq_ignore_ascii_case(wanted) {
            return Some(found);
        }
    }
}

/// The text up to the closing quote, and where that is passed.
fn unquoted(quoted: &str) -> (String, usize) {
    let mut text = String::new();
    let mut letters = quoted.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return (text, at + 1),
            '\\' => text.extend(letters.next().map(|(_, letter)| letter)),
            letter => text.push(letter),
        }
    }
    (text, quoted.len())
}
