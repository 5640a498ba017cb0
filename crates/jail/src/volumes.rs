//! The folder of a volume on disk, and the way to a folder in it.
//!
//! ```text
//! volumes/ID/record   the range of ids, and the limits; there before anything has such an id
//! volumes/ID/data     the volume's root; whoever has the volume writes what is below
//! ```
//!
//! What is below `data` was made by hostile code, which may go on changing it meanwhile. So a way
//! into it is gone one name at a time, from open folder to open folder, never by a link, and what
//! was reached is held open until it is mounted: whatever is put in the place of a name afterwards
//! changes nothing.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, Gid, Mode, OFlags, Uid};
use rustix::io::Errno;

use crate::folders;
use crate::request::VolumeLimits;

/// The folder with what the volume holds.
pub(crate) const DATA: &str = "data";
/// The file with what is known of it.
pub(crate) const RECORD: &str = "record";

const HEAD: &str = "infield volume 1";

/// Every user of a sandbox may write into a volume: who may have it is decided by its owner.
const OPEN_TO_ALL: u32 = 0o777;

/// What outlives the launcher of a volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Volume {
    /// The first id of the range that its files have on disk.
    pub(crate) range: u32,
    /// What it may hold.
    pub(crate) limits: VolumeLimits,
}

impl Volume {
    /// The text on disk.
    pub(crate) fn encode(&self) -> String {
        let VolumeLimits { bytes, inodes } = self.limits;
        format!("{HEAD}\nrange={}\nbytes={bytes}\ninodes={inodes}\nend=\n", self.range)
    }

    /// Reads the text back; none when it is cut short or not a record.
    pub(crate) fn decode(text: &str) -> Option<Self> {
        let body = text.strip_prefix(HEAD)?;
        let get = |key: &str| {
            let mut pairs = body.lines().filter_map(|line| line.split_once('='));
            pairs.find(|(name, _)| *name == key).map(|(_, value)| value)
        };
        get("end")?;
        let limits = VolumeLimits {
            bytes: get("bytes")?.parse().ok()?,
            inodes: get("inodes")?.parse().ok()?,
        };
        Some(Self { range: get("range")?.parse().ok()?, limits })
    }
}

/// Makes the root of a volume in its folder, or completes what a launcher that was killed began.
pub(crate) fn make_root(volume: BorrowedFd<'_>, owner: Option<u32>) -> io::Result<()> {
    make_open(volume, DATA)?;
    match owner {
        // A name in a folder of the launcher's own: nobody else can put another in its place.
        Some(_) if owned_by_launcher(volume, DATA)? => give(volume, DATA, owner),
        Some(_) | None => Ok(()),
    }
}

/// Goes from the root of a volume to the folder at `subpath`, and makes what is missing for
/// `owner`, who is the caller if there is none.
pub(crate) fn descend(root: OwnedFd, subpath: &str, owner: Option<u32>) -> io::Result<OwnedFd> {
    let mut folder = root;
    for name in subpath.split('/').filter(|name| !name.is_empty()) {
        folder = match step_into(folder.as_fd(), name) {
            Err(Errno::NOENT) => make_step(folder.as_fd(), name, owner)?,
            next => next.map_err(explained)?,
        };
    }
    Ok(folder)
}

/// Opens a folder of a volume, for nothing but to go on from it.
pub(crate) fn step_into(folder: BorrowedFd<'_>, name: &str) -> rustix::io::Result<OwnedFd> {
    folders::open(folder, name, OFlags::PATH | OFlags::DIRECTORY)
}

fn make_step(parent: BorrowedFd<'_>, name: &str, owner: Option<u32>) -> io::Result<OwnedFd> {
    make_open(parent, name)?;
    let made = step_into(parent, name).map_err(explained)?;
    // Somebody may have put another folder of the volume there, which keeps its owner.
    if owner.is_some() && owned_by_launcher(made.as_fd(), "")? {
        give(made.as_fd(), "", owner)?;
    }
    Ok(made)
}

fn make_open(parent: BorrowedFd<'_>, name: &str) -> io::Result<()> {
    // Its mode has to be right at once: a folder that is only named cannot be given one later.
    let mask = rustix::process::umask(Mode::empty());
    let made = folders::make_folder(parent, name, OPEN_TO_ALL);
    rustix::process::umask(mask);
    Ok(made?)
}

fn owned_by_launcher(folder: BorrowedFd<'_>, name: &str) -> io::Result<bool> {
    let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::EMPTY_PATH;
    let stat = rustix::fs::statat(folder, name, flags)?;
    Ok(stat.st_uid == rustix::process::geteuid().as_raw())
}

fn give(folder: BorrowedFd<'_>, name: &str, owner: Option<u32>) -> io::Result<()> {
    let (user, group) = (owner.map(Uid::from_raw), owner.map(Gid::from_raw));
    let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::EMPTY_PATH;
    Ok(rustix::fs::chownat(folder, name, user, group, flags)?)
}

/// What a way into a volume or to its place cannot go over.
pub(crate) const IN_THE_WAY: &str = "something that is no folder, such as a link, is in its way";

/// Says what the kernel's numbers mean on such a way.
pub(crate) fn explained(error: Errno) -> io::Error {
    match error {
        Errno::LOOP | Errno::NOTDIR | Errno::XDEV => io::Error::other(IN_THE_WAY),
        other => other.into(),
    }
}

#[cfg(test)]
mod tests;
