//! What is at a path, and below it.

use std::collections::BinaryHeap;
use std::ffi::OsString;
use std::fs::ReadDir;
use std::path::Path;

use infield_protocol::message::{Event, FileEntry};

use super::line::Line;
use super::open::{entry, quoted};
use crate::failure::{Failure, KernelFailed};

/// Bytes of text after which an event is sent: far below a frame, with one more entry as well.
pub(super) const TOGETHER_BYTES: usize = 64 << 10;

/// What an entry counts for beside its texts.
pub(super) const ENTRY_BYTES: usize = 64;

/// Entries that any listing has at most.
const ENTRIES: u32 = 100_000;

/// Folders within folders that a walk enters.
pub(super) const DEPTH: u32 = 100;

pub(super) fn stat(path: &str) -> Result<Event, Failure> {
    let metadata = std::fs::symlink_metadata(path).doing(|| quoted(path))?;
    Ok(Event::Entry(entry(path.to_owned(), Path::new(path), &metadata)))
}

pub(super) fn list(line: &mut Line, path: &str, depth: u32, limit: u32) -> Result<Event, Failure> {
    let folder = std::fs::read_dir(path).doing(|| quoted(path))?;
    let mut listing = Listing {
        line,
        together: Vec::new(),
        bytes: 0,
        left: limit.min(ENTRIES) as usize,
        truncated: false,
    };
    listing.walk(Path::new(path), folder, "", depth.min(DEPTH))?;
    let Listing { together, truncated, .. } = listing;
    line.say(&Event::Entries(together))?;
    Ok(Event::Finished { truncated })
}

struct Listing<'a> {
    line: &'a mut Line,
    together: Vec<FileEntry>,
    bytes: usize,
    left: usize,
    truncated: bool,
}

impl Listing<'_> {
    fn walk(
        &mut self,
        path: &Path,
        folder: ReadDir,
        prefix: &str,
        depth: u32,
    ) -> Result<(), Failure> {
        let (names, cut) = first_names(self.line, path, folder, self.left)?;
        self.truncated |= cut;
        for name in names {
            if self.left == 0 {
                self.truncated = true;
                return Ok(());
            }
            let below = path.join(&name);
            // Gone since its folder was read.
            let Ok(metadata) = std::fs::symlink_metadata(&below) else { continue };
            let shown = format!("{prefix}{}", name.to_string_lossy());
            self.left -= 1;
            let entry = entry(shown.clone(), &below, &metadata);
            self.bytes += ENTRY_BYTES + shown.len() + entry.target.as_ref().map_or(0, String::len);
            self.together.push(entry);
            if self.bytes >= TOGETHER_BYTES {
                self.bytes = 0;
                let together = std::mem::take(&mut self.together);
                self.line.say(&Event::Entries(together))?;
            }
            if metadata.is_dir() && depth > 1 {
                // A folder that may not be read is listed itself, and nothing below it.
                let Ok(folder) = std::fs::read_dir(&below) else { continue };
                self.walk(&below, folder, &format!("{shown}/"), depth - 1)?;
            }
        }
        Ok(())
    }
}

/// The first names of a folder in order, `limit` at most, and whether there are more. However
/// large the folder is, no more names than that are ever held.
pub(super) fn first_names(
    line: &mut Line,
    path: &Path,
    folder: ReadDir,
    limit: usize,
) -> Result<(Vec<OsString>, bool), Failure> {
    let mut names = BinaryHeap::new();
    let mut cut = false;
    for found in folder {
        line.step()?;
        names.push(found.doing(|| quoted(path))?.file_name());
        if names.len() > limit {
            names.pop();
            cut = true;
        }
    }
    Ok((names.into_sorted_vec(), cut))
}
