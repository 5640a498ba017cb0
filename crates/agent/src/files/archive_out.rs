//! A tree as a tar stream. Links are told and not followed; what is neither file, folder nor
//! link is left out. The walk goes from one open folder to the next, so that a guest who swaps
//! a folder for a link meanwhile leads it nowhere.

use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat};

use infield_protocol::message::{Code, Event};

use super::line::Line;
use super::open::quoted;
use super::tar::{self, Kind, Member};
use crate::failure::{Failure, KernelFailed};

/// Folders within folders; each of them is an open descriptor.
const DEPTH: usize = 200;

/// Bytes that are gathered before they are sent.
const GATHERED_BYTES: usize = 64 << 10;

pub(super) fn archive_out(line: &mut Line, path: &str) -> Result<Event, Failure> {
    let whole = Path::new(path);
    let stat = rustix::fs::statat(CWD, whole, AtFlags::SYMLINK_NOFOLLOW).doing(|| quoted(path))?;
    let name = match whole.file_name() {
        Some(name) => name.as_bytes().to_vec(),
        // `/` and what ends with `..` have no name of their own.
        None => b"root".to_vec(),
    };
    line.say(&Event::Started)?;
    let mut packing = Packing { line, out: Vec::new(), name };
    packing.member(CWD, whole.as_os_str(), &stat, DEPTH)?;
    tar::end(&mut packing.out);
    packing.send()?;
    Ok(Event::Done)
}

struct Packing<'a> {
    line: &'a mut Line,
    out: Vec<u8>,
    /// The path of the present member in the archive.
    name: Vec<u8>,
}

impl Packing<'_> {
    fn member(
        &mut self,
        folder: BorrowedFd<'_>,
        name: &OsStr,
        stat: &Stat,
        depth: usize,
    ) -> Result<(), Failure> {
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => self.directory(folder, name, stat, depth),
            FileType::RegularFile => self.file(folder, name, stat),
            FileType::Symlink => {
                // Gone or changed since it was looked at.
                let Ok(target) = rustix::fs::readlinkat(folder, name, Vec::new()) else {
                    return Ok(());
                };
                self.header(Kind::Symlink, stat, 0, target.as_bytes());
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn directory(
        &mut self,
        folder: BorrowedFd<'_>,
        name: &OsStr,
        stat: &Stat,
        depth: usize,
    ) -> Result<(), Failure> {
        if depth == 0 {
            let message = format!("{} has more than {DEPTH} folders in each other", self.shown());
            return Err(Failure::new(Code::Quota, message).with_hint("take a folder further in"));
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let opened = match rustix::fs::openat(folder, name, flags, Mode::empty()) {
            Ok(opened) => opened,
            Err(error) => return self.missing(error),
        };
        let length = self.name.len();
        self.name.push(b'/');
        self.header(Kind::Directory, stat, 0, b"");
        let entries = Dir::read_from(&opened).doing(|| self.shown())?;
        for entry in entries {
            let entry = entry.doing(|| self.shown())?;
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            if name == "." || name == ".." {
                continue;
            }
            self.line.step()?;
            let flags = AtFlags::SYMLINK_NOFOLLOW;
            let Ok(stat) = rustix::fs::statat(&opened, name, flags) else { continue };
            let before = self.name.len();
            self.name.extend_from_slice(name.as_bytes());
            self.member(opened.as_fd(), name, &stat, depth - 1)?;
            self.name.truncate(before);
            self.send_much()?;
        }
        self.name.truncate(length);
        Ok(())
    }

    fn file(&mut self, folder: BorrowedFd<'_>, name: &OsStr, stat: &Stat) -> Result<(), Failure> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file: OwnedFd = match rustix::fs::openat(folder, name, flags, Mode::empty()) {
            Ok(file) => file,
            Err(error) => return self.missing(error),
        };
        let size = u64::try_from(stat.st_size).unwrap_or(0);
        self.header(Kind::File, stat, size, b"");
        let mut left = size;
        while left > 0 {
            let length = usize::try_from(left).unwrap_or(usize::MAX).min(GATHERED_BYTES);
            let at = self.out.len();
            self.out.resize(at + length, 0);
            let count = rustix::io::read(&file, &mut self.out[at..]).doing(|| self.shown())?;
            // The header promised `size` bytes: a file that shrank is filled up with zeros.
            let count = if count == 0 { length } else { count };
            self.out.truncate(at + count);
            left -= count as u64;
            self.send_much()?;
        }
        tar::pad(size, &mut self.out);
        Ok(())
    }

    fn header(&mut self, kind: Kind, stat: &Stat, size: u64, target: &[u8]) {
        let member = Member {
            name: &self.name,
            kind,
            mode: stat.st_mode & 0o7777,
            uid: stat.st_uid,
            gid: stat.st_gid,
            size,
            modified: stat.st_mtime,
            target,
        };
        tar::header(&member, &mut self.out);
    }

    /// What is gone since its folder was read, or changed to something else, is left out; what
    /// may not be read is an error, for a tree without it would look whole.
    fn missing(&self, error: rustix::io::Errno) -> Result<(), Failure> {
        use rustix::io::Errno;
        match error {
            Errno::NOENT | Errno::LOOP | Errno::NOTDIR | Errno::NXIO => Ok(()),
            error => Err(Failure::kernel(self.shown(), &error.into())),
        }
    }

    fn shown(&self) -> String {
        quoted(OsStr::from_bytes(&self.name))
    }

    fn send_much(&mut self) -> Result<(), Failure> {
        if self.out.len() < GATHERED_BYTES { Ok(()) } else { self.send() }
    }

    fn send(&mut self) -> Result<(), Failure> {
        let out = std::mem::take(&mut self.out);
        self.line.data(&out)?;
        self.out = out;
        self.out.clear();
        Ok(())
    }
}
