//! One connection that is passed on to a port inside: bytes each way, until the end of each.
//!
//! ```text
//! host ──inward──▶ port        a way reads when nothing of it waits, writes at once, and keeps
//! host ◀─outward── port        what was not taken: one buffer each way, and no more
//! ```

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};
use std::time::Instant;

use rustix::io::Errno;
use rustix::net::{AddressFamily, SendFlags, Shutdown, SocketFlags, SocketType, sockopt};

use crate::poll::Interest;

/// Reads of one way before others have their turn.
const READS_IN_A_ROW: usize = 8;

/// A port that was asked and has not answered yet.
#[derive(Debug)]
pub(crate) struct Dialling {
    pub(crate) port: OwnedFd,
    pub(crate) number: u16,
    /// Which loopback was asked.
    pub(crate) family: Family,
    pub(crate) until: Instant,
}

/// The two loopbacks, in the order in which they are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    Four,
    Six,
}

/// Begins to connect to a port of a loopback. The answer comes when the socket can be written.
pub(crate) fn dial(family: Family, number: u16) -> io::Result<OwnedFd> {
    let (kind, address) = match family {
        Family::Four => (AddressFamily::INET, SocketAddr::from((Ipv4Addr::LOCALHOST, number))),
        Family::Six => (AddressFamily::INET6, SocketAddr::from((Ipv6Addr::LOCALHOST, number))),
    };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(kind, SocketType::STREAM, flags, None)?;
    sockopt::set_tcp_nodelay(&socket, true)?;
    match rustix::net::connect(&socket, &address) {
        Ok(()) | Err(Errno::INPROGRESS | Errno::INTR) => Ok(socket),
        Err(errno) => Err(errno.into()),
    }
}

/// What came of dialling. A socket whose own port the kernel chose to be the very one that was
/// asked for is connected with itself: nobody listens there.
pub(crate) fn dialled(port: &OwnedFd) -> io::Result<()> {
    sockopt::socket_error(port)??;
    let (own, other) = (rustix::net::getsockname(port)?, rustix::net::getpeername(port)?);
    if other.is_some_and(|other| other == own) {
        return Err(Errno::CONNREFUSED.into());
    }
    Ok(())
}

/// A connection that is passed on.
#[derive(Debug)]
pub(crate) struct Relay {
    pub(crate) port: OwnedFd,
    /// What the port is watched for now; none when it is watched no longer.
    pub(crate) port_watched: Option<Interest>,
    /// The same of the host's connection.
    pub(crate) host_watched: Option<Interest>,
    inward: Way,
    outward: Way,
}

/// How much one turn moves at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Some, because the poll tells when there is more.
    Fair,
    /// All that there is, because nobody will tell.
    Last,
}

/// One direction.
#[derive(Debug, Default)]
struct Way {
    waiting: Vec<u8>,
    sent: usize,
    /// The source has said its last.
    ended: bool,
    /// The target knows.
    closed: bool,
}

impl Relay {
    /// A relay whose ways begin with these bytes.
    pub(crate) fn new(port: OwnedFd, inward: Vec<u8>, outward: Vec<u8>) -> Self {
        let way = |waiting| Way { waiting, ..Way::default() };
        Self {
            port,
            port_watched: Some(Interest::WRITE),
            host_watched: Some(Interest::NONE),
            inward: way(inward),
            outward: way(outward),
        }
    }

    /// Moves what can be moved; an error ends both ways.
    pub(crate) fn carry(&mut self, host: &OwnedFd, room: &mut [u8], turn: Turn) -> io::Result<()> {
        self.inward.carry(host, &self.port, room, turn)?;
        self.outward.carry(&self.port, host, room, turn)
    }

    /// Whether both ways are at their end.
    pub(crate) fn is_over(&self) -> bool {
        self.inward.closed && self.outward.closed
    }

    /// Whether the host has heard all that there will be.
    pub(crate) fn has_told_all(&self) -> bool {
        self.outward.closed
    }

    /// What the host's connection and the port are to be watched for.
    pub(crate) fn wanted(&self) -> (Interest, Interest) {
        let side = |from: &Way, to: &Way| Interest { read: from.reads(), write: to.waits() };
        (side(&self.inward, &self.outward), side(&self.outward, &self.inward))
    }
}

impl Way {
    fn waits(&self) -> bool {
        self.sent < self.waiting.len()
    }

    fn reads(&self) -> bool {
        !self.ended && !self.waits()
    }

    fn carry(
        &mut self,
        from: impl AsFd,
        to: impl AsFd,
        room: &mut [u8],
        turn: Turn,
    ) -> io::Result<()> {
        let mut reads = 0;
        loop {
            while self.waits() {
                match send(&to, &self.waiting[self.sent..])? {
                    0 => return Ok(()),
                    count => self.sent += count,
                }
            }
            // What was kept for a slow reader is not kept for ever.
            (self.waiting, self.sent) = (Vec::new(), 0);
            if self.ended {
                if !self.closed {
                    rustix::net::shutdown(&to, Shutdown::Write)?;
                    self.closed = true;
                }
                return Ok(());
            }
            if turn == Turn::Fair && reads == READS_IN_A_ROW {
                return Ok(());
            }
            reads += 1;
            match rustix::io::read(&from, &mut *room) {
                Ok(0) => self.ended = true,
                Ok(count) => {
                    let sent = send(&to, &room[..count])?;
                    if sent < count {
                        self.waiting.extend_from_slice(&room[sent..count]);
                    }
                }
                Err(Errno::AGAIN) => return Ok(()),
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    }
}

/// Sends what is taken at once.
fn send(to: impl AsFd, bytes: &[u8]) -> io::Result<usize> {
    match rustix::net::send(to, bytes, SendFlags::NOSIGNAL) {
        Ok(count) => Ok(count),
        Err(Errno::AGAIN | Errno::INTR) => Ok(0),
        Err(errno) => Err(errno.into()),
    }
}
