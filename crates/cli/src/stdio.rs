//! Standard streams without threads: the front of a short command must not pay for starting one.
//!
//! A descriptor that the kernel can watch is waited for, then used once; it keeps its blocking
//! mode, because the mode belongs to the open file that the caller's shell shares. One that it
//! cannot watch (a regular file, `/dev/null`) never blocks for long and is used at once.

use std::io;
use std::os::fd::BorrowedFd;

use bytes::Bytes;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Bytes that are read at once.
const READ_BYTES: usize = 64 * 1024;

/// Bytes that a pipe takes without blocking once it is writable: PIPE_BUF, pipe(7).
const WRITE_BYTES: usize = 4096;

/// A standard stream.
pub(crate) struct Stdio {
    descriptor: BorrowedFd<'static>,
    watched: Option<AsyncFd<BorrowedFd<'static>>>,
}

impl Stdio {
    /// Standard input.
    pub(crate) fn input() -> io::Result<Self> {
        Self::new(rustix::stdio::stdin(), Interest::READABLE)
    }

    /// Standard output.
    pub(crate) fn output() -> io::Result<Self> {
        Self::new(rustix::stdio::stdout(), Interest::WRITABLE)
    }

    /// Standard error.
    pub(crate) fn errors() -> io::Result<Self> {
        Self::new(rustix::stdio::stderr(), Interest::WRITABLE)
    }

    fn new(descriptor: BorrowedFd<'static>, interest: Interest) -> io::Result<Self> {
        #[expect(
            deprecated,
            reason = "what replaces it is unsafe because a descriptor type may change its number; \
                      `BorrowedFd` never does"
        )]
        let watched = match AsyncFd::try_with_interest(descriptor, interest) {
            Ok(watched) => Some(watched),
            Err(refused) => match refused.into_parts().1 {
                // EPERM: this kind of file cannot be watched, epoll_ctl(2).
                error if error.kind() == io::ErrorKind::PermissionDenied => None,
                error => return Err(error),
            },
        };
        Ok(Self { descriptor, watched })
    }

    /// Reads some bytes; none at the end. Dropping the future loses nothing.
    pub(crate) async fn read(&self) -> io::Result<Bytes> {
        let mut buffer = vec![0; READ_BYTES];
        let length = loop {
            let mut guard = match &self.watched {
                Some(watched) => Some(watched.readable().await?),
                None => None,
            };
            if let Some(guard) = guard.as_mut()
                && !ready(self.descriptor, PollFlags::IN)?
            {
                guard.clear_ready();
                continue;
            }
            match rustix::io::read(self.descriptor, &mut buffer) {
                Ok(length) => break length,
                Err(Errno::INTR | Errno::AGAIN) => {}
                // EIO: the terminal is gone, or we are in the background of it.
                Err(Errno::IO) => break 0,
                Err(error) => return Err(error.into()),
            }
        };
        buffer.truncate(length);
        Ok(buffer.into())
    }

    /// Writes all the bytes.
    pub(crate) async fn write_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let mut piece = bytes;
            if let Some(watched) = &self.watched {
                let mut guard = watched.writable().await?;
                if !ready(self.descriptor, PollFlags::OUT)? {
                    guard.clear_ready();
                    continue;
                }
                piece = &bytes[..bytes.len().min(WRITE_BYTES)];
            }
            match rustix::io::write(self.descriptor, piece) {
                Ok(length) => bytes = &bytes[length..],
                Err(Errno::INTR | Errno::AGAIN) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

/// Whether an operation would not block now. A hang-up counts: the operation tells of it.
fn ready(descriptor: BorrowedFd<'_>, flags: PollFlags) -> io::Result<bool> {
    let mut entry = [PollFd::from_borrowed_fd(descriptor, flags)];
    let now = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
    match poll(&mut entry, Some(&now)) {
        Ok(count) => Ok(count > 0),
        Err(Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
