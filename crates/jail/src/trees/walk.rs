//! Goes through a tree, one name after the other, without recursion.
//!
//! The caller decides about each directory whether to [`Walk::enter`] it. Names are read in
//! batches; when a directory is so far up that its batch was given up, reading goes on at the
//! position behind the last name that was handed out.

use std::collections::VecDeque;
use std::ffi::{CStr, CString};
use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::fs::{FileType, RawDir, SeekFrom};

use super::beneath;
use super::error::{Result, TreeError};
use super::trail::{OPEN_LEVELS, Trail};

/// Bytes of directory entries that are read at once.
const BATCH_BYTES: usize = 32 << 10;

/// What comes next.
pub(crate) enum Step {
    /// A name in the current directory. It was not entered yet.
    Entry(Entry),
    /// The current directory is finished, and is still the current one until the next step.
    Leave,
}

/// One name as its directory lists it.
pub(crate) struct Entry {
    pub(crate) name: CString,
    /// Unknown on file systems that do not list it.
    pub(crate) file_type: FileType,
    position: u64,
}

impl Entry {
    /// What it is, also where the file system does not list it.
    pub(crate) fn kind(&self, parent: BorrowedFd<'_>) -> Result<FileType> {
        match self.file_type {
            FileType::Unknown => {
                let stat = beneath::look(parent, &self.name)?;
                Ok(FileType::from_raw_mode(stat.st_mode))
            }
            known => Ok(known),
        }
    }
}

/// A walk under way.
pub(crate) struct Walk {
    trail: Trail,
    levels: Vec<Reading>,
    leaving: bool,
}

#[derive(Default)]
struct Reading {
    batch: VecDeque<Entry>,
    /// Behind the last name that was handed out.
    position: u64,
}

impl Walk {
    /// Starts at the top, whose names come first. The end of the top is a [`Step::Leave`] too.
    pub(crate) fn new(top: BorrowedFd<'_>) -> Result<Self> {
        let trail = Trail::new(beneath::own(top)?)?;
        Ok(Self { trail, levels: vec![Reading::default()], leaving: false })
    }

    pub(crate) fn next(&mut self) -> Result<Option<Step>> {
        if self.leaving {
            self.up()?;
        }
        let Some(reading) = self.levels.last_mut() else { return Ok(None) };
        if reading.batch.is_empty() {
            reading.batch = read_batch(self.trail.here(), reading.position)?;
        }
        match reading.batch.pop_front() {
            Some(entry) => {
                reading.position = entry.position;
                Ok(Some(Step::Entry(entry)))
            }
            None => {
                self.leaving = true;
                Ok(Some(Step::Leave))
            }
        }
    }

    /// Goes into a directory that was just handed out; its names come next.
    pub(crate) fn enter(&mut self, name: &CStr) -> Result<()> {
        let directory = beneath::directory(self.trail.here(), name)?;
        self.enter_open(directory)
    }

    pub(crate) fn enter_open(&mut self, directory: OwnedFd) -> Result<()> {
        self.trail.push(directory)?;
        self.levels.push(Reading::default());
        if let Some(far) = self.levels.len().checked_sub(OPEN_LEVELS + 1) {
            self.levels[far].batch = VecDeque::new();
        }
        Ok(())
    }

    /// Leaves the current directory now instead of with the next step.
    pub(crate) fn up(&mut self) -> Result<()> {
        self.leaving = false;
        self.levels.pop();
        self.trail.pop()
    }

    /// Reads the current directory once more from its start.
    pub(crate) fn rewind(&mut self) {
        self.leaving = false;
        if let Some(reading) = self.levels.last_mut() {
            *reading = Reading::default();
        }
    }

    pub(crate) fn here(&self) -> BorrowedFd<'_> {
        self.trail.here()
    }

    /// Levels below the top.
    pub(crate) fn depth(&self) -> usize {
        self.trail.depth()
    }
}

/// Reads one buffer full of names from a position on; empty at the end.
fn read_batch(directory: BorrowedFd<'_>, position: u64) -> Result<VecDeque<Entry>> {
    let failed = |source| TreeError::kernel("list", c".", source);
    let mut names = VecDeque::new();
    let mut position = position;
    let mut buffer = Vec::with_capacity(BATCH_BYTES);
    rustix::fs::seek(directory, SeekFrom::Start(position)).map_err(failed)?;
    let mut listing = RawDir::new(directory, buffer.spare_capacity_mut());
    while let Some(found) = listing.next() {
        let found = found.map_err(failed)?;
        position = found.next_entry_cookie();
        if found.file_name() != c"." && found.file_name() != c".." {
            names.push_back(Entry {
                name: found.file_name().to_owned(),
                file_type: found.file_type(),
                position,
            });
        }
        // A buffer that held nothing but the two dots is not the end.
        if listing.is_buffer_empty() && !names.is_empty() {
            break;
        }
    }
    Ok(names)
}
