//! Counts what a tree holds.

use std::collections::HashSet;
use std::os::fd::BorrowedFd;

use rustix::fs::FileType;
use rustix::io::Errno;

use super::beneath;
use super::error::{Result, TreeError};
use super::walk::{Step, Walk};
use crate::trees::Tally;

/// Counts the names below a directory and the bytes that they take on disk.
///
/// The tree may be in use: what vanishes meanwhile is not counted. When folders far down are
/// moved about all the time it ends with [`TreeError::Moved`], which whoever enforces a limit by
/// this should take like a limit that was passed.
pub fn measure(directory: BorrowedFd<'_>) -> Result<Tally> {
    let mut walk = Walk::new(directory)?;
    let mut tally = Tally::default();
    let mut shared = HashSet::new();
    while let Some(step) = walk.next()? {
        let Step::Entry(entry) = step else { continue };
        let stat = match beneath::look(walk.here(), &entry.name) {
            Err(error) if is_gone(&error) => continue,
            other => other?,
        };
        let file_type = FileType::from_raw_mode(stat.st_mode);
        tally.entries += 1;
        if file_type == FileType::Socket {
            tally.sockets += 1;
        }
        let is_directory = file_type == FileType::Directory;
        if is_directory || stat.st_nlink == 1 || shared.insert((stat.st_dev, stat.st_ino)) {
            tally.bytes = tally.bytes.saturating_add(disk_bytes(&stat));
        }
        if is_directory {
            match walk.enter(&entry.name) {
                Err(error) if is_gone(&error) => {}
                other => other?,
            }
        }
    }
    Ok(tally)
}

/// The kernel counts blocks of 512 bytes whatever the file system's own are.
pub(crate) fn disk_bytes(stat: &rustix::fs::Stat) -> u64 {
    u64::try_from(stat.st_blocks).unwrap_or(0).saturating_mul(512)
}

/// Whether a name vanished, or something else stands in its place now.
fn is_gone(error: &TreeError) -> bool {
    let errno = error.errno().map(Errno::from_raw_os_error);
    matches!(errno, Some(Errno::NOENT | Errno::LOOP | Errno::NOTDIR))
}
