//! Unpacks archives that a stranger made, beneath an open directory.
//!
//! Two places take archives: an image in the store, where everything is as the archive says as
//! far as it can do no harm, and a folder of the host's, where what comes out is plain files of
//! the caller's own. In both, each name is opened part by part beneath the directory without
//! following links, also those that the archive made itself, and what is written replaces a name
//! but never goes through one.
//!
//! No set-id bit is kept on a file. In the store it would be about an id of the range that the
//! store's ids are shifted by, and in a sandbox the mount is `nosuid` and its processes have no
//! new privileges, so the bit could do nothing but wait for a mistake. On a folder the bit only
//! hands the group down; it stays in an image.

mod left_out;
mod parents;
mod placing;

use std::ffi::CString;
use std::io::{BufRead, BufReader, Read};
use std::os::fd::BorrowedFd;

use flate2::bufread::MultiGzDecoder;

use self::placing::Placing;
use super::archive::Archive;
use super::error::{Result, TreeError};

/// What an archive may hold at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnpackLimits {
    /// Bytes of all files, uncompressed.
    pub bytes: u64,
    /// Names, also those of folders that only stand above others.
    pub entries: u64,
}

/// What was unpacked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unpacked {
    /// Bytes of all files.
    pub size_bytes: u64,
    /// Names that were made.
    pub files: u64,
    /// What was left out or changed, a line for each kind.
    pub left_out: Vec<String>,
}

/// Which place the archive goes to.
pub(crate) enum Rules {
    /// The image store: owners, modes and ordinary attributes are kept.
    Image,
    /// A folder of the host's: content, and whether it is a program.
    Folder {
        /// Stands for the first part of every name.
        root: Option<CString>,
    },
}

/// Unpacks a root file system, plain or gzipped, into an empty directory of the image store.
///
/// On an error the directory holds a part, which the caller removes.
pub fn unpack(archive: impl Read, into: BorrowedFd<'_>, limits: UnpackLimits) -> Result<Unpacked> {
    run(archive, into, limits, Rules::Image)
}

/// Unpacks a tree that came out of a sandbox into a folder of the host's, with the caller's own
/// rights. Existing files are replaced, each in one step, and existing folders are used. When
/// `root` is given it stands for the first part of every name.
///
/// Links that lead out of the tree, devices, pipes and owners are left out.
pub fn land(
    archive: impl Read,
    into: BorrowedFd<'_>,
    root: Option<CString>,
    limits: UnpackLimits,
) -> Result<Unpacked> {
    run(archive, into, limits, Rules::Folder { root })
}

fn run(
    archive: impl Read,
    into: BorrowedFd<'_>,
    limits: UnpackLimits,
    rules: Rules,
) -> Result<Unpacked> {
    // Headers count as well: eight blocks for each entry are more than any archiver writes.
    let stream_bytes = limits.bytes.saturating_add(limits.entries.saturating_mul(8 * 512));
    let mut archive = Archive::new(plain(archive)?, stream_bytes);
    let mut placing = Placing::new(into, limits, rules)?;
    while let Some(member) = archive.next()? {
        placing.place(&mut archive, member)?;
    }
    archive.drain()?;
    placing.finish()
}

/// Takes gzip off. Nearly every root file system that is handed around is gzipped, and whoever
/// unpacks is the one process that has nothing to lose by reading a hostile stream.
fn plain<'a>(archive: impl Read + 'a) -> Result<Box<dyn Read + 'a>> {
    let mut buffered = BufReader::with_capacity(64 << 10, archive);
    let start = buffered
        .fill_buf()
        .map_err(|source| TreeError::Stream { name: "the first entry".to_owned(), source })?;
    let refused = |reason| TreeError::Malformed { name: "the first entry".to_owned(), reason };
    match start {
        [0x1f, 0x8b, ..] => Ok(Box::new(MultiGzDecoder::new(buffered))),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => {
            Err(refused("it is compressed with zstd: take that off first, `zstd -d`"))
        }
        [0xfd, b'7', b'z', b'X', b'Z', ..] => {
            Err(refused("it is compressed with xz: take that off first, `xz -d`"))
        }
        [b'B', b'Z', b'h', ..] => {
            Err(refused("it is compressed with bzip2: take that off first, `bzip2 -d`"))
        }
        _ => Ok(Box::new(buffered)),
    }
}

#[cfg(test)]
mod tests;
