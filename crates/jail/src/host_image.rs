//! The built-in image `host`: the host's `/usr` below a skeleton that is made here.
//!
//! Two folders are made, once for each state of the host, by a process that is root in a user
//! namespace of the image store's ids and has no right over the host's files but that of
//! everybody:
//!
//! - `root` is the lowest layer of a sandbox's `/`: an `/etc` of our own with a few public
//!   things of the host's (the lists are in [`skeleton`] and [`borrowed`]), `/bin`, `/sbin` and
//!   `/lib*` as links into `/usr`, and the empty rest. The host's own `/etc`, `/root`, `/home`
//!   and `/var` are never a layer and never walked through.
//! - `usr-mask` lies over the host's `/usr` in the overlay that becomes the sandbox's `/usr`.
//!   It hides what must not be seen: `/usr/local` and `/usr/src` are there as empty folders, and
//!   a whiteout stands for whatever not everybody may read on the host, because inside,
//!   `root` could read it, and for pip's marker that forbids to install.
//!
//! Both overlays are mounted with `userxattr` inside the sandbox's user namespace: as
//! `lowerdir=root` and as `lowerdir=usr-mask:/usr`, each with an upper folder of its own. A
//! whiteout is a character device 0/0, which since Linux 5.8 needs no privilege to make, and an
//! opaque folder carries `user.overlay.opaque=y`; both were tried in an unprivileged user
//! namespace and hold there. Folders of `usr-mask` stand in front of the host's, so they are
//! given the same modes.
//!
//! pip's marker `EXTERNALLY-MANAGED` is hidden instead of overruled in a `pip.conf`, because
//! this also works for interpreters and installers that do not read pip's configuration.

mod borrowed;
mod fingerprint;
mod mask;
mod place;
mod skeleton;

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use self::place::Place;
use crate::trees::{TreeError, measure};

pub use fingerprint::fingerprint;
pub(crate) use skeleton::RESOLVER;

/// The folder for the lowest layer of `/`.
pub const ROOT: &str = "root";

/// The folder that lies over the host's `/usr`.
pub const USR_MASK: &str = "usr-mask";

/// What was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostImage {
    /// Bytes of the two folders on disk.
    pub size_bytes: u64,
    /// Files and folders in them.
    pub files: u64,
    /// What of the host's `/usr` is hidden, relative to it and made printable, sorted.
    pub hidden: Vec<String>,
}

/// Why the image cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum HostImageError {
    /// The host is laid out in a way that this image cannot mirror.
    #[error("this host cannot be mirrored: {reason}")]
    Unsupported {
        /// What is in the way.
        reason: String,
        /// One action that mends it.
        hint: &'static str,
    },
    /// The host's files cannot be read.
    #[error("cannot read the host's `{path}`")]
    Host {
        /// Which.
        path: String,
        /// The kernel's answer.
        #[source]
        source: Errno,
    },
    /// The image cannot be written.
    #[error("cannot write the image")]
    Write(#[from] TreeError),
}

/// Makes the image in an empty directory, from the host's root directory.
pub fn build(into: BorrowedFd<'_>) -> Result<HostImage, HostImageError> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let host = rustix::fs::open("/", flags, Mode::empty())
        .map_err(|source| HostImageError::Host { path: "/".to_owned(), source })?;
    build_from(host.as_fd(), into)
}

/// Makes the image from any root directory.
pub fn build_from(host: BorrowedFd<'_>, into: BorrowedFd<'_>) -> Result<HostImage, HostImageError> {
    let top = Place::new(into);
    let root = top.folder(ROOT, 0o755)?;
    skeleton::write(host, root.as_fd())?;
    borrowed::copy(host, root.as_fd())?;
    let usr_mask = top.folder(USR_MASK, 0o755)?;
    let hidden = mask::write(&host_folder(host, "usr")?, usr_mask.as_fd())?;
    let tally = measure(into)?;
    Ok(HostImage { size_bytes: tally.bytes, files: tally.entries, hidden })
}

/// Opens a folder of the host's, which is trusted to lead where it says.
fn host_folder(host: BorrowedFd<'_>, path: &str) -> Result<OwnedFd, HostImageError> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::openat(host, path, flags, Mode::empty())
        .map_err(|source| HostImageError::Host { path: format!("/{path}"), source })
}

#[cfg(test)]
mod tests;
