//! Moves bytes from one socket to another without a copy: splice(2) through a pipe.
//!
//! A pipe is filled and emptied in one go, and what the other side does not take is read out of
//! it. So it is never held across a wait: each thread of the runtime needs one, however many
//! connections there are.

use std::cell::Cell;
use std::io;
use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};
use tokio::io::Interest;
use tokio::net::TcpStream;

use super::gait::MOST;

/// Bytes of a pipe. A segment takes a slot of it, and there is one for each 4 KiB.
const PIPE_BYTES: usize = 2 * MOST;

thread_local! {
    /// This thread's pipe while nobody uses it. It is empty.
    static PIPE: Cell<Option<Pipe>> = const { Cell::new(None) };
}

struct Pipe {
    reader: OwnedFd,
    writer: OwnedFd,
}

/// What was moved.
pub(super) struct Moved {
    /// Bytes that were read; 0 at the end.
    pub(super) bytes: usize,
    /// Those of them that the other side has not taken.
    pub(super) left: Vec<u8>,
}

/// Moves up to `most` bytes. [`io::ErrorKind::WouldBlock`] when there are none.
pub(super) fn transfer(from: &TcpStream, to: &TcpStream, most: usize) -> io::Result<Moved> {
    let pipe = PIPE.take().map_or_else(Pipe::new, Ok)?;
    let bytes = from.try_io(Interest::READABLE, || {
        Ok(splice(from, None, &pipe.writer, None, most, SpliceFlags::NONBLOCK)?)
    });
    // A pipe with bytes in it, after an error of the other side, goes with them.
    let left = match &bytes {
        Ok(bytes) => pipe.empty(to, *bytes)?,
        Err(_) => Vec::new(),
    };
    PIPE.set(Some(pipe));
    Ok(Moved { bytes: bytes?, left })
}

fn is_waiting(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
}

impl Pipe {
    fn new() -> io::Result<Self> {
        let (reader, writer) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        // A refusal leaves the usual size: slower, not wrong.
        match fcntl_setpipe_size(&writer, PIPE_BYTES) {
            Ok(_) | Err(Errno::PERM | Errno::BUSY) => Ok(Self { reader, writer }),
            Err(error) => Err(error.into()),
        }
    }

    /// Gives all bytes in it to `to`, and what that does not take back.
    fn empty(&self, to: &TcpStream, mut bytes: usize) -> io::Result<Vec<u8>> {
        while bytes > 0 {
            let given = to.try_io(Interest::WRITABLE, || {
                Ok(splice(&self.reader, None, to, None, bytes, SpliceFlags::NONBLOCK)?)
            });
            match given {
                Ok(given) => bytes -= given,
                Err(error) if is_waiting(&error) => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let mut left = vec![0; bytes];
        let mut filled = 0;
        while filled < bytes {
            filled += rustix::io::read(&self.reader, left.get_mut(filled..).unwrap_or_default())?;
        }
        Ok(left)
    }
}
