//! Opening one name beneath an open directory.

use std::ffi::CStr;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags, Stat};
use rustix::io::Errno;

use super::error::{Result, TreeError};

/// A name is looked up below its directory, through no link of any kind, and never into another
/// file system: a bind mount below a layer would be a way out.
pub(crate) const WITHIN: ResolveFlags = ResolveFlags::BENEATH
    .union(ResolveFlags::NO_SYMLINKS)
    .union(ResolveFlags::NO_MAGICLINKS)
    .union(ResolveFlags::NO_XDEV);

const DIRECTORY: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Opens a sub-directory to read it, whatever its mode is, as long as it is ours.
pub(crate) fn directory(parent: BorrowedFd<'_>, name: &CStr) -> Result<OwnedFd> {
    match openat2(parent, name, DIRECTORY) {
        Err(Errno::ACCESS) => {
            make_accessible(parent, name)?;
            openat2(parent, name, DIRECTORY)
        }
        other => other,
    }
    .map_err(|source| TreeError::kernel("open the folder", name, source))
}

/// Opens a regular file to read it. A pipe that was put in its place is not waited for.
pub(crate) fn file(parent: BorrowedFd<'_>, name: &CStr) -> Result<OwnedFd> {
    let flags =
        OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let opened =
        openat2(parent, name, flags).map_err(|source| TreeError::kernel("open", name, source))?;
    let stat =
        rustix::fs::fstat(&opened).map_err(|source| TreeError::kernel("look at", name, source))?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(TreeError::refused(name.to_bytes(), "it stopped being a regular file"));
    }
    Ok(opened)
}

/// Makes a new file, which must not exist, to write it.
pub(crate) fn new_file(parent: BorrowedFd<'_>, name: &CStr) -> Result<OwnedFd> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat2(parent, name, flags, Mode::RUSR | Mode::WUSR, WITHIN)
        .map_err(|source| TreeError::kernel("create", name, source))
}

/// Makes a new directory and opens it.
pub(crate) fn new_directory(parent: BorrowedFd<'_>, name: &CStr) -> Result<OwnedFd> {
    rustix::fs::mkdirat(parent, name, Mode::RWXU)
        .map_err(|source| TreeError::kernel("create the folder", name, source))?;
    directory(parent, name)
}

/// Looks at a name without following it.
pub(crate) fn look(parent: BorrowedFd<'_>, name: &CStr) -> Result<Stat> {
    rustix::fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)
        .map_err(|source| TreeError::kernel("look at", name, source))
}

/// The same open directory under a descriptor of our own.
pub(crate) fn own(directory: BorrowedFd<'_>) -> Result<OwnedFd> {
    openat2(directory, c".", DIRECTORY)
        .map_err(|source| TreeError::kernel("open the folder", c".", source))
}

fn openat2(parent: BorrowedFd<'_>, name: &CStr, flags: OFlags) -> Result<OwnedFd, Errno> {
    rustix::fs::openat2(parent, name, flags, Mode::empty(), WITHIN)
}

/// Gives the owner all rights to a directory. The name is pinned by a path descriptor first, so
/// that the change cannot be led elsewhere; `/proc/self/fd` is the only way to change the mode of
/// what such a descriptor stands for before Linux 6.6.
fn make_accessible(parent: BorrowedFd<'_>, name: &CStr) -> Result<()> {
    let pinned = openat2(parent, name, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC)
        .map_err(|source| TreeError::kernel("open the folder", name, source))?;
    rustix::fs::chmod(format!("/proc/self/fd/{}", pinned.as_raw_fd()), Mode::RWXU)
        .map_err(|source| TreeError::kernel("open the folder", name, source))
}
