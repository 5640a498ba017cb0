//! The one place where the agent waits.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};

use infield_protocol::message::Stream;

/// Events that one wait takes at most.
const EVENTS: usize = 64;

/// What something may happen to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// A connection arrived.
    Listener,
    /// A child ended.
    Children,
    /// A connection can be read, written, or is gone.
    Connection(u64),
    /// A new process tells that its program runs, or why not.
    Report(u64),
    /// A command's stream can be read.
    Output(u64, Stream),
    /// A command's standard input can be written.
    Input(u64),
    /// The port to which a connection is passed on can be read or written.
    Port(u64),
}

impl Source {
    fn token(self) -> EventData {
        let (kind, number) = match self {
            Self::Listener => (0, 0),
            Self::Children => (1, 0),
            Self::Connection(number) => (2, number),
            Self::Report(number) => (3, number),
            Self::Output(number, Stream::Stdout) => (4, number),
            Self::Output(number, Stream::Stderr) => (5, number),
            Self::Input(number) => (6, number),
            Self::Port(number) => (7, number),
        };
        EventData::new_u64((number << 3) | kind)
    }

    fn of(token: EventData) -> Self {
        let number = token.u64() >> 3;
        match token.u64() & 7 {
            0 => Self::Listener,
            1 => Self::Children,
            2 => Self::Connection(number),
            3 => Self::Report(number),
            4 => Self::Output(number, Stream::Stdout),
            5 => Self::Output(number, Stream::Stderr),
            6 => Self::Input(number),
            _ => Self::Port(number),
        }
    }
}

/// What may be done with a source now.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ready {
    /// It can be read, or the other side has said its last.
    pub(crate) read: bool,
    /// It can be written.
    pub(crate) write: bool,
    /// The other side is gone.
    pub(crate) gone: bool,
}

/// What a source is watched for; that it is gone is always told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Interest {
    /// Until it can be read.
    pub(crate) read: bool,
    /// Until it can be written.
    pub(crate) write: bool,
}

impl Interest {
    /// To read.
    pub(crate) const READ: Self = Self { read: true, write: false };
    /// To write.
    pub(crate) const WRITE: Self = Self { read: false, write: true };
    /// Only whether it is gone.
    pub(crate) const NONE: Self = Self { read: false, write: false };

    fn flags(self) -> EventFlags {
        let mut flags = EventFlags::empty();
        flags.set(EventFlags::IN, self.read);
        flags.set(EventFlags::OUT, self.write);
        flags
    }
}

/// Waits for many sources.
pub(crate) struct Poll {
    epoll: OwnedFd,
}

impl Poll {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self { epoll: epoll::create(CreateFlags::CLOEXEC)? })
    }

    /// Begins to watch. Closing every copy of the descriptor ends it, but a forked child may
    /// hold a copy, so that [`Self::forget`] must come first.
    pub(crate) fn watch(&self, fd: impl AsFd, source: Source, what: Interest) -> io::Result<()> {
        Ok(epoll::add(&self.epoll, fd, source.token(), what.flags())?)
    }

    /// Watches for something else.
    pub(crate) fn change(&self, fd: impl AsFd, source: Source, what: Interest) -> io::Result<()> {
        Ok(epoll::modify(&self.epoll, fd, source.token(), what.flags())?)
    }

    /// Watches no longer.
    pub(crate) fn forget(&self, fd: impl AsFd) {
        // It fails only for what was not watched, and then the aim is reached as well.
        let _unwatched = epoll::delete(&self.epoll, fd);
    }

    /// Waits until something happens or the time is over.
    pub(crate) fn wait(&self, limit: Option<Duration>) -> io::Result<Vec<(Source, Ready)>> {
        let limit = limit.map(|limit| Timespec {
            tv_sec: i64::try_from(limit.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: limit.subsec_nanos().into(),
        });
        let mut events = Vec::with_capacity(EVENTS);
        match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut events), limit.as_ref())
        {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let seen = |event: &epoll::Event| {
            let flags = event.flags;
            let gone = flags.intersects(EventFlags::HUP | EventFlags::ERR);
            let ready = Ready {
                read: flags.contains(EventFlags::IN) || gone,
                write: flags.contains(EventFlags::OUT) || gone,
                gone,
            };
            (Source::of(event.data), ready)
        };
        Ok(events.iter().map(seen).collect())
    }
}
