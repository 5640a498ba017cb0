//! Unpacks a tar stream below a folder.
//!
//! No name leads out of the folder and no link on the way is followed: each part of a path is
//! opened as a folder of its own, or made. What is neither file, folder nor link is refused, and
//! so are set-id bits. Everything belongs to whoever unpacks it, whatever the archive says.

use std::ffi::{OsStr, OsString};
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use ::tar::{Archive, Entry, EntryType};
use rustix::fs::{AtFlags, CWD, Mode, OFlags, Timespec, Timestamps};

use infield_protocol::message::{Code, Event};

use super::line::{Incoming, Line};
use super::open::quoted;
use crate::failure::{Failure, KernelFailed};

/// Entries of an archive at most.
const ENTRIES: u64 = 1_000_000;

/// Bytes of a name or a link's target, PATH_MAX.
const NAME_BYTES: usize = 4095;

/// Bytes that are copied at a time.
const COPIED_BYTES: usize = 64 << 10;

pub(super) fn archive_in(line: &mut Line, path: &str) -> Result<Event, Failure> {
    super::change::make_directory(path)?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = rustix::fs::openat(CWD, path, flags, Mode::empty()).doing(|| quoted(path))?;
    let mut archive = Archive::new(Incoming::new(line));
    let mut landing = Landing { root, last: None, count: 0, buffer: vec![0; COPIED_BYTES] };
    for entry in archive.entries().map_err(|error| broken(&error))? {
        landing.land(entry.map_err(|error| broken(&error))?)?;
    }
    let count = landing.count;
    // What is sent after the archive's end belongs to nobody, but its sender waits for its reading.
    let mut rest = archive.into_inner();
    io::copy(&mut rest, &mut io::sink()).map_err(|error| broken(&error))?;
    Ok(Event::Count(count))
}

fn broken(error: &io::Error) -> Failure {
    Failure::new(Code::Invalid, format!("the archive is broken: {error}"))
        .with_hint("send a whole tar archive, not compressed")
}

struct Landing {
    root: OwnedFd,
    /// The folder of the last entry, which the next one most likely shares.
    last: Option<(PathBuf, OwnedFd)>,
    count: u64,
    buffer: Vec<u8>,
}

impl Landing {
    fn land<R: Read>(&mut self, mut entry: Entry<'_, R>) -> Result<(), Failure> {
        let bytes = entry.path_bytes().into_owned();
        let path = inside(&bytes)?;
        let kind = entry.header().entry_type();
        if matches!(kind, EntryType::XGlobalHeader) {
            return Ok(());
        }
        self.count += 1;
        if self.count > ENTRIES {
            let message = format!("the archive has more than {ENTRIES} entries");
            return Err(Failure::new(Code::Quota, message));
        }
        let Some(name) = path.file_name().map(OsStr::to_owned) else {
            // The folder itself.
            return Ok(());
        };
        self.enter(path.parent().unwrap_or(Path::new("")))?;
        match kind {
            EntryType::Directory => self.directory(&path, &name, &entry),
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
                self.file(&path, &name, &mut entry)
            }
            EntryType::Symlink => {
                let target = link_target(&entry, &path)?;
                self.replace(&path, &name, |folder| {
                    Ok(rustix::fs::symlinkat(target.as_os_str(), folder, name.as_os_str())?)
                })
            }
            EntryType::Link => self.hard_link(&path, &name, &entry),
            _ => {
                let message = format!("{} is neither file, folder nor link", quoted(&path));
                Err(Failure::new(Code::Invalid, message).with_hint("leave it out of the archive"))
            }
        }
    }

    fn folder(&self) -> &OwnedFd {
        self.last.as_ref().map_or(&self.root, |(_, folder)| folder)
    }

    /// Opens the folder of this path, making what is missing, from the root down.
    fn enter(&mut self, path: &Path) -> Result<(), Failure> {
        if self.last.as_ref().is_some_and(|(last, _)| last == path) {
            return Ok(());
        }
        self.last = None;
        if path.as_os_str().is_empty() {
            return Ok(());
        }
        let mut folder = self.root.try_clone().doing(|| quoted(path))?;
        for part in path.components() {
            folder = open_folder(&folder, part.as_os_str()).map_err(|error| match error {
                rustix::io::Errno::LOOP | rustix::io::Errno::NOTDIR => {
                    let message = format!("{} goes through a link or a file", quoted(path));
                    Failure::new(Code::Invalid, message)
                }
                error => Failure::kernel(quoted(path), &error.into()),
            })?;
        }
        self.last = Some((path.to_owned(), folder));
        Ok(())
    }

    fn directory<R: Read>(
        &mut self,
        path: &Path,
        name: &OsStr,
        entry: &Entry<'_, R>,
    ) -> Result<(), Failure> {
        let mode = mode(entry, 0o755);
        let folder = self.folder();
        match rustix::fs::mkdirat(folder, name, mode) {
            // umask took something away.
            Ok(()) => rustix::fs::chmodat(folder, name, mode, AtFlags::empty()),
            Err(rustix::io::Errno::EXIST) => open_folder(folder, name).map(drop),
            Err(error) => Err(error),
        }
        .doing(|| quoted(path))
    }

    fn file<R: Read>(
        &mut self,
        path: &Path,
        name: &OsStr,
        entry: &mut Entry<'_, R>,
    ) -> Result<(), Failure> {
        let (mode, modified) = (mode(entry, 0o644), entry.header().mtime().unwrap_or(0));
        let mut buffer = std::mem::take(&mut self.buffer);
        let written = self.replace(path, name, |folder| {
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
            let file = rustix::fs::openat(folder, name, flags, mode)?;
            copy(entry, &file, &mut buffer)?;
            if mode.bits() & 0o022 != 0 {
                // umask took something away.
                rustix::fs::fchmod(&file, mode)?;
            }
            let seconds = i64::try_from(modified).unwrap_or(0);
            let time = Timespec { tv_sec: seconds, tv_nsec: 0 };
            let times = Timestamps { last_access: time, last_modification: time };
            Ok(rustix::fs::futimens(&file, &times)?)
        });
        self.buffer = buffer;
        written
    }

    fn hard_link<R: Read>(
        &mut self,
        path: &Path,
        name: &OsStr,
        entry: &Entry<'_, R>,
    ) -> Result<(), Failure> {
        let target = link_target(entry, path)?;
        let target = inside(target.as_bytes())?;
        let source = self.root.try_clone().doing(|| quoted(path))?;
        let mut folder = source;
        for part in target.parent().unwrap_or(Path::new("")).components() {
            folder = open_folder(&folder, part.as_os_str()).doing(|| quoted(&target))?;
        }
        let Some(old) = target.file_name() else {
            return Err(Failure::new(Code::Invalid, format!("{} links to a folder", quoted(path))));
        };
        self.replace(path, name, |new| {
            Ok(rustix::fs::linkat(&folder, old, new, name, AtFlags::empty())?)
        })
    }

    /// Makes something new; a file or link of its name gives way, a folder does not.
    fn replace(
        &self,
        path: &Path,
        name: &OsStr,
        make: impl FnOnce(&OwnedFd) -> io::Result<()>,
    ) -> Result<(), Failure> {
        let folder = self.folder();
        match rustix::fs::unlinkat(folder, name, AtFlags::empty()) {
            Ok(()) | Err(rustix::io::Errno::NOENT) => {}
            Err(rustix::io::Errno::ISDIR) => {
                let message = format!("{} is a folder here and not in the archive", quoted(path));
                return Err(Failure::new(Code::Conflict, message));
            }
            Err(error) => return Err(Failure::kernel(quoted(path), &error.into())),
        }
        make(folder).doing(|| quoted(path))
    }
}

fn open_folder(folder: &OwnedFd, name: &OsStr) -> Result<OwnedFd, rustix::io::Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match rustix::fs::openat(folder.as_fd(), name, flags, Mode::empty()) {
        Err(rustix::io::Errno::NOENT) => {
            rustix::fs::mkdirat(folder, name, Mode::from_raw_mode(0o755))?;
            rustix::fs::openat(folder, name, flags, Mode::empty())
        }
        opened => opened,
    }
}

fn copy(entry: &mut impl Read, file: &OwnedFd, buffer: &mut [u8]) -> io::Result<()> {
    loop {
        let count = entry.read(buffer)?;
        if count == 0 {
            return Ok(());
        }
        let mut rest = &buffer[..count];
        while !rest.is_empty() {
            let count = rustix::io::write(file, rest)?;
            rest = &rest[count..];
        }
    }
}

/// Permission bits without set-id and sticky ones.
fn mode<R: Read>(entry: &Entry<'_, R>, otherwise: u32) -> Mode {
    Mode::from_raw_mode(entry.header().mode().unwrap_or(otherwise) & 0o777)
}

fn link_target<R: Read>(entry: &Entry<'_, R>, path: &Path) -> Result<OsString, Failure> {
    match entry.link_name_bytes() {
        Some(target) if (1..=NAME_BYTES).contains(&target.len()) && !target.contains(&0) => {
            Ok(OsStr::from_bytes(&target).to_owned())
        }
        _ => Err(Failure::new(Code::Invalid, format!("{} links to nothing", quoted(path)))),
    }
}

/// A member's path without what does not count, when it stays inside.
fn inside(name: &[u8]) -> Result<PathBuf, Failure> {
    let path = Path::new(OsStr::from_bytes(name));
    let refused =
        || Failure::new(Code::Invalid, format!("{} leads out of the archive", quoted(path)));
    if name.len() > NAME_BYTES || name.contains(&0) {
        return Err(refused());
    }
    let mut inside = PathBuf::new();
    for part in path.components() {
        match part {
            Component::Normal(part) => inside.push(part),
            Component::CurDir => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => {
                return Err(refused());
            }
        }
    }
    Ok(inside)
}
