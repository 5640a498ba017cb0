//! HTTP/1.1 inside TLS, as little of it as the peer and the server of the bench need. Both are
//! plain and without a runtime, so that what is measured is not theirs.

use std::io::{self, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;

use super::super::peer::PATIENCE;

/// Bytes that are read at once: TLS itself asks for four kilobytes at a time.
const BUFFER: usize = 64 << 10;
/// Bytes of a head at most.
const HEAD: usize = 16 << 10;

/// A socket that is read in large pieces.
pub(super) struct Socket(BufReader<TcpStream>);

impl Socket {
    pub(super) fn new(socket: TcpStream) -> io::Result<Self> {
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        Ok(Self(BufReader::with_capacity(BUFFER, socket)))
    }

    /// The port at its other end.
    pub(super) fn port(&self) -> io::Result<u16> {
        self.0.get_ref().peer_addr().map(|address| address.port())
    }
}

impl Read for Socket {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.read(into)
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.get_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.get_mut().flush()
    }
}

/// The head of a request or an answer, and what was read behind it.
pub(super) struct Message {
    head: String,
    pub(super) rest: Vec<u8>,
}

impl Message {
    /// Reads one; none where the stream ends before it.
    pub(super) fn read(stream: &mut impl Read) -> io::Result<Option<Self>> {
        let (mut bytes, mut piece) = (Vec::new(), [0; 4 << 10]);
        loop {
            let read = stream.read(&mut piece)?;
            if read == 0 && bytes.is_empty() {
                return Ok(None);
            }
            bytes.extend_from_slice(piece.get(..read).unwrap_or_default());
            if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                let rest = bytes.split_off(at + 4);
                let head = String::from_utf8(bytes).map_err(io::Error::other)?;
                return Ok(Some(Self { head, rest }));
            }
            if read == 0 || bytes.len() > HEAD {
                return Err(ErrorKind::InvalidData.into());
            }
        }
    }

    /// Its first line.
    pub(super) fn first(&self) -> &str {
        self.head.lines().next().unwrap_or_default()
    }

    /// What a header says.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        let found = headers.find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.trim())
    }

    /// Its body, whose length it says.
    pub(super) fn body(mut self, stream: &mut impl Read) -> io::Result<Vec<u8>> {
        let length = self.header("content-length").and_then(|length| length.parse::<usize>().ok());
        let length = length.filter(|length| *length <= BUFFER).ok_or(ErrorKind::InvalidData)?;
        let had = self.rest.len();
        self.rest.resize(length, 0);
        if let Some(missing) = self.rest.get_mut(had..) {
            stream.read_exact(missing)?;
        }
        Ok(self.rest)
    }
}
