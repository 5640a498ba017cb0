//! Writes a file: by one rename, at its end, or only when there is none.

use std::fs::{File, Metadata, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use infield_protocol::message::{Code, Event, WriteMode};

use super::line::Line;
use super::open::{check_regular, entry, make_parents, quoted};
use crate::failure::{Failure, KernelFailed};

/// Permission bits of a file that nobody said anything about.
const ORDINARY: u32 = 0o644;

/// Links that are followed, as many as the kernel does, path_resolution(7).
const LINKS: usize = 40;

pub(super) fn write(
    line: &mut Line,
    path: &str,
    mode: WriteMode,
    permissions: Option<u32>,
) -> Result<Event, Failure> {
    check_permissions(permissions)?;
    make_parents(path)?;
    let metadata = match mode {
        WriteMode::Replace => replace(path, permissions, |file| pour(line, file, path))?,
        WriteMode::Append => {
            let file = open(path, permissions, File::options().append(true).create(true))?;
            pour(line, &file, path)?;
            file.metadata().doing(|| quoted(path))?
        }
        WriteMode::New => new(line, path, permissions)?,
    };
    Ok(Event::Entry(entry(path.to_owned(), Path::new(path), &metadata)))
}

/// Refuses set-id bits.
pub(super) fn check_permissions(permissions: Option<u32>) -> Result<(), Failure> {
    if permissions.is_some_and(|bits| bits & !0o777 != 0) {
        let message = "permissions have no set-id or sticky bits, and nothing above `777`";
        return Err(Failure::new(Code::Invalid, message));
    }
    Ok(())
}

fn open(
    path: &str,
    permissions: Option<u32>,
    how: &mut std::fs::OpenOptions,
) -> Result<File, Failure> {
    // O_NONBLOCK keeps the opening of a pipe from waiting for its reader, fifo(7).
    let flags = libc::O_NONBLOCK | libc::O_NOCTTY | libc::O_CLOEXEC;
    let file = how.mode(permissions.unwrap_or(ORDINARY)).custom_flags(flags).open(path);
    let file = file.doing(|| quoted(path))?;
    check_regular(path, &file.metadata().doing(|| quoted(path))?)?;
    Ok(file)
}

fn pour(line: &mut Line, mut file: &File, path: &str) -> Result<(), Failure> {
    while let Some(bytes) = line.input().doing(|| "receive the content")? {
        file.write_all(&bytes).doing(|| quoted(path))?;
    }
    Ok(())
}

/// A new file that does not come whole does not stay.
fn new(line: &mut Line, path: &str, permissions: Option<u32>) -> Result<Metadata, Failure> {
    let file = open(path, permissions, File::options().write(true).create_new(true))?;
    let written = pour(line, &file, path).and_then(|()| file.metadata().doing(|| quoted(path)));
    if written.is_err() {
        discard(Path::new(path));
    }
    written
}

/// Fills a new file beside the old one and renames it over. Through links, as an editor would;
/// mode and owner stay as they are.
pub(super) fn replace(
    path: &str,
    permissions: Option<u32>,
    fill: impl FnOnce(&File) -> Result<(), Failure>,
) -> Result<Metadata, Failure> {
    let target = target(path)?;
    let old = match std::fs::symlink_metadata(&target) {
        Ok(metadata) => {
            check_regular(path, &metadata)?;
            Some(metadata)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(Failure::kernel(quoted(path), &error)),
    };
    let (file, temporary) = beside(&target).doing(|| quoted(path))?;
    let filled = fill(&file).and_then(|()| {
        let finish = || -> io::Result<Metadata> {
            dress(&file, old.as_ref(), permissions)?;
            std::fs::rename(&temporary, &target)?;
            file.metadata()
        };
        finish().doing(|| quoted(path))
    });
    if filled.is_err() {
        discard(&temporary);
    }
    filled
}

/// Where a path leads, through links, as open(2) with O_CREAT goes; what is not there yet is taken
/// as it is.
fn target(path: &str) -> Result<PathBuf, Failure> {
    let mut target = PathBuf::from(path);
    for _ in 0..LINKS {
        match std::fs::symlink_metadata(&target) {
            Ok(metadata) if metadata.is_symlink() => {}
            _ => return Ok(target),
        }
        let leads = std::fs::read_link(&target).doing(|| quoted(path))?;
        target = target.parent().unwrap_or(Path::new("/")).join(leads);
    }
    let message = format!("{} leads through more than {LINKS} links", quoted(path));
    Err(Failure::new(Code::Invalid, message))
}

/// A new file of a name of its own in the same folder.
fn beside(target: &Path) -> io::Result<(File, PathBuf)> {
    let folder = target.parent().ok_or(io::ErrorKind::InvalidFilename)?;
    // The process's own number tells it from other workers; a counter from what old ones left.
    let own = std::process::id();
    for attempt in 0..1000 {
        let path = folder.join(format!(".infield-{own}-{attempt}.tmp"));
        match File::options().write(true).create_new(true).mode(0o600).open(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            opened => return opened.map(|file| (file, path)),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

fn dress(file: &File, old: Option<&Metadata>, permissions: Option<u32>) -> io::Result<()> {
    let Some(old) = old else {
        return file.set_permissions(Permissions::from_mode(permissions.unwrap_or(ORDINARY)));
    };
    // First the owner, whose change takes set-id bits away.
    std::os::unix::fs::fchown(file, Some(old.uid()), Some(old.gid()))?;
    let mode = permissions.unwrap_or(old.mode() & 0o7777);
    file.set_permissions(Permissions::from_mode(mode))
}

/// Takes away what was begun. When even that fails, a file of a telling name stays.
fn discard(path: &Path) {
    let _removed = std::fs::remove_file(path);
}
