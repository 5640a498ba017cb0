//! Changes of one path: edit, make, remove, move.

use std::fs;
use std::io::{Read, Write};

use rustix::fs::{CWD, RenameFlags, renameat_with};

use infield_protocol::message::{Code, Event};

use super::open::{make_parents, quoted, regular};
use super::write::replace;
use crate::failure::{Failure, KernelFailed};

/// Bytes of a file that can be edited.
const EDIT_BYTES: u64 = 32 << 20;

/// Which occurrences an edit means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    /// The only one.
    One,
    /// Every one.
    All,
}

pub(super) fn edit(path: &str, old: &str, new: &str, which: Which) -> Result<Event, Failure> {
    if old.is_empty() {
        return Err(Failure::new(Code::Invalid, "the text to replace is empty"));
    }
    let (file, metadata) = regular(path)?;
    if metadata.len() > EDIT_BYTES {
        let message =
            format!("{} has {} bytes, more than an edit takes", quoted(path), metadata.len());
        return Err(Failure::new(Code::Quota, message).with_hint("use a command such as `sed`"));
    }
    let mut content = Vec::new();
    file.take(EDIT_BYTES).read_to_end(&mut content).doing(|| quoted(path))?;
    let places = places(&content, old);
    let count = places.len();
    if count == 0 {
        let message = format!("the text to replace is not in {}", quoted(path));
        let hint = "read the file again, and give the text exactly as it is there";
        return Err(Failure::new(Code::NotFound, message).with_hint(hint));
    }
    if count > 1 && which == Which::One {
        let message = format!("the text to replace is in {} {count} times", quoted(path));
        let hint = "give more of the lines around it, or replace all of them";
        return Err(Failure::new(Code::Conflict, message).with_hint(hint));
    }
    replace(path, None, |mut file| {
        let mut from = 0;
        for place in places {
            file.write_all(&content[from..place]).doing(|| quoted(path))?;
            file.write_all(new.as_bytes()).doing(|| quoted(path))?;
            from = place + old.len();
        }
        file.write_all(&content[from..]).doing(|| quoted(path))
    })?;
    Ok(Event::Count(count as u64))
}

/// Where `what` is in `content`, without overlaps.
fn places(content: &[u8], what: &str) -> Vec<usize> {
    match std::str::from_utf8(content) {
        Ok(text) => text.match_indices(what).map(|(place, _)| place).collect(),
        Err(_) => places_in_bytes(content, what.as_bytes()),
    }
}

fn places_in_bytes(content: &[u8], what: &[u8]) -> Vec<usize> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(place) = content[from..].windows(what.len()).position(|window| window == what) {
        found.push(from + place);
        from += place + what.len();
    }
    found
}

pub(super) fn make_directory(path: &str) -> Result<Event, Failure> {
    match fs::create_dir_all(path) {
        Ok(()) => Ok(Event::Done),
        Err(_) if fs::metadata(path).is_ok_and(|metadata| !metadata.is_dir()) => {
            let message = format!("{} exists and is no folder", quoted(path));
            Err(Failure::new(Code::Conflict, message))
        }
        Err(error) => Err(Failure::kernel(quoted(path), &error)),
    }
}

pub(super) fn remove(path: &str) -> Result<Event, Failure> {
    let metadata = fs::symlink_metadata(path).doing(|| quoted(path))?;
    if !metadata.is_dir() {
        fs::remove_file(path).doing(|| quoted(path))?;
        return Ok(Event::Done);
    }
    match fs::remove_dir(path) {
        Ok(()) => Ok(Event::Done),
        Err(error) if error.kind() == std::io::ErrorKind::DirectoryNotEmpty => {
            let message = format!("{} is a folder that is not empty", quoted(path));
            Err(Failure::new(Code::Conflict, message).with_hint("remove it recursively"))
        }
        Err(error) => Err(Failure::kernel(quoted(path), &error)),
    }
}

/// Links are removed and never followed; std walks by descriptors for that.
pub(super) fn remove_tree(path: &str) -> Result<Event, Failure> {
    let metadata = fs::symlink_metadata(path).doing(|| quoted(path))?;
    let removed = if metadata.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    removed.doing(|| quoted(path))?;
    Ok(Event::Done)
}

pub(super) fn rename(from: &str, to: &str) -> Result<Event, Failure> {
    fs::symlink_metadata(from).doing(|| quoted(from))?;
    make_parents(to)?;
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(Event::Done),
        Err(rustix::io::Errno::EXIST) => {
            let message = format!("{} exists", quoted(to));
            Err(Failure::new(Code::Conflict, message).with_hint("remove it first"))
        }
        Err(rustix::io::Errno::XDEV) => {
            let message =
                format!("{} and {} are on different file systems", quoted(from), quoted(to));
            Err(Failure::new(Code::Unsupported, message).with_hint("use the command `mv`"))
        }
        Err(error) => {
            Err(Failure::kernel(format!("{} to {}", quoted(from), quoted(to)), &error.into()))
        }
    }
}
