//! Keeps several names of one file together.
//!
//! The first name's copy gets one more name in a folder of our own at the top of the target,
//! called after the file's number; later names are linked from there. So neither a path nor an
//! open descriptor has to be kept for each shared file. The folder goes away at the end.

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, Stat, linkat, unlinkat};
use rustix::io::Errno;

use crate::trees::beneath;
use crate::trees::error::{Result, TreeError};
use crate::trees::remove::remove_contents;

/// The shared files so far.
pub(crate) struct Links {
    top: OwnedFd,
    /// The folder's name, which the source does not have.
    name: CString,
    folder: Option<OwnedFd>,
}

impl Links {
    pub(crate) fn new(from: BorrowedFd<'_>, to: BorrowedFd<'_>) -> Result<Self> {
        let mut name = c".infield-links".to_owned();
        let mut number = 0_u32;
        while exists(from, &name)? {
            number += 1;
            name = numbered(".infield-links-", u64::from(number));
        }
        Ok(Self { top: beneath::own(to)?, name, folder: None })
    }

    /// Makes a name for a file that was copied before, or says false.
    pub(crate) fn take(&self, to: BorrowedFd<'_>, name: &CStr, stat: &Stat) -> Result<bool> {
        let Some(folder) = &self.folder else { return Ok(false) };
        let number = numbered("", stat.st_ino);
        match linkat(folder, &number, to, name, AtFlags::empty()) {
            Ok(()) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            // The disk allows fewer names for a file than memory does: go on with one more copy.
            Err(Errno::MLINK) => unlinkat(folder, &number, AtFlags::empty())
                .map(|()| false)
                .map_err(|source| TreeError::kernel("remove", &number, source)),
            Err(source) => Err(TreeError::kernel("link", name, source)),
        }
    }

    /// Remembers a file that was copied just now.
    pub(crate) fn keep(&mut self, to: BorrowedFd<'_>, name: &CStr, stat: &Stat) -> Result<()> {
        let folder = match self.folder.take() {
            Some(folder) => folder,
            None => beneath::new_directory(self.top.as_fd(), &self.name)?,
        };
        let folder = self.folder.insert(folder);
        linkat(to, name, folder, numbered("", stat.st_ino), AtFlags::empty())
            .map_err(|source| TreeError::kernel("link", name, source))
    }

    /// Removes the folder.
    pub(crate) fn finish(&mut self) -> Result<()> {
        let Some(folder) = self.folder.take() else { return Ok(()) };
        remove_contents(folder.as_fd())?;
        unlinkat(&self.top, &self.name, AtFlags::REMOVEDIR)
            .map_err(|source| TreeError::kernel("remove the folder", &self.name, source))
    }
}

fn exists(parent: BorrowedFd<'_>, name: &CStr) -> Result<bool> {
    match rustix::fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(_) => Ok(true),
        Err(Errno::NOENT) => Ok(false),
        Err(source) => Err(TreeError::kernel("look at", name, source)),
    }
}

fn numbered(prefix: &str, number: u64) -> CString {
    CString::new(format!("{prefix}{number}")).expect("digits hold no zero byte")
}
