//! Writes a tree as a tar stream: ustar, with GNU's long names.
//!
//! Links are written as links and never followed. Sockets are left out; devices are written as
//! what they are, and left out by whoever unpacks.

use std::collections::HashMap;
use std::ffi::{CStr, OsStr};
use std::io::{Read, Write};
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{FileType, Stat, readlinkat};
use tar::{Builder, EntryType, Header};

use super::beneath;
use super::error::{Result, TreeError, printable};
use super::walk::{Step, Walk};
use crate::trees::Tally;

/// Writes everything below an open directory, with names relative to it, and the end mark.
pub fn pack(directory: BorrowedFd<'_>, writer: impl Write) -> Result<Tally> {
    let mut packing = Packing::new(writer);
    packing.below(directory)?;
    packing.finish()
}

/// Writes one name in an open directory, as `root`, with everything below it.
pub fn pack_entry(
    parent: BorrowedFd<'_>,
    name: &CStr,
    root: &CStr,
    writer: impl Write,
) -> Result<Tally> {
    let mut packing = Packing::new(writer);
    packing.path = root.to_bytes().to_vec();
    let stat = beneath::look(parent, name)?;
    if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
        packing.directory(&stat)?;
        let directory = beneath::directory(parent, name)?;
        packing.below(std::os::fd::AsFd::as_fd(&directory))?;
    } else {
        packing.entry(parent, name, &stat)?;
    }
    packing.finish()
}

struct Packing<W: Write> {
    builder: Builder<W>,
    /// Of the current name, without a slash at its end.
    path: Vec<u8>,
    /// The first name of each file that has several.
    shared: HashMap<(u64, u64), Vec<u8>>,
    tally: Tally,
}

impl<W: Write> Packing<W> {
    fn new(writer: W) -> Self {
        Self {
            builder: Builder::new(writer),
            path: Vec::new(),
            shared: HashMap::new(),
            tally: Tally::default(),
        }
    }

    fn below(&mut self, directory: BorrowedFd<'_>) -> Result<()> {
        let mut walk = Walk::new(directory)?;
        // Lengths of the paths of the folders on the way down.
        let mut lengths = vec![self.path.len()];
        while let Some(step) = walk.next()? {
            self.path.truncate(*lengths.last().unwrap_or(&0));
            let Step::Entry(entry) = step else {
                lengths.pop();
                continue;
            };
            if !self.path.is_empty() {
                self.path.push(b'/');
            }
            self.path.extend_from_slice(entry.name.to_bytes());
            let stat = beneath::look(walk.here(), &entry.name)?;
            if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
                self.directory(&stat)?;
                walk.enter(&entry.name)?;
                lengths.push(self.path.len());
            } else {
                self.entry(walk.here(), &entry.name, &stat)?;
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<Tally> {
        let failed = |source| TreeError::Stream { name: "the end mark".to_owned(), source };
        self.builder.into_inner().and_then(|mut writer| writer.flush()).map_err(failed)?;
        Ok(self.tally)
    }

    fn directory(&mut self, stat: &Stat) -> Result<()> {
        self.tally.entries += 1;
        let path = [self.path.as_slice(), b"/"].concat();
        let mut header = header(EntryType::Directory, stat);
        let written = self.builder.append_data(&mut header, as_path(&path), std::io::empty());
        written.map_err(|source| self.stream(source))
    }

    /// Anything but a directory.
    fn entry(&mut self, parent: BorrowedFd<'_>, name: &CStr, stat: &Stat) -> Result<()> {
        let entry_type = match FileType::from_raw_mode(stat.st_mode) {
            FileType::Socket => {
                self.tally.sockets += 1;
                return Ok(());
            }
            FileType::RegularFile => EntryType::Regular,
            FileType::Symlink => EntryType::Symlink,
            FileType::Fifo => EntryType::Fifo,
            FileType::BlockDevice => EntryType::Block,
            _ => EntryType::Char,
        };
        self.tally.entries += 1;
        if stat.st_nlink > 1 && self.is_shared(stat)? {
            return Ok(());
        }
        let mut header = header(entry_type, stat);
        let path = as_path(&self.path);
        let written = match entry_type {
            EntryType::Regular => {
                let file = beneath::file(parent, name)?;
                let now = rustix::fs::fstat(&file)
                    .map_err(|source| TreeError::kernel("look at", name, source))?;
                let size = u64::try_from(now.st_size).unwrap_or(0);
                self.tally.bytes = self.tally.bytes.saturating_add(size);
                header.set_size(size);
                // A file that shrinks meanwhile is filled up, or all behind it would be read
                // from the wrong place.
                let content = std::fs::File::from(file).take(size);
                let content = content.chain(std::io::repeat(0)).take(size);
                self.builder.append_data(&mut header, path, content)
            }
            EntryType::Symlink => {
                let target = readlinkat(parent, name, Vec::new())
                    .map_err(|source| TreeError::kernel("read the link", name, source))?;
                self.builder.append_link(&mut header, path, as_path(target.to_bytes()))
            }
            _ => self.builder.append_data(&mut header, path, std::io::empty()),
        };
        written.map_err(|source| self.stream(source))
    }

    /// Writes a further name of a file that was written before, or remembers it.
    fn is_shared(&mut self, stat: &Stat) -> Result<bool> {
        let Some(first) = self.shared.get(&(stat.st_dev, stat.st_ino)) else {
            self.shared.insert((stat.st_dev, stat.st_ino), self.path.clone());
            return Ok(false);
        };
        let mut header = header(EntryType::Link, stat);
        let written = self.builder.append_link(&mut header, as_path(&self.path), as_path(first));
        written.map(|()| true).map_err(|source| self.stream(source))
    }

    fn stream(&self, source: std::io::Error) -> TreeError {
        TreeError::Stream { name: printable(&self.path), source }
    }
}

fn header(entry_type: EntryType, stat: &Stat) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(entry_type);
    header.set_mode(stat.st_mode & 0o7777);
    header.set_uid(u64::from(stat.st_uid));
    header.set_gid(u64::from(stat.st_gid));
    header.set_mtime(u64::try_from(stat.st_mtime).unwrap_or(0));
    header.set_size(0);
    header
}

fn as_path(bytes: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(bytes))
}
