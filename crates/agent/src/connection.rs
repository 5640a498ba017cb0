//! One connection from the host: what it asked, and what waits to be sent.

use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::net::SendFlags;

use infield_protocol::frame::{self, Decoder};
use infield_protocol::message::{Event, Request, Stream};

use crate::failure::Failure;
use crate::poll::Interest;
use crate::relay::{Dialling, Relay};

/// Bytes that wait for a slow reader before no more are made for it.
const OUTGOING_BYTES: usize = 256 << 10;

/// How long a connection may be without a request.
pub(crate) const OPENING: Duration = Duration::from_secs(10);

/// A connection.
pub(crate) struct Connection {
    pub(crate) fd: OwnedFd,
    pub(crate) decoder: Decoder,
    pub(crate) role: Role,
    /// What it is watched for now.
    pub(crate) watched: Interest,
    /// The other side sends no more; it may still listen.
    pub(crate) heard_all: bool,
    outgoing: Vec<u8>,
    sent: usize,
}

/// What a connection is there for.
#[derive(Debug)]
pub(crate) enum Role {
    /// Has not asked yet.
    Opening { until: Instant },
    /// Follows a command.
    Following(Following),
    /// Waits for output.
    Reading(Reading),
    /// Waits for a file worker to be free.
    Queued(Request),
    /// Waits for a port to answer.
    Dialling(Dialling),
    /// Is passed on to a port.
    Relaying(Relay),
    /// Is closed when all is sent.
    Closing,
}

/// How far a follower is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Following {
    pub(crate) command: u64,
    /// Next byte of standard output and of standard error.
    pub(crate) at: [u64; 2],
    /// Whether it started the command, so that its end may be the command's.
    pub(crate) starter: bool,
    /// Whether it knows that the program runs.
    pub(crate) told: bool,
}

/// What a reader waits for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    pub(crate) command: u64,
    pub(crate) stream: Stream,
    pub(crate) offset: u64,
    pub(crate) limit: u64,
    pub(crate) until: Instant,
}

/// What came of reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// Bytes, or nothing for now.
    Some,
    /// The other side says no more.
    End,
}

impl Connection {
    pub(crate) fn new(fd: OwnedFd) -> Self {
        Self {
            fd,
            decoder: Decoder::default(),
            role: Role::Opening { until: Instant::now() + OPENING },
            watched: Interest::READ,
            heard_all: false,
            outgoing: Vec::new(),
            sent: 0,
        }
    }

    /// Reads once what is there into `room`, for the decoder.
    pub(crate) fn read(&mut self, room: &mut [u8]) -> io::Result<Heard> {
        match rustix::io::read(&self.fd, &mut *room) {
            Ok(0) => {
                self.heard_all = true;
                Ok(Heard::End)
            }
            Ok(count) => {
                self.decoder.push(&room[..count]);
                Ok(Heard::Some)
            }
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => Ok(Heard::Some),
            Err(error) => Err(error.into()),
        }
    }

    /// Puts an event in the row of what is sent.
    pub(crate) fn tell(&mut self, event: &Event) {
        if self.sent == self.outgoing.len() {
            self.outgoing.clear();
            self.sent = 0;
        }
        if frame::encode(event, &mut self.outgoing).is_err() {
            // Every event is bounded below a frame; should one not be, its reader sees the end.
            self.role = Role::Closing;
        }
    }

    /// Answers and closes.
    pub(crate) fn finish(&mut self, answer: Result<Event, Failure>) {
        let event = answer.unwrap_or_else(|failure| Event::Failed(failure.0));
        self.tell(&event);
        self.role = Role::Closing;
    }

    /// Whether more may be put in the row.
    pub(crate) fn has_room(&self) -> bool {
        self.outgoing.len() - self.sent < OUTGOING_BYTES
    }

    /// Whether everything was sent.
    pub(crate) fn is_flushed(&self) -> bool {
        self.sent == self.outgoing.len()
    }

    /// Sends what the other side takes.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        while !self.is_flushed() {
            match rustix::net::send(&self.fd, &self.outgoing[self.sent..], SendFlags::NOSIGNAL) {
                Ok(count) => self.sent += count,
                Err(rustix::io::Errno::AGAIN) => return Ok(()),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        // A reader that was slow once shall not cost memory for ever.
        if self.outgoing.capacity() > OUTGOING_BYTES {
            self.outgoing = Vec::new();
            self.sent = 0;
        }
        Ok(())
    }
}
