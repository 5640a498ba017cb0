//! Links: symbolic ones as they are, hard ones only to what came before.

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use super::{Placing, settle, times};
use crate::trees::archive::Member;
use crate::trees::beneath;
use crate::trees::error::{Result, TreeError};
use crate::trees::names::{Name, join};
use crate::trees::unpack::Rules;

impl Placing<'_> {
    pub(super) fn symlink(&mut self, name: &Name, last: &CStr, member: &Member) -> Result<()> {
        let target = CString::new(member.link.as_slice())
            .ok()
            .filter(|target| !target.is_empty())
            .ok_or_else(|| TreeError::refused(&member.name, "where the link leads is no name"))?;
        let parent = self.parents.make(name.above())?;
        let ((), temporary) = self.new_name(&parent, last, |name| {
            rustix::fs::symlinkat(&target, parent.as_ref(), name)
        })?;
        settle(&parent, temporary.as_deref(), last)?;
        match self.rules {
            Rules::Image => {
                self.give_owner(parent.as_fd(), last, member)?;
                rustix::fs::utimensat(
                    parent.as_ref(),
                    last,
                    &times(member.modified),
                    AtFlags::SYMLINK_NOFOLLOW,
                )
                .map_err(|source| TreeError::kernel("give its times to", last, source))
            }
            Rules::Folder { .. } if !self.is_guarded => Ok(()),
            Rules::Folder { .. } => self.take_back_if_it_leads_out(name, parent.as_fd(), last),
        }
    }

    /// A link that stays by its own words may still lead out through one that was in the folder
    /// before. The kernel follows them all and says so.
    fn take_back_if_it_leads_out(
        &mut self,
        name: &Name,
        parent: BorrowedFd<'_>,
        last: &CStr,
    ) -> Result<()> {
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        let path = join(name.parts());
        match rustix::fs::openat2(self.parents.top(), path, flags, Mode::empty(), resolve) {
            Err(Errno::XDEV | Errno::LOOP) => {
                self.left_out.links_out += 1;
                self.entries -= 1;
                rustix::fs::unlinkat(parent, last, AtFlags::empty())
                    .map_err(|source| TreeError::kernel("remove", last, source))
            }
            // Whatever else it says, it did not leave.
            Ok(_) | Err(_) => Ok(()),
        }
    }

    pub(super) fn hard_link(&mut self, name: &Name, last: &CStr, member: &Member) -> Result<()> {
        const NOT_BEFORE: &str = "it is a hard link to a file that did not come before it";
        let refused = || TreeError::refused(&member.name, NOT_BEFORE);
        let target = self.name(&member.link)?;
        let target_name = target.last().ok_or_else(refused)?;
        let target_parent = match self.parents.existing(&join(target.above())) {
            Err(error) if error.errno() == Some(Errno::NOENT.raw_os_error()) => {
                return Err(refused());
            }
            other => other?,
        };
        let stat = beneath::look(target_parent.as_fd(), target_name).map_err(|_| refused())?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile
            || !self.made.contains(&(stat.st_dev, stat.st_ino))
        {
            return Err(refused());
        }
        let parent = self.parents.make(name.above())?;
        let ((), temporary) = self.new_name(&parent, last, |name| {
            rustix::fs::linkat(&target_parent, target_name, parent.as_ref(), name, AtFlags::empty())
        })?;
        settle(&parent, temporary.as_deref(), last)
    }
}
