//! Removes everything below a directory.

use std::ffi::{CStr, CString};
use std::os::fd::BorrowedFd;

use rustix::fs::{AtFlags, FileType, Mode};
use rustix::io::Errno;

use super::beneath;
use super::error::{Result, TreeError};
use super::walk::{Step, Walk};

/// How often one directory is read again because names were left in it: removing while reading
/// hides names on some file systems, and only somebody who keeps adding names needs more.
const PASSES: u32 = 64;

/// Removes everything below an open directory, and leaves the directory itself.
///
/// Nothing is followed and nothing outside the file system is touched: where something is
/// mounted below, it ends with an error. What vanishes meanwhile is fine.
pub fn remove_contents(directory: BorrowedFd<'_>) -> Result<()> {
    let mut walk = Walk::new(directory)?;
    let mut entered: Vec<Entered> = Vec::new();
    let mut top = Entered { name: c".".to_owned(), passes: 0 };
    let mut removed = false;
    while let Some(step) = walk.next()? {
        match step {
            Step::Entry(entry) => {
                removed = true;
                if !remove_unless_directory(walk.here(), &entry.name, entry.file_type)? {
                    walk.enter(&entry.name)?;
                    entered.push(Entered { name: entry.name, passes: 0 });
                }
            }
            Step::Leave => match entered.pop() {
                Some(child) => leave(&mut walk, child, &mut entered)?,
                None if std::mem::take(&mut removed) => {
                    top = top.again()?;
                    walk.rewind();
                }
                None => {}
            },
        }
    }
    Ok(())
}

/// A directory on the way down.
struct Entered {
    name: CString,
    passes: u32,
}

impl Entered {
    fn again(self) -> Result<Self> {
        if self.passes == PASSES {
            return Err(TreeError::refused(self.name.to_bytes(), "names keep appearing in it"));
        }
        Ok(Self { name: self.name, passes: self.passes + 1 })
    }
}

/// Goes up and removes the directory that was left, or goes through it once more when it still
/// has names.
fn leave(walk: &mut Walk, child: Entered, entered: &mut Vec<Entered>) -> Result<()> {
    walk.up()?;
    match unlink(walk.here(), &child.name, AtFlags::REMOVEDIR) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(Errno::NOTEMPTY | Errno::EXIST) => {
            let child = child.again()?;
            walk.enter(&child.name)?;
            entered.push(child);
            Ok(())
        }
        Err(source) => Err(TreeError::kernel("remove the folder", &child.name, source)),
    }
}

/// Removes a name and says true, or says false for a directory.
fn remove_unless_directory(
    parent: BorrowedFd<'_>,
    name: &CStr,
    file_type: FileType,
) -> Result<bool> {
    if file_type == FileType::Directory {
        return Ok(false);
    }
    match unlink(parent, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(true),
        // Linux says EISDIR; POSIX says EPERM, which also has other causes.
        Err(Errno::ISDIR) => Ok(false),
        Err(source) => {
            let stat = beneath::look(parent, name)?;
            if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
                return Ok(false);
            }
            Err(TreeError::kernel("remove", name, source))
        }
    }
}

/// Removes a name from a directory, whatever the directory's mode is.
fn unlink(parent: BorrowedFd<'_>, name: &CStr, flags: AtFlags) -> Result<(), Errno> {
    match rustix::fs::unlinkat(parent, name, flags) {
        Err(Errno::ACCESS) => {
            rustix::fs::fchmod(parent, Mode::RWXU)?;
            rustix::fs::unlinkat(parent, name, flags)
        }
        other => other,
    }
}

#[cfg(test)]
mod tests;
