//! Puts one member after the other into its place.

mod giving;
mod links;

use std::collections::HashSet;
use std::ffi::{CStr, CString};
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Timespec, Timestamps, UTIME_OMIT};
use rustix::io::Errno;

use super::left_out::LeftOut;
use super::parents::Parents;
use super::{Rules, UnpackLimits, Unpacked};
use crate::defence::{Defence, Without};
use crate::trees::archive::{Archive, Kind, Member};
use crate::trees::beneath::{self, WITHIN};
use crate::trees::error::{Result, TreeError};
use crate::trees::names::{Name, join, link_leaves_root, link_stays};

/// Bytes read and written at once.
const BUFFER_BYTES: usize = 128 << 10;

pub(super) struct Placing<'a> {
    parents: Parents<'a>,
    limits: UnpackLimits,
    rules: Rules,
    /// Whether what a folder of the host's must not get is left out; always, but in tests.
    is_guarded: bool,
    /// The files that came out of this archive: only to them may hard links be made.
    made: HashSet<(u64, u64)>,
    waiting: Vec<giving::Waiting>,
    waiting_bytes: usize,
    left_out: LeftOut,
    bytes: u64,
    entries: u64,
    temporary: u64,
    buffer: Vec<u8>,
}

impl<'a> Placing<'a> {
    pub(super) fn new(into: BorrowedFd<'a>, limits: UnpackLimits, rules: Rules) -> Result<Self> {
        let mode = match rules {
            Rules::Image => 0o755,
            Rules::Folder { .. } => 0o777,
        };
        Ok(Self {
            parents: Parents::new(into, Mode::from_raw_mode(mode))?,
            limits,
            rules,
            is_guarded: Without::from_environment().keeps(Defence::Landing),
            made: HashSet::new(),
            waiting: Vec::new(),
            waiting_bytes: 0,
            left_out: LeftOut::default(),
            bytes: 0,
            entries: 0,
            temporary: 0,
            buffer: vec![0; BUFFER_BYTES],
        })
    }

    pub(super) fn place<R: Read>(
        &mut self,
        archive: &mut Archive<R>,
        member: Member,
    ) -> Result<()> {
        let name = self.name(&member.name)?;
        self.left_out.absolute += u64::from(name.was_absolute);
        let Some(last) = name.last() else {
            return self.top(&member);
        };
        let is_kept = self.is_kept(&member, &name);
        if !is_kept {
            return Ok(());
        }
        self.count(&member)?;
        match member.kind {
            Kind::Directory => self.directory(&name, last, &member),
            Kind::File => self.file(archive, &name, last, &member),
            Kind::Symlink => self.symlink(&name, last, &member),
            Kind::HardLink => self.hard_link(&name, last, &member),
            Kind::Fifo => self.pipe(&name, last, &member),
            Kind::Device => Ok(()),
        }
    }

    pub(super) fn finish(self) -> Result<Unpacked> {
        self.give_what_waited()?;
        Ok(Unpacked {
            size_bytes: self.bytes,
            files: self.entries + self.parents.made,
            left_out: self.left_out.lines(),
        })
    }

    /// The checked name, with its first part exchanged when that was asked for.
    fn name(&self, bytes: &[u8]) -> Result<Name> {
        let name = Name::parse(bytes)?;
        Ok(match &self.rules {
            Rules::Folder { root: Some(root) } => name.with_root(root),
            Rules::Folder { root: None } | Rules::Image => name,
        })
    }

    /// Whether a link leads out of the image, or out of the tree in a folder. The tree is what
    /// lies below the first part of the names, so its top is one level below the folder.
    fn leads_out(&self, target: &[u8], name: &Name) -> bool {
        let depth = name.above().len();
        match self.rules {
            Rules::Image => link_leaves_root(target, depth),
            Rules::Folder { .. } => {
                depth.checked_sub(1).is_none_or(|depth| !link_stays(target, depth))
            }
        }
    }

    /// Decides what is left out, and counts it.
    fn is_kept(&mut self, member: &Member, name: &Name) -> bool {
        let is_folder = matches!(self.rules, Rules::Folder { .. });
        if is_folder && !self.is_guarded {
            return member.kind != Kind::Device;
        }
        let count = match member.kind {
            Kind::Device => &mut self.left_out.devices,
            Kind::Fifo if is_folder => &mut self.left_out.pipes,
            Kind::Symlink if self.leads_out(&member.link, name) => &mut self.left_out.links_out,
            Kind::File | Kind::Directory | Kind::Symlink | Kind::HardLink | Kind::Fifo => {
                return true;
            }
        };
        *count += 1;
        false
    }

    fn count(&mut self, member: &Member) -> Result<()> {
        let limit = |limit, unit| TreeError::Limit {
            name: crate::trees::error::printable(&member.name),
            limit,
            unit,
        };
        self.entries += 1;
        if self.entries + self.parents.made > self.limits.entries {
            return Err(limit(self.limits.entries, "entries"));
        }
        self.bytes = self.bytes.saturating_add(member.stored);
        // The length that a file with holes claims is bounded like its content: programs that
        // read it later read the holes too.
        let length = member.sparse.as_ref().map_or(member.stored, |sparse| sparse.length);
        if self.bytes > self.limits.bytes || length > self.limits.bytes {
            return Err(limit(self.limits.bytes, "bytes"));
        }
        Ok(())
    }

    /// The root of the archive itself.
    fn top(&mut self, member: &Member) -> Result<()> {
        if member.kind != Kind::Directory {
            return Err(TreeError::refused(&member.name, "only a folder can be the root"));
        }
        if matches!(self.rules, Rules::Image) {
            self.give_owner(self.parents.top(), c".", member)?;
            self.wait(Vec::new(), member)?;
        }
        Ok(())
    }

    fn directory(&mut self, name: &Name, last: &CStr, member: &Member) -> Result<()> {
        let mode = match self.rules {
            Rules::Image => Mode::RWXU,
            Rules::Folder { .. } => Mode::from_raw_mode(0o777),
        };
        let parent = self.parents.make(name.above())?;
        match rustix::fs::mkdirat(parent.as_ref(), last, mode) {
            Ok(()) => {}
            Err(Errno::EXIST) => {
                let stat = beneath::look(parent.as_fd(), last)?;
                if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
                    return Err(TreeError::refused(
                        &member.name,
                        "a link or a file stands in the place of this folder",
                    ));
                }
            }
            Err(source) => return Err(TreeError::kernel("create the folder", last, source)),
        }
        if matches!(self.rules, Rules::Image) {
            let folder = beneath::directory(parent.as_fd(), last)?;
            self.give_owner(folder.as_fd(), c".", member)?;
            self.give_attributes(folder.as_fd(), last, member)?;
            self.wait(join(name.parts()), member)?;
        }
        Ok(())
    }

    fn file<R: Read>(
        &mut self,
        archive: &mut Archive<R>,
        name: &Name,
        last: &CStr,
        member: &Member,
    ) -> Result<()> {
        let parent = self.parents.make(name.above())?;
        let mode = match self.rules {
            Rules::Image => 0o600,
            Rules::Folder { .. } if !self.is_guarded => member.mode & 0o7777,
            // The caller's umask takes its part away.
            Rules::Folder { .. } if member.mode & 0o111 != 0 => 0o777,
            Rules::Folder { .. } => 0o666,
        };
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let (file, temporary) = self.new_name(&parent, last, |name| {
            rustix::fs::openat2(parent.as_ref(), name, flags, Mode::from_raw_mode(mode), WITHIN)
        })?;
        let written = self.fill(archive, &file, last, member);
        let settled = written.and_then(|()| settle(&parent, temporary.as_deref(), last));
        if let (Err(_), Some(temporary)) = (&settled, &temporary) {
            // The error that is being returned says more than a failure of this.
            let _: Result<(), Errno> =
                rustix::fs::unlinkat(parent.as_ref(), temporary, AtFlags::empty());
        }
        settled
    }

    /// Writes a new file's content and gives it its attributes.
    fn fill<R: Read>(
        &mut self,
        archive: &mut Archive<R>,
        file: &OwnedFd,
        last: &CStr,
        member: &Member,
    ) -> Result<()> {
        let failed = |source| TreeError::kernel("write", last, source);
        let whole = [(0, member.stored)];
        let parts = match &member.sparse {
            Some(sparse) => {
                rustix::fs::ftruncate(file, sparse.length).map_err(failed)?;
                sparse.parts.as_slice()
            }
            None => &whole,
        };
        for (offset, length) in parts {
            let (mut position, end) = (*offset, *offset + *length);
            while position < end {
                let wanted = usize::try_from(end - position).unwrap_or(usize::MAX);
                let wanted = wanted.min(self.buffer.len());
                let got = archive.read(&mut self.buffer[..wanted])?;
                let mut written = 0;
                while written < got {
                    let at = position + written as u64;
                    written +=
                        rustix::io::pwrite(file, &self.buffer[written..got], at).map_err(failed)?;
                }
                position += got as u64;
            }
        }
        let stat = rustix::fs::fstat(file).map_err(failed)?;
        self.made.insert((stat.st_dev, stat.st_ino));
        if matches!(self.rules, Rules::Image) {
            self.give_owner(file.as_fd(), c"", member)?;
            self.give_attributes(file.as_fd(), last, member)?;
            self.left_out.set_ids += u64::from(member.mode & 0o6000 != 0);
            rustix::fs::fchmod(file, Mode::from_raw_mode(member.mode & 0o1777)).map_err(failed)?;
        }
        rustix::fs::futimens(file, &times(member.modified)).map_err(failed)
    }

    fn pipe(&mut self, name: &Name, last: &CStr, member: &Member) -> Result<()> {
        let mode = Mode::from_raw_mode(member.mode & 0o777);
        let parent = self.parents.make(name.above())?;
        let ((), temporary) = self.new_name(&parent, last, |name| {
            rustix::fs::mknodat(parent.as_ref(), name, FileType::Fifo, mode, 0)
        })?;
        settle(&parent, temporary.as_deref(), last)?;
        self.give_owner(parent.as_fd(), last, member)
    }

    /// Makes something under its name, or under a temporary one beside it when the name is taken;
    /// [`settle`] puts it into place then. A folder is never replaced.
    fn new_name<T>(
        &mut self,
        parent: &OwnedFd,
        last: &CStr,
        make: impl Fn(&CStr) -> Result<T, Errno>,
    ) -> Result<(T, Option<CString>)> {
        let failed = |source| TreeError::kernel("create", last, source);
        match make(last) {
            Ok(made) => return Ok((made, None)),
            Err(Errno::EXIST) => {}
            Err(source) => return Err(failed(source)),
        }
        let stat = beneath::look(parent.as_fd(), last)?;
        if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
            return Err(TreeError::refused(last.to_bytes(), "a folder stands in its place"));
        }
        loop {
            self.temporary += 1;
            let number = self.temporary;
            let temporary = CString::new(format!(".infield-{}-{number}", std::process::id()))
                .expect("digits hold no zero byte");
            match make(&temporary) {
                Ok(made) => return Ok((made, Some(temporary))),
                Err(Errno::EXIST) => {}
                Err(source) => return Err(failed(source)),
            }
        }
    }
}

/// Puts what has a temporary name into its place.
fn settle(parent: &OwnedFd, temporary: Option<&CStr>, last: &CStr) -> Result<()> {
    let Some(temporary) = temporary else { return Ok(()) };
    rustix::fs::renameat(parent, temporary, parent, last)
        .map_err(|source| TreeError::kernel("replace", last, source))?;
    // Renaming does nothing when both are names of one file.
    match rustix::fs::unlinkat(parent, temporary, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(source) => Err(TreeError::kernel("remove", temporary, source)),
    }
}

/// The time of the last change, and the time of access as it is.
fn times(modified: i64) -> Timestamps {
    Timestamps {
        last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
        last_modification: Timespec { tv_sec: modified, tv_nsec: 0 },
    }
}
