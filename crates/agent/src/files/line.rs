//! A worker's connection: blocking, with a limit on every wait.

use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags};
use rustix::net::SendFlags;
use rustix::net::sockopt::{Timeout, set_socket_timeout};

use infield_protocol::frame::{self, DATA_BYTES, Decoder};
use infield_protocol::message::{Blob, Code, Event, Input};

use crate::failure::{Failure, KernelFailed};

/// After this without progress, the other side is given up.
const PATIENCE: Duration = Duration::from_secs(60);

/// Bytes that are gathered before they are sent.
const GATHERED_BYTES: usize = 128 << 10;

/// Bytes that one read takes: what the other side gathers before it sends, and the frame after it.
const INCOMING_BYTES: usize = 2 * DATA_BYTES;

/// Steps of work between two looks at whether anybody still listens.
const STEPS: u32 = 512;

/// The connection.
pub(super) struct Line {
    fd: OwnedFd,
    decoder: Decoder,
    outgoing: Vec<u8>,
    /// Room for what is read; none until something is.
    incoming: Vec<u8>,
    steps: u32,
}

impl Line {
    pub(super) fn new(fd: OwnedFd, decoder: Decoder) -> io::Result<Self> {
        rustix::io::ioctl_fionbio(&fd, false)?;
        for which in [Timeout::Recv, Timeout::Send] {
            set_socket_timeout(&fd, which, Some(PATIENCE))?;
        }
        Ok(Self { fd, decoder, outgoing: Vec::new(), incoming: Vec::new(), steps: 0 })
    }

    /// Sends an event, together with others.
    pub(super) fn tell(&mut self, event: &Event) -> io::Result<()> {
        frame::encode(event, &mut self.outgoing).map_err(io::Error::other)?;
        if self.outgoing.len() >= GATHERED_BYTES { self.flush() } else { Ok(()) }
    }

    /// Sends an event in the middle of an operation.
    pub(super) fn say(&mut self, event: &Event) -> Result<(), Failure> {
        self.tell(event).doing(|| "send an answer")
    }

    /// Sends bytes of a file.
    pub(super) fn data(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        for piece in bytes.chunks(DATA_BYTES) {
            self.say(&Event::Data(Blob(piece.to_vec())))?;
        }
        Ok(())
    }

    /// Sends what was gathered.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        let mut rest = self.outgoing.as_slice();
        while !rest.is_empty() {
            let count = rustix::net::send(&self.fd, rest, SendFlags::NOSIGNAL)?;
            rest = &rest[count..];
        }
        self.outgoing.clear();
        Ok(())
    }

    /// Counts one step of work that says nothing, and stops when nobody listens any more.
    pub(super) fn step(&mut self) -> Result<(), Failure> {
        self.steps += 1;
        if !self.steps.is_multiple_of(STEPS) {
            return Ok(());
        }
        let now = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
        let mut fds = [PollFd::from_borrowed_fd(self.fd.as_fd(), PollFlags::empty())];
        rustix::event::poll(&mut fds, Some(&now)).doing(|| "look after the connection")?;
        if fds[0].revents().contains(PollFlags::HUP) {
            return Err(Failure::new(Code::Unavailable, "nobody waits for the answer any more"));
        }
        Ok(())
    }

    /// The next bytes from the host; none at their end. A connection that breaks before that is
    /// an error, so that half of a file is never taken for the whole.
    pub(super) fn input(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            match self.heard()? {
                Input::Data(bytes) if bytes.0.is_empty() => {}
                Input::Data(bytes) => return Ok(Some(bytes.0)),
                Input::End => return Ok(None),
                Input::Resize(_) | Input::File { .. } => {
                    return Err(io::Error::other("something else among bytes"));
                }
            }
        }
    }

    /// The next thing from the host, which comes before its connection ends.
    pub(super) fn heard(&mut self) -> io::Result<Input> {
        loop {
            if let Some(body) = self.decoder.next_body().map_err(io::Error::other)? {
                return frame::decode(body).map_err(io::Error::other);
            }
            self.incoming.resize(INCOMING_BYTES, 0);
            match rustix::io::read(&self.fd, &mut self.incoming)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => self.decoder.push(&self.incoming[..count]),
            }
        }
    }
}

/// What the host sends, as something to read.
pub(super) struct Incoming<'a> {
    line: &'a mut Line,
    piece: Vec<u8>,
    taken: usize,
    ended: bool,
}

impl<'a> Incoming<'a> {
    pub(super) fn new(line: &'a mut Line) -> Self {
        Self { line, piece: Vec::new(), taken: 0, ended: false }
    }
}

impl Read for Incoming<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.taken == self.piece.len() {
            if self.ended {
                return Ok(0);
            }
            match self.line.input()? {
                Some(piece) => (self.piece, self.taken) = (piece, 0),
                None => self.ended = true,
            }
        }
        let rest = &self.piece[self.taken..];
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        self.taken += count;
        Ok(count)
    }
}
