//! Gives what was made its owner, its attributes and, to folders at the end, mode and time.

use std::ffi::{CStr, CString};
use std::os::fd::BorrowedFd;

use rustix::fs::{AtFlags, Gid, Mode, Uid, XattrFlags};
use rustix::io::Errno;

use super::{Placing, times};
use crate::trees::archive::Member;
use crate::trees::error::{Result, TreeError, printable};

/// The last id of a range, and who gets what lies beyond.
const LAST_ID: u64 = 65_535;
const NOBODY: u32 = 65_534;

/// Bytes of names of folders that wait for the end.
const WAITING_BYTES: usize = 64 << 20;

/// A folder whose mode and time wait for the end, because its names change the one and the other
/// may forbid new ones.
pub(super) struct Waiting {
    path: Vec<u8>,
    mode: u32,
    modified: i64,
}

impl Placing<'_> {
    /// Gives an open thing, by the name `.` or none, or one in an open folder to its owner.
    pub(super) fn give_owner(
        &mut self,
        at: BorrowedFd<'_>,
        name: &CStr,
        member: &Member,
    ) -> Result<()> {
        let mut own = |id: u64| match u32::try_from(id) {
            Ok(small) if id <= LAST_ID => small,
            _ => {
                self.left_out.owners += 1;
                NOBODY
            }
        };
        let (user, group) = (Uid::from_raw(own(member.user)), Gid::from_raw(own(member.group)));
        let flags = match name.is_empty() {
            true => AtFlags::EMPTY_PATH,
            false => AtFlags::SYMLINK_NOFOLLOW,
        };
        match rustix::fs::chownat(at, name, Some(user), Some(group), flags) {
            Ok(()) => Ok(()),
            // What chown says about an id that the user namespace does not map.
            Err(Errno::INVAL) => {
                self.left_out.single_owner += 1;
                Ok(())
            }
            Err(source) => Err(TreeError::Kernel {
                step: "give its owner to",
                name: printable(&member.name),
                source,
            }),
        }
    }

    /// Gives an open file or folder the attributes that programs put there for themselves. What
    /// means something to a kernel is left out: `security.*` and `trusted.*` grant, and
    /// `user.overlay.*` would make names of other layers appear or vanish.
    pub(super) fn give_attributes(
        &mut self,
        to: BorrowedFd<'_>,
        last: &CStr,
        member: &Member,
    ) -> Result<()> {
        for (name, value) in &member.attributes {
            let is_plain = name.starts_with(b"user.") && !name.starts_with(b"user.overlay.");
            let name = CString::new(name.as_slice()).ok().filter(|_| is_plain);
            let Some(name) = name else {
                self.left_out.attributes += 1;
                continue;
            };
            match rustix::fs::fsetxattr(to, &name, value, XattrFlags::empty()) {
                Ok(()) => {}
                Err(Errno::OPNOTSUPP | Errno::RANGE | Errno::TOOBIG) => {
                    self.left_out.attributes += 1;
                }
                Err(source) => {
                    return Err(TreeError::kernel("give an attribute to", last, source));
                }
            }
        }
        Ok(())
    }

    /// Remembers a folder for the end.
    pub(super) fn wait(&mut self, path: Vec<u8>, member: &Member) -> Result<()> {
        self.waiting_bytes += path.len() + size_of::<Waiting>();
        if self.waiting_bytes > WAITING_BYTES {
            return Err(TreeError::Limit {
                name: printable(&member.name),
                limit: WAITING_BYTES as u64,
                unit: "bytes of folder names",
            });
        }
        // Handing down the group is all that a set-id bit does on a folder.
        let mode = member.mode & 0o3777;
        self.left_out.set_ids += u64::from(member.mode & 0o4000 != 0);
        self.waiting.push(Waiting { path, mode, modified: member.modified });
        Ok(())
    }

    /// Gives the folders what had to wait. The last entry for a folder counts.
    pub(super) fn give_what_waited(&self) -> Result<()> {
        let mut done = std::collections::HashSet::new();
        for folder in self.waiting.iter().rev().filter(|folder| done.insert(&folder.path)) {
            let failed = |source| TreeError::Kernel {
                step: "finish the folder",
                name: printable(&folder.path),
                source,
            };
            let open = self.parents.existing(&folder.path)?;
            rustix::fs::fchmod(&open, Mode::from_raw_mode(folder.mode)).map_err(failed)?;
            rustix::fs::futimens(&open, &times(folder.modified)).map_err(failed)?;
        }
        Ok(())
    }
}
