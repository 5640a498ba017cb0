//! Trees between the host's folders and a sandbox: what `infield cp` and the folders of
//! `infield mcp` read and write on the host.
//!
//! All of it happens beneath a directory that the caller opened, with the caller's own rights.
//! A path below it runs through no link, and what comes out of a sandbox is foreign: the rules
//! for it are [`infield_jail::trees::land`]'s, shared with whatever else unpacks. Nothing here
//! waits for anything but files and the stream, so asynchronous callers use a blocking task.

use std::ffi::{CString, OsStr};
use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use infield_domain::{Error, Kind, Result};
use infield_jail::trees::{self, Tally, TreeError, UnpackLimits, Unpacked};
use rustix::fs::{Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

/// What comes out of a sandbox at most, unless a caller says less. A sandbox can make a stream
/// without end, so there has to be one here.
pub(crate) const LIMITS: UnpackLimits = UnpackLimits { bytes: 64 << 30, entries: 4_000_000 };

const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// No way out of the folder. Other file systems below it belong to it: it is the caller's own.
const WITHIN: ResolveFlags =
    ResolveFlags::BENEATH.union(ResolveFlags::NO_SYMLINKS).union(ResolveFlags::NO_MAGICLINKS);

/// A folder of the host's that a caller opened.
#[derive(Debug)]
pub(crate) struct Folder {
    directory: OwnedFd,
}

impl Folder {
    /// Opens a folder where the caller says, following links as everywhere on a command line.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        rustix::fs::open(path, DIRECTORY, Mode::empty())
            .map(Self::from)
            .map_err(|errno| refused("open the folder", path, errno))
    }

    /// Opens the folder that holds a path of a command line, and gives the last part, none when
    /// the path is the folder itself.
    pub(crate) fn holding(path: &Path) -> Result<(Self, PathBuf)> {
        let Some(name) = path.file_name().filter(|_| !path.as_os_str().as_bytes().ends_with(b"/"))
        else {
            return Ok((Self::open(path)?, PathBuf::new()));
        };
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        Ok((Self::open(parent.unwrap_or(Path::new(".")))?, PathBuf::from(name)))
    }

    /// Opens a folder below; this one when there are no parts.
    fn below(&self, parts: &[CString]) -> std::result::Result<OwnedFd, Errno> {
        let path = match parts {
            [] => b".".to_vec(),
            _ => parts.iter().map(|part| part.to_bytes()).collect::<Vec<_>>().join(&b'/'),
        };
        rustix::fs::openat2(&self.directory, path, DIRECTORY, Mode::empty(), WITHIN)
    }
}

impl From<OwnedFd> for Folder {
    fn from(directory: OwnedFd) -> Self {
        Self { directory }
    }
}

impl AsFd for Folder {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }
}

/// Writes a file or folder below `folder` as a tar stream with one root entry called `root`.
pub(crate) fn pack(
    folder: &Folder,
    relative: &Path,
    root: &str,
    writer: impl Write,
) -> Result<Tally> {
    let parts = parts(relative)?;
    let root = checked_name(OsStr::new(root), relative)?;
    let (above, name) = match parts.split_last() {
        Some((last, above)) => (above, last.clone()),
        None => (&[][..], c".".to_owned()),
    };
    let parent = folder.below(above).map_err(|errno| refused("open", relative, errno))?;
    trees::pack_entry(parent.as_fd(), &name, &root, writer)
        .map_err(|error| failed("read", relative, error))
}

/// Unpacks a foreign tar stream below `folder`: into `relative` when that is a folder, otherwise
/// as `relative` itself, whose own folder must be there.
pub(crate) fn land(
    folder: &Folder,
    relative: &Path,
    archive: impl Read,
    limits: UnpackLimits,
) -> Result<Unpacked> {
    let parts = parts(relative)?;
    let (into, root) = match folder.below(&parts) {
        Ok(into) => (into, None),
        Err(errno @ (Errno::NOENT | Errno::NOTDIR)) => {
            // With a slash at its end it was meant to be a folder that is there.
            let wants_folder = relative.as_os_str().as_bytes().ends_with(b"/");
            let split = parts.split_last().filter(|_| !wants_folder);
            let (last, above) = split.ok_or_else(|| refused("open", relative, errno))?;
            let into = folder.below(above).map_err(|errno| refused("open", relative, errno))?;
            (into, Some(last.clone()))
        }
        Err(errno) => return Err(refused("open", relative, errno)),
    };
    trees::land(archive, into.as_fd(), root, limits)
        .map_err(|error| failed("write", relative, error))
}

/// The parts of a path that must stay below its folder by its words alone.
fn parts(relative: &Path) -> Result<Vec<CString>> {
    let mut parts = Vec::new();
    for component in relative.components() {
        match component {
            Component::CurDir => {}
            Component::Normal(part) => parts.push(checked_name(part, relative)?),
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => {
                let message = format!("`{}` leads out of its folder", relative.display());
                return Err(Error::denied(message).with_hint("name something below the folder"));
            }
        }
    }
    Ok(parts)
}

fn checked_name(name: &OsStr, relative: &Path) -> Result<CString> {
    let bytes = name.as_bytes();
    match CString::new(bytes) {
        Ok(name) if !matches!(bytes, b"" | b"." | b"..") && !bytes.contains(&b'/') => Ok(name),
        _ => Err(Error::invalid(format!("`{}` is no file name", relative.display()))),
    }
}

fn refused(step: &str, path: &Path, errno: Errno) -> Error {
    let path = path.display();
    match errno {
        Errno::NOENT => Error::not_found(format!("there is no `{path}`")),
        Errno::LOOP => Error::denied(format!("a link stands in the way of `{path}`"))
            .with_hint("name the place that the link leads to"),
        Errno::XDEV => Error::denied(format!("`{path}` leads out of its folder")),
        Errno::ACCESS | Errno::PERM => Error::denied(format!("may not {step} `{path}`")),
        Errno::NOTDIR => Error::invalid(format!("a file stands in the way of `{path}`")),
        _ => Error::new(Kind::Unavailable, format!("cannot {step} `{path}`: {errno}")),
    }
}

/// Says what became of a tree, in the words of the entry that it ended at.
fn failed(step: &str, path: &Path, error: TreeError) -> Error {
    let message = match std::error::Error::source(&error) {
        Some(cause) => format!("cannot {step} `{}`: {error}: {cause}", path.display()),
        None => format!("cannot {step} `{}`: {error}", path.display()),
    };
    let kind = match (&error, error.errno().map(Errno::from_raw_os_error)) {
        (_, Some(Errno::NOENT)) => Kind::NotFound,
        (_, Some(Errno::ACCESS | Errno::PERM)) | (TreeError::Refused { .. }, _) => Kind::Denied,
        (_, Some(Errno::NOSPC | Errno::DQUOT)) | (TreeError::Limit { .. }, _) => Kind::Quota,
        (TreeError::Malformed { .. }, _) => Kind::Invalid,
        (TreeError::Moved { .. }, _) => Kind::Conflict,
        (TreeError::Kernel { .. } | TreeError::Stream { .. }, _) => Kind::Unavailable,
    };
    Error::new(kind, message).with_source(error)
}

#[cfg(test)]
mod tests;
