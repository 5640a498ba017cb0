//! Owners, modes, times and extended attributes, from one open thing to another.

use std::ffi::{CStr, CString};
use std::os::fd::BorrowedFd;

use rustix::buffer::spare_capacity;
use rustix::fs::{
    AtFlags, Gid, Mode, Stat, Timespec, Timestamps, Uid, XattrFlags, chownat, fchmod, fchown,
    fgetxattr, flistxattr, fsetxattr, futimens, utimensat,
};
use rustix::io::Errno;

use super::error::{Result, TreeError};

/// What one file may carry at most; the kernel's own limits are 64 KiB for the list of names and
/// for each value.
const XATTR_BYTES: usize = 64 << 10;

/// Copies everything from one open file or directory to another. The order matters: a change of
/// owner takes set-id bits away, and everything changes the times.
pub(crate) fn copy_open(
    from: BorrowedFd<'_>,
    to: BorrowedFd<'_>,
    name: &CStr,
    stat: &Stat,
) -> Result<()> {
    fchown(to, Some(Uid::from_raw(stat.st_uid)), Some(Gid::from_raw(stat.st_gid)))
        .map_err(|source| TreeError::kernel("give its owner to", name, source))?;
    copy_xattrs(from, to, name)?;
    fchmod(to, permissions(stat))
        .map_err(|source| TreeError::kernel("give its mode to", name, source))?;
    futimens(to, &times(stat))
        .map_err(|source| TreeError::kernel("give its times to", name, source))
}

/// Copies what links, pipes and whiteouts have: no extended attributes are allowed on them.
pub(crate) fn copy_named(parent: BorrowedFd<'_>, name: &CStr, stat: &Stat) -> Result<()> {
    let owner = Some(Uid::from_raw(stat.st_uid));
    let group = Some(Gid::from_raw(stat.st_gid));
    chownat(parent, name, owner, group, AtFlags::SYMLINK_NOFOLLOW)
        .map_err(|source| TreeError::kernel("give its owner to", name, source))?;
    utimensat(parent, name, &times(stat), AtFlags::SYMLINK_NOFOLLOW)
        .map_err(|source| TreeError::kernel("give its times to", name, source))
}

pub(crate) fn permissions(stat: &Stat) -> Mode {
    Mode::from_raw_mode(stat.st_mode & 0o7777)
}

fn times(stat: &Stat) -> Timestamps {
    let time = |seconds, nanoseconds| Timespec {
        tv_sec: seconds,
        // The kernel keeps it below a thousand million.
        tv_nsec: i64::try_from(nanoseconds).unwrap_or(0),
    };
    Timestamps {
        last_access: time(stat.st_atime, stat.st_atime_nsec),
        last_modification: time(stat.st_mtime, stat.st_mtime_nsec),
    }
}

/// Copies the attributes that belong to the layer: `user.*`, which has overlay's own marks, and
/// access lists. `security.*` is the host's business and `trusted.*` cannot be in a layer that
/// an unprivileged overlay wrote.
fn copy_xattrs(from: BorrowedFd<'_>, to: BorrowedFd<'_>, name: &CStr) -> Result<()> {
    for attribute in xattr_names(from, name)? {
        let bytes = attribute.to_bytes();
        if !bytes.starts_with(b"user.") && !bytes.starts_with(b"system.posix_acl_") {
            continue;
        }
        let mut value = Vec::with_capacity(XATTR_BYTES);
        match fgetxattr(from, &attribute, spare_capacity(&mut value)) {
            Ok(_) => {}
            Err(Errno::NODATA) => continue,
            Err(source) => return Err(TreeError::kernel("read an attribute of", name, source)),
        }
        fsetxattr(to, &attribute, &value, XattrFlags::empty())
            .map_err(|source| TreeError::kernel("give an attribute to", name, source))?;
    }
    Ok(())
}

/// The names of the extended attributes; none where the file system has no such thing.
pub(crate) fn xattr_names(file: BorrowedFd<'_>, name: &CStr) -> Result<Vec<CString>> {
    // Nearly all files have none: ask for the length first.
    let length = match rustix::fs::flistxattr_query(file) {
        Err(Errno::OPNOTSUPP) => return Ok(Vec::new()),
        other => {
            other.map_err(|source| TreeError::kernel("list the attributes of", name, source))?
        }
    };
    if length == 0 {
        return Ok(Vec::new());
    }
    let mut list = Vec::with_capacity(XATTR_BYTES);
    flistxattr(file, spare_capacity(&mut list))
        .map_err(|source| TreeError::kernel("list the attributes of", name, source))?;
    Ok(list
        .split(|byte| *byte == 0)
        .filter(|part| !part.is_empty())
        .map(|part| CString::new(part).expect("the parts between zeros have none"))
        .collect())
}
