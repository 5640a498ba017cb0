//! Writing the image's own files, by paths that are constants here.

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, Gid, Mode, OFlags, Uid};
use rustix::io::Errno;

use crate::trees::TreeError;
use crate::trees::beneath::WITHIN;

/// A directory to write into. Each path is relative to it and runs through no link.
pub(super) struct Place<'a> {
    top: BorrowedFd<'a>,
}

impl<'a> Place<'a> {
    pub(super) fn new(top: BorrowedFd<'a>) -> Self {
        Self { top }
    }

    /// Makes a folder with the folders above it, or takes the one that is there, and gives it
    /// its mode.
    pub(super) fn folder(&self, path: &str, mode: u32) -> Result<OwnedFd, TreeError> {
        for (end, _) in path.match_indices('/').chain([(path.len(), "")]) {
            match rustix::fs::mkdirat(self.top, &path[..end], Mode::from_raw_mode(0o755)) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(source) => return Err(failed("create the folder", path)(source)),
            }
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let folder = rustix::fs::openat2(self.top, path, flags, Mode::empty(), WITHIN)
            .map_err(failed("open the folder", path))?;
        rustix::fs::fchmod(&folder, Mode::from_raw_mode(mode))
            .map_err(failed("give its mode to", path))?;
        Ok(folder)
    }

    /// Writes a new file that everybody may read.
    pub(super) fn file(&self, path: &str, content: &[u8]) -> Result<(), TreeError> {
        self.parent(path)?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let mode = Mode::from_raw_mode(0o644);
        let file = rustix::fs::openat2(self.top, path, flags, mode, WITHIN)
            .map_err(failed("create", path))?;
        let mut rest = content;
        while !rest.is_empty() {
            let written = rustix::io::write(&file, rest).map_err(failed("write", path))?;
            rest = &rest[written..];
        }
        // The mode must not depend on the umask of whoever started infield.
        rustix::fs::fchmod(&file, mode).map_err(failed("give its mode to", path))
    }

    /// Makes a link. Where it leads is nobody's concern but the sandbox's.
    pub(super) fn link(&self, path: &str, target: &str) -> Result<(), TreeError> {
        self.parent(path)?;
        rustix::fs::symlinkat(target, self.top, path).map_err(failed("create the link", path))
    }

    /// Makes overlay's sign that a name of the layers below is gone.
    pub(super) fn whiteout(&self, name: &CStr) -> Result<(), TreeError> {
        let kind = rustix::fs::FileType::CharacterDevice;
        rustix::fs::mknodat(self.top, name, kind, Mode::empty(), 0)
            .map_err(|source| TreeError::kernel("create the whiteout", name, source))
    }

    /// Gives a folder to a user of the sandbox. With a single id there is only the one owner.
    pub(super) fn give(&self, path: &str, id: u32) -> Result<(), TreeError> {
        let (user, group) = (Uid::from_raw(id), Gid::from_raw(id));
        match rustix::fs::chownat(
            self.top,
            path,
            Some(user),
            Some(group),
            AtFlags::SYMLINK_NOFOLLOW,
        ) {
            // What chown says about an id that the user namespace does not map.
            Ok(()) | Err(Errno::INVAL) => Ok(()),
            Err(source) => Err(failed("give its owner to", path)(source)),
        }
    }

    fn parent(&self, path: &str) -> Result<(), TreeError> {
        match path.rsplit_once('/') {
            Some((parent, _)) => self.folder(parent, 0o755).map(drop),
            None => Ok(()),
        }
    }
}

impl AsFd for Place<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.top
    }
}

fn failed(step: &'static str, path: &str) -> impl Fn(Errno) -> TreeError {
    let name = CString::new(path.replace('\0', "?")).expect("zero bytes were replaced");
    move |source| TreeError::kernel(step, &name, source)
}
