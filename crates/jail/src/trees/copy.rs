//! Copies the writable layer of an overlay, from memory to disk and back.
//!
//! The copy is the layer as the kernel sees it: holes stay holes, names that share a file go on
//! sharing it, whiteouts and overlay's own attributes go along. Sockets do not, because nobody
//! listens behind a copy. Set-id bits do: they mean something only inside the sandbox whose ids
//! they are about, and there the mount says `nosuid` and the processes have no new privileges.

mod data;
mod links;

use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{FileType, Stat, mknodat, readlinkat, symlinkat};

use self::links::Links;
use super::attributes;
use super::beneath;
use super::error::{Result, TreeError};
use super::measure::disk_bytes;
use super::trail::Trail;
use super::walk::{Step, Walk};
use crate::trees::Tally;

/// Copies everything below one open directory, and the directory's own attributes, to another,
/// which must be empty. Nothing may change either meanwhile.
///
/// What it made is not yet safe from a power failure: the caller syncs the file system.
pub fn copy(from: BorrowedFd<'_>, to: BorrowedFd<'_>) -> Result<Tally> {
    let mut walk = Walk::new(from)?;
    let mut copying = Copying {
        trail: Trail::new(beneath::own(to)?)?,
        links: Links::new(from, to)?,
        tally: Tally::default(),
    };
    while let Some(step) = walk.next()? {
        match step {
            Step::Entry(entry) => {
                let stat = beneath::look(walk.here(), &entry.name)?;
                if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
                    let made = beneath::new_directory(copying.trail.here(), &entry.name)?;
                    copying.trail.push(made)?;
                    walk.enter(&entry.name)?;
                    copying.count(&stat);
                } else {
                    copying.entry(walk.here(), &entry.name, &stat)?;
                }
            }
            Step::Leave => {
                if walk.depth() == 0 {
                    copying.links.finish()?;
                }
                copying.leave(walk.here())?;
            }
        }
    }
    Ok(copying.tally)
}

struct Copying {
    trail: Trail,
    links: Links,
    tally: Tally,
}

impl Copying {
    fn count(&mut self, stat: &Stat) {
        self.tally.entries += 1;
        self.tally.bytes = self.tally.bytes.saturating_add(disk_bytes(stat));
    }

    /// Copies anything but a directory.
    fn entry(&mut self, from: BorrowedFd<'_>, name: &CStr, stat: &Stat) -> Result<()> {
        let file_type = FileType::from_raw_mode(stat.st_mode);
        if file_type == FileType::Socket {
            self.tally.sockets += 1;
            return Ok(());
        }
        let to = self.trail.here();
        if stat.st_nlink > 1 && self.links.take(to, name, stat)? {
            self.tally.entries += 1;
            return Ok(());
        }
        match file_type {
            FileType::RegularFile => copy_file(from, to, name)?,
            FileType::Symlink => copy_symlink(from, to, name, stat)?,
            FileType::Fifo => make_node(to, name, stat, file_type)?,
            FileType::CharacterDevice if is_whiteout(stat) => {
                make_node(to, name, stat, file_type)?;
            }
            _ => return Err(TreeError::refused(name.to_bytes(), "a layer cannot hold devices")),
        }
        if stat.st_nlink > 1 {
            self.links.keep(to, name, stat)?;
        }
        self.count(stat);
        Ok(())
    }

    /// Gives a finished directory its attributes, last because its names change its times and
    /// its mode may forbid new ones.
    fn leave(&mut self, from: BorrowedFd<'_>) -> Result<()> {
        let stat =
            rustix::fs::fstat(from).map_err(|source| TreeError::kernel("look at", c".", source))?;
        attributes::copy_open(from, self.trail.here(), c".", &stat)?;
        self.trail.pop()
    }
}

/// Overlay's sign for a name that is gone.
pub(crate) fn is_whiteout(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice && stat.st_rdev == 0
}

fn copy_file(from: BorrowedFd<'_>, to: BorrowedFd<'_>, name: &CStr) -> Result<()> {
    let source = beneath::file(from, name)?;
    let stat =
        rustix::fs::fstat(&source).map_err(|source| TreeError::kernel("look at", name, source))?;
    let target = beneath::new_file(to, name)?;
    data::copy(source.as_fd(), target.as_fd(), name)?;
    attributes::copy_open(source.as_fd(), target.as_fd(), name, &stat)
}

fn copy_symlink(from: BorrowedFd<'_>, to: BorrowedFd<'_>, name: &CStr, stat: &Stat) -> Result<()> {
    let target = readlinkat(from, name, Vec::new())
        .map_err(|source| TreeError::kernel("read the link", name, source))?;
    symlinkat(&target, to, name)
        .map_err(|source| TreeError::kernel("create the link", name, source))?;
    attributes::copy_named(to, name, stat)
}

/// Makes a pipe or a whiteout, which need no privilege.
fn make_node(to: BorrowedFd<'_>, name: &CStr, stat: &Stat, file_type: FileType) -> Result<()> {
    mknodat(to, name, file_type, attributes::permissions(stat), 0)
        .map_err(|source| TreeError::kernel("create", name, source))?;
    attributes::copy_named(to, name, stat)
}

#[cfg(test)]
mod tests;
