//! Opening what may be anything, without waiting for it.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use infield_protocol::message::{Code, FileEntry, FileKind};

use crate::failure::{Failure, KernelFailed};

/// A path in backticks, for messages.
pub(super) fn quoted(path: impl AsRef<Path>) -> String {
    format!("`{}`", path.as_ref().display())
}

/// Opens a regular file to read it. Pipes, sockets and devices are refused.
pub(super) fn regular(path: &str) -> Result<(File, Metadata), Failure> {
    // O_NONBLOCK keeps the opening of a pipe from waiting for its writer, fifo(7).
    let flags = libc::O_NONBLOCK | libc::O_NOCTTY | libc::O_CLOEXEC;
    let file = File::options().read(true).custom_flags(flags).open(path).doing(|| quoted(path))?;
    let metadata = file.metadata().doing(|| quoted(path))?;
    check_regular(path, &metadata)?;
    Ok((file, metadata))
}

/// Refuses what is no regular file.
pub(super) fn check_regular(path: &str, metadata: &Metadata) -> Result<(), Failure> {
    if metadata.is_file() {
        return Ok(());
    }
    if metadata.is_dir() {
        let message = format!("{} is a folder", quoted(path));
        return Err(Failure::new(Code::Invalid, message).with_hint("list it instead"));
    }
    let message = format!("{} is not a regular file", quoted(path));
    Err(Failure::new(Code::Unsupported, message).with_hint("use a command to work with it"))
}

/// What is told of a file, under this name.
pub(super) fn entry(name: String, path: &Path, metadata: &Metadata) -> FileEntry {
    let kind = kind(metadata);
    let target = match kind {
        // A link that is gone meanwhile has no target to tell.
        FileKind::Symlink => std::fs::read_link(path).ok(),
        FileKind::File | FileKind::Directory | FileKind::Other => None,
    };
    let seconds = u64::try_from(metadata.mtime()).unwrap_or(0);
    let milliseconds = u64::try_from(metadata.mtime_nsec() / 1_000_000).unwrap_or(0);
    FileEntry {
        path: name,
        kind,
        size: metadata.len(),
        mode: metadata.permissions().mode() & 0o7777,
        uid: metadata.uid(),
        gid: metadata.gid(),
        modified_at: seconds.saturating_mul(1000).saturating_add(milliseconds),
        target: target.map(|target| target.to_string_lossy().into_owned()),
    }
}

pub(super) fn kind(metadata: &Metadata) -> FileKind {
    let kind = metadata.file_type();
    match () {
        () if kind.is_file() => FileKind::File,
        () if kind.is_dir() => FileKind::Directory,
        () if kind.is_symlink() => FileKind::Symlink,
        () => FileKind::Other,
    }
}

/// Makes the folders above a path.
pub(super) fn make_parents(path: &str) -> Result<(), Failure> {
    let Some(parent) = Path::new(path).parent() else { return Ok(()) };
    std::fs::create_dir_all(parent).map_err(|error| match error.kind() {
        // What std says of a file in the way is that it exists.
        io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => {
            let message = format!("part of {} is a file and no folder", quoted(path));
            Failure::new(Code::Invalid, message)
        }
        _ => Failure::kernel(quoted(parent), &error),
    })
}
