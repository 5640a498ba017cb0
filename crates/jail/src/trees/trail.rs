//! The way from the top of a tree to the directory that is worked in.
//!
//! Only the last few directories are kept open. When the way back leads further up than that,
//! the parent is opened again as `..` and must be the very directory that was come through,
//! so a tree that is moved about meanwhile ends the work instead of leading it elsewhere.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{Mode, OFlags};

use super::error::{Result, TreeError, printable};

/// Directories that stay open at once.
pub(crate) const OPEN_LEVELS: usize = 32;

/// The open directories on the way down.
pub(crate) struct Trail {
    levels: Vec<Level>,
}

struct Level {
    /// None when so far up that it was closed.
    directory: Option<OwnedFd>,
    device: u64,
    inode: u64,
}

impl Trail {
    pub(crate) fn new(top: OwnedFd) -> Result<Self> {
        let mut trail = Self { levels: Vec::new() };
        trail.push(top)?;
        Ok(trail)
    }

    pub(crate) fn push(&mut self, directory: OwnedFd) -> Result<()> {
        let stat = stat_of(directory.as_fd())?;
        self.levels.push(Level {
            directory: Some(directory),
            device: stat.st_dev,
            inode: stat.st_ino,
        });
        if let Some(far) = self.levels.len().checked_sub(OPEN_LEVELS + 1) {
            self.levels[far].directory = None;
        }
        Ok(())
    }

    /// Goes one up. The top itself is never left.
    pub(crate) fn pop(&mut self) -> Result<()> {
        let Some(left) = self.levels.pop() else { return Ok(()) };
        let Some(above) = self.levels.last_mut() else {
            self.levels.push(left);
            return Ok(());
        };
        if above.directory.is_some() {
            return Ok(());
        }
        let below = left.directory.expect("the lowest level is always open");
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let parent = rustix::fs::openat(&below, c"..", flags, Mode::empty())
            .map_err(|source| TreeError::kernel("go back to", c"..", source))?;
        let stat = stat_of(parent.as_fd())?;
        if (stat.st_dev, stat.st_ino) != (above.device, above.inode) {
            return Err(TreeError::Moved { name: printable(b"..") });
        }
        above.directory = Some(parent);
        Ok(())
    }

    /// The directory that is worked in.
    pub(crate) fn here(&self) -> BorrowedFd<'_> {
        let lowest = self.levels.last().expect("the top is never left");
        lowest.directory.as_ref().expect("the lowest level is always open").as_fd()
    }

    /// Levels below the top.
    pub(crate) fn depth(&self) -> usize {
        self.levels.len() - 1
    }
}

fn stat_of(directory: BorrowedFd<'_>) -> Result<rustix::fs::Stat> {
    rustix::fs::fstat(directory).map_err(|source| TreeError::kernel("look at", c".", source))
}
