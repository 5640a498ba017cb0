//! The data directory: where it is, that it is ours alone, and what is in it.
//!
//! `--home DIR`, else `INFIELD_HOME` (clap reads both), else `$XDG_DATA_HOME/infield`, or
//! `/var/lib/infield` for root. Nobody else may enter it: everything that a sandbox keeps is
//! below it, and whoever reaches the socket in it rules the daemon. When root runs infield the
//! directory belongs to the daemon's account, and root writes into it as into a stranger's:
//! through a descriptor, never following a link.

use std::ffi::OsString;
use std::fs::DirBuilder;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use infield_domain::{Error, Result};
use rustix::fs::{FileType, FlockOperation, Mode, OFlags, Stat};
use rustix::io::Errno;

/// The name of the socket in the home.
pub(crate) const SOCKET: &str = "infield.sock";
/// The name of the log of a daemon in the background.
pub(crate) const LOG: &str = "log";
/// The name of the file that a keeper locks.
const LOCK: &str = "lock";

/// A data directory, by its absolute path. It may not exist yet.
#[derive(Clone, Debug)]
pub(crate) struct Home {
    path: PathBuf,
}

/// Who may own an open home.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Owner {
    /// The user that starts infield.
    pub(crate) operator: u32,
    /// The daemon's account, where it is another one.
    pub(crate) daemon: u32,
}

/// Whose usual home is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum User {
    Root,
    Other,
}

impl User {
    fn own() -> Self {
        if rustix::process::geteuid().is_root() { Self::Root } else { Self::Other }
    }
}

impl Home {
    /// Finds the home that was named, or the usual one.
    pub(crate) fn resolve(given: Option<&Path>) -> Result<Self> {
        let path = match given {
            Some(path) if path.as_os_str().is_empty() => {
                return Err(Error::invalid("the home is an empty path")
                    .with_hint("name a directory with `--home DIR`, or unset `INFIELD_HOME`"));
            }
            Some(path) => path.to_owned(),
            None => usual(User::own(), |name| std::env::var_os(name))?,
        };
        let path = std::path::absolute(&path)
            .map_err(|error| Error::invalid("the home has no absolute path").with_source(error))?;
        Ok(Self { path })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The daemon's socket.
    pub(crate) fn socket(&self) -> PathBuf {
        self.path.join(SOCKET)
    }

    /// The log of a daemon in the background.
    pub(crate) fn log(&self) -> PathBuf {
        self.path.join(LOG)
    }

    /// Whether a keeper has it.
    pub(crate) fn is_locked(&self) -> bool {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let Ok(lock) = rustix::fs::open(self.path.join(LOCK), flags, Mode::empty()) else {
            return false;
        };
        rustix::fs::flock(&lock, FlockOperation::NonBlockingLockShared) == Err(Errno::WOULDBLOCK)
    }

    /// Opens it, made first when it is missing, and checks that it is `owner`'s alone. A new one,
    /// and one of the operator's, is handed to the daemon's account.
    pub(crate) fn open(&self, owner: Owner) -> Result<OwnedFd> {
        let shown = self.path.display();
        self.make().map_err(|error| {
            Error::invalid(format!("the home `{shown}` cannot be made: {error}"))
                .with_hint("choose a directory that you may write with `--home DIR`")
        })?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let directory = rustix::fs::open(&self.path, flags, Mode::empty()).map_err(|errno| {
            let error = match errno {
                Errno::LOOP | Errno::NOTDIR => {
                    Error::invalid(format!("the home `{shown}` is a link or no directory"))
                }
                _ => Error::invalid(format!("the home `{shown}` cannot be opened: {errno}")),
            };
            error.with_hint("name the directory itself with `--home DIR`")
        })?;
        let broken = |errno: Errno| {
            Error::internal(format!("the home `{shown}` cannot be looked at")).with_source(errno)
        };
        check_owner(&self.path, &rustix::fs::fstat(&directory).map_err(broken)?, owner)?;
        if owner.daemon != owner.operator {
            let (user, group) =
                (rustix::fs::Uid::from_raw(owner.daemon), rustix::fs::Gid::from_raw(owner.daemon));
            rustix::fs::fchown(&directory, Some(user), Some(group)).map_err(broken)?;
        }
        Ok(directory)
    }

    fn make(&self) -> io::Result<()> {
        if let Some(parent) = self.path.parent() {
            DirBuilder::new().recursive(true).mode(0o755).create(parent)?;
        }
        match DirBuilder::new().mode(0o700).create(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            made => made,
        }
    }
}

/// Takes the home for one keeper; the lock lasts as long as the descriptor.
pub(crate) fn lock(directory: impl AsFd) -> io::Result<Option<OwnedFd>> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = rustix::fs::openat(directory, LOCK, flags, Mode::RUSR | Mode::WUSR)?;
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(file)),
        Err(Errno::WOULDBLOCK) => Ok(None),
        Err(errno) => Err(errno.into()),
    }
}

/// Opens the log for appending, in a directory that may be a stranger's: a name that is not a
/// plain file with this one name is removed first, because root writes to it.
pub(crate) fn open_log(directory: impl AsFd) -> io::Result<OwnedFd> {
    let flags =
        OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let open = || rustix::fs::openat(&directory, LOG, flags, Mode::RUSR | Mode::WUSR);
    if let Ok(file) = open()
        && is_plain(&rustix::fs::fstat(&file)?)
    {
        return Ok(file);
    }
    rustix::fs::unlinkat(&directory, LOG, rustix::fs::AtFlags::empty())?;
    let file = rustix::fs::openat(&directory, LOG, flags | OFlags::EXCL, Mode::RUSR | Mode::WUSR)?;
    Ok(file)
}

fn is_plain(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile && stat.st_nlink == 1
}

fn usual(user: User, variable: impl Fn(&str) -> Option<OsString>) -> Result<PathBuf> {
    if user == User::Root {
        return Ok(PathBuf::from("/var/lib/infield"));
    }
    // The XDG base directory specification: a relative path is invalid and ignored.
    let absolute = |name: &str| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let data = absolute("XDG_DATA_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/share")));
    data.map(|data| data.join("infield")).ok_or_else(|| {
        Error::invalid("no home is known: neither `XDG_DATA_HOME` nor `HOME` is set")
            .with_hint("name a directory with `--home DIR`")
    })
}

fn check_owner(path: &Path, stat: &Stat, owner: Owner) -> Result<()> {
    let shown = path.display();
    if ![owner.operator, owner.daemon].contains(&stat.st_uid) {
        return Err(Error::denied(format!(
            "the home `{shown}` belongs to the user {}, not to {} or the daemon's account {}",
            stat.st_uid, owner.operator, owner.daemon
        ))
        .with_hint("choose another directory with `--home DIR`"));
    }
    if stat.st_mode & 0o077 != 0 {
        return Err(Error::denied(format!(
            "others may enter the home `{shown}` (mode {:o})",
            stat.st_mode & 0o7777
        ))
        .with_hint(format!("run `chmod 700 {shown}` if nobody could have put anything there")));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
