//! Our words as those of the protocol.

use infield_domain::files::{FileEntry, FileKind};
use infield_domain::{Error, GuestPath, Kind};
use russh_sftp::protocol::{File, FileAttributes, Status, StatusCode};
use russh_sftp::server::StatusReply;

/// Bits of a mode that tell what a file is, inode(7).
const DIRECTORY: u32 = 0o040_000;
const REGULAR: u32 = 0o100_000;
const LINK: u32 = 0o120_000;
const FIFO: u32 = 0o010_000;

/// An error of the engine.
pub(super) fn refusal(error: &Error) -> StatusReply {
    let code = match error.kind() {
        Kind::NotFound => StatusCode::NoSuchFile,
        Kind::Denied | Kind::Unauthenticated => StatusCode::PermissionDenied,
        Kind::Unsupported => StatusCode::OpUnsupported,
        Kind::Conflict
        | Kind::Invalid
        | Kind::Quota
        | Kind::Unavailable
        | Kind::Timeout
        | Kind::Internal => StatusCode::Failure,
    };
    code.with_message(error.message())
}

/// That something was done.
pub(super) fn done(id: u32) -> Status {
    let (error_message, language_tag) = ("Ok".to_owned(), "en-US".to_owned());
    Status { id, status_code: StatusCode::Ok, error_message, language_tag }
}

/// What is known of a file.
pub(super) fn attributes(entry: &FileEntry) -> FileAttributes {
    let kind = match entry.kind {
        FileKind::File => REGULAR,
        FileKind::Directory => DIRECTORY,
        FileKind::Symlink => LINK,
        FileKind::Other => FIFO,
    };
    let seconds = u32::try_from(entry.modified_at / 1_000).unwrap_or(u32::MAX);
    FileAttributes {
        size: Some(entry.size),
        uid: Some(entry.uid),
        gid: Some(entry.gid),
        permissions: Some(kind | entry.mode & 0o7777),
        atime: Some(seconds),
        mtime: Some(seconds),
        ..FileAttributes::empty()
    }
}

/// An entry of a folder.
pub(super) fn file(entry: &FileEntry) -> File {
    let name = entry.path.rsplit('/').next().unwrap_or_default();
    File::new(name, attributes(entry))
}

/// A path from the root on, without `.` and `..`, as realpath(3) makes one of names that are no
/// links. Nothing is looked at: the sandbox resolves what comes of it.
pub(super) fn absolute(folder: &GuestPath, path: &str) -> String {
    let whole = if path.starts_with('/') { path.to_owned() } else { format!("{folder}/{path}") };
    let mut parts = Vec::new();
    for part in whole.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

#[cfg(test)]
mod tests;
