//! Id maps of user namespaces.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{CWD, Mode, OFlags};
use rustix::mount::OpenTreeFlags;
use rustix::process::{WaitId, WaitIdOptions};

use crate::request::RANGE_IDS;
use crate::sys::{self, Cloned, Depth, MountAttributes};

/// One range of ids, seen from inside and from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Map {
    /// The first id inside.
    pub(crate) inside: u32,
    /// The user id that it is outside.
    pub(crate) user: u32,
    /// The group id that it is outside.
    pub(crate) group: u32,
    /// How many.
    pub(crate) count: u32,
}

impl Map {
    /// Id 0 and those after it are the range that begins with `first`.
    pub(crate) fn range(first: u32) -> Self {
        Self::between(0, first)
    }

    /// The range at `inside` is the range at `outside`.
    pub(crate) fn between(inside: u32, outside: u32) -> Self {
        Self { inside, user: outside, group: outside, count: RANGE_IDS }
    }

    /// Id 0 is the caller, and there is nobody else.
    pub(crate) fn single() -> Self {
        Self {
            inside: 0,
            user: rustix::process::geteuid().as_raw(),
            group: rustix::process::getegid().as_raw(),
            count: 1,
        }
    }

    /// Writes the map of the process `pid`, which was born into a user namespace.
    pub(crate) fn write(self, pid: u32) -> io::Result<()> {
        let Self { inside, user, group, count } = self;
        if count == 1 {
            // The kernel lets a process without privilege map its group only after it gave up
            // changing groups, see user_namespaces(7).
            std::fs::write(format!("/proc/{pid}/setgroups"), "deny")?;
        }
        std::fs::write(format!("/proc/{pid}/uid_map"), format!("{inside} {user} {count}"))?;
        std::fs::write(format!("/proc/{pid}/gid_map"), format!("{inside} {group} {count}"))
    }

    /// A user namespace with this map and nobody in it.
    pub(crate) fn namespace(self) -> io::Result<OwnedFd> {
        let (reader, writer) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
        match sys::clone(libc::CLONE_NEWUSER as u64, None)? {
            Cloned::Child => {
                drop(writer);
                let mut byte = [0_u8; 1];
                // The end of the pipe is the word to go; what is read does not matter.
                let _ = rustix::io::read(&reader, &mut byte);
                sys::exit_now(0)
            }
            Cloned::Parent { pid, pidfd } => {
                let namespace = self.write(pid).and_then(|()| {
                    let path = format!("/proc/{pid}/ns/user");
                    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
                    Ok(rustix::fs::open(path, flags, Mode::empty())?)
                });
                drop(writer);
                rustix::process::waitid(WaitId::PidFd(pidfd.as_fd()), WaitIdOptions::EXITED)?;
                namespace
            }
        }
    }
}

/// Clones the tree at `path` below `directory`, read-only and with its ids mapped.
pub(crate) fn mapped_clone(
    directory: Option<BorrowedFd<'_>>,
    path: &str,
    map: Option<BorrowedFd<'_>>,
    flags: u64,
) -> io::Result<OwnedFd> {
    let all = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_SYMLINK_NOFOLLOW
        | OpenTreeFlags::AT_EMPTY_PATH;
    let mount = rustix::mount::open_tree(directory.unwrap_or(CWD), path, all)?;
    let attributes = MountAttributes { set: flags, propagation: 0, idmap: map };
    sys::mount_setattr(mount.as_fd(), c"", Depth::One, attributes)?;
    Ok(mount)
}
