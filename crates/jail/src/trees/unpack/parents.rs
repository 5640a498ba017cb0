//! The folders that names are in.

use std::ffi::CString;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::rc::Rc;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use crate::trees::beneath::{self, WITHIN};
use crate::trees::error::{Result, TreeError};
use crate::trees::names::join;

const DIRECTORY: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Opens the folders above names, and keeps the last one: most names follow one from the same
/// folder.
pub(super) struct Parents<'a> {
    top: BorrowedFd<'a>,
    path: Vec<u8>,
    open: Rc<OwnedFd>,
    /// The mode of folders that no member describes.
    mode: Mode,
    /// How many of them were made.
    pub(super) made: u64,
}

impl<'a> Parents<'a> {
    pub(super) fn new(top: BorrowedFd<'a>, mode: Mode) -> Result<Self> {
        Ok(Self { top, path: Vec::new(), open: Rc::new(beneath::own(top)?), mode, made: 0 })
    }

    pub(super) fn top(&self) -> BorrowedFd<'a> {
        self.top
    }

    /// The folder with these parts, made where it is missing.
    pub(super) fn make(&mut self, parts: &[CString]) -> Result<Rc<OwnedFd>> {
        let path = join(parts);
        if path != self.path {
            let open = match self.existing(&path) {
                Err(error) if error.errno() == Some(Errno::NOENT.raw_os_error()) => {
                    self.make_each(parts)?
                }
                other => other?,
            };
            self.open = Rc::new(open);
            self.path = path;
        }
        Ok(Rc::clone(&self.open))
    }

    /// The folder with these parts, which must be there.
    pub(super) fn existing(&self, path: &[u8]) -> Result<OwnedFd> {
        if path.is_empty() {
            return beneath::own(self.top);
        }
        rustix::fs::openat2(self.top, path, DIRECTORY, Mode::empty(), WITHIN)
            .map_err(|source| blocked(path, source))
    }

    fn make_each(&mut self, parts: &[CString]) -> Result<OwnedFd> {
        let mut folder = beneath::own(self.top)?;
        for part in parts {
            match rustix::fs::mkdirat(&folder, part, self.mode) {
                Ok(()) => self.made += 1,
                Err(Errno::EXIST) => {}
                Err(source) => return Err(TreeError::kernel("create the folder", part, source)),
            }
            folder = rustix::fs::openat2(&folder, part, DIRECTORY, Mode::empty(), WITHIN)
                .map_err(|source| blocked(part.to_bytes(), source))?;
        }
        Ok(folder)
    }
}

/// Says what stands in the way of a folder.
fn blocked(path: &[u8], source: Errno) -> TreeError {
    match source {
        Errno::LOOP | Errno::NOTDIR => {
            TreeError::refused(path, "a link or a file stands in the place of this folder")
        }
        Errno::XDEV => TreeError::refused(path, "another file system is mounted there"),
        _ => {
            let name = CString::new(path).expect("names are checked for zero bytes");
            TreeError::kernel("open the folder", &name, source)
        }
    }
}
