//! How the daemon gives up root: no user, no group, no capability of it is left, for good.
//!
//! Called while the process has one thread, because these calls change one thread only.

use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use rustix::fs::{Gid, Mode, Uid};
use rustix::io::{Errno, Result};
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags,
};
use rustix::thread::{CapabilitySet, CapabilitySets, UnshareFlags};

use super::options::Account;

/// Becomes `account`, or keeps the user that started infield when there is none, and gives up
/// everything that could give more. `home` is the open directory of that path.
pub(super) fn settle(account: Option<Account>, path: &Path, home: impl AsFd) -> Result<()> {
    if let Some(account) = account {
        reach(account, path, home)?;
    }
    give_up(account)
}

/// The same for a process that needs nothing of the home.
pub(super) fn give_up(account: Option<Account>) -> Result<()> {
    if let Some(account) = account {
        become_account(account)?;
    }
    rustix::thread::set_no_new_privs(true)?;
    rustix::thread::clear_ambient_capability_set()?;
    let none = CapabilitySet::empty();
    let sets = CapabilitySets { effective: none, permitted: none, inheritable: none };
    rustix::thread::set_capabilities(None, sets)?;
    let left = rustix::thread::capabilities(None)?;
    let clean =
        left.effective.is_empty() && left.permitted.is_empty() && left.inheritable.is_empty();
    if clean { Ok(()) } else { Err(Errno::PERM) }
}

fn become_account(account: Account) -> Result<()> {
    let (user, group) = (Uid::from_raw(account.id), Gid::from_raw(account.id));
    rustix::thread::set_thread_groups(&[])?;
    rustix::thread::set_thread_res_gid(group, group, group)?;
    rustix::thread::set_thread_res_uid(user, user, user)
}

/// Makes the home's path work for the account where a folder above it is closed to everybody,
/// as `/root` is: in a mount namespace of our own, the closed folder is an empty one that holds
/// nothing but the way to the home. Its own content stays out of the daemon's sight.
fn reach(account: Account, path: &Path, home: impl AsFd) -> Result<()> {
    let Some(closed) = closed_folder(account, path)? else { return Ok(()) };
    #[expect(deprecated, reason = "its successor is unsafe for the sake of another flag, FILES")]
    rustix::thread::unshare(UnshareFlags::NEWNS)?;
    let private = MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC;
    rustix::mount::mount_change("/", private)?;
    // Only a mount of our own namespace can be copied, so the home is opened anew, and compared.
    let copy = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_SYMLINK_NOFOLLOW;
    let tree = rustix::mount::open_tree(rustix::fs::CWD, path, copy)?;
    let (meant, found) = (rustix::fs::fstat(home)?, rustix::fs::fstat(&tree)?);
    if (meant.st_dev, meant.st_ino) != (found.st_dev, found.st_ino) {
        return Err(Errno::STALE);
    }
    let made = rustix::mount::fsopen("tmpfs", FsOpenFlags::FSOPEN_CLOEXEC)?;
    rustix::mount::fsconfig_set_string(made.as_fd(), "mode", "0711")?;
    rustix::mount::fsconfig_set_string(made.as_fd(), "size", "64k")?;
    rustix::mount::fsconfig_create(made.as_fd())?;
    let flags = MountAttrFlags::MOUNT_ATTR_NOSUID
        | MountAttrFlags::MOUNT_ATTR_NODEV
        | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    let way = rustix::mount::fsmount(made.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, flags)?;
    let rest = path.strip_prefix(&closed).map_err(|_| Errno::INVAL)?;
    let mut folder = PathBuf::new();
    for part in rest {
        folder.push(part);
        rustix::fs::mkdirat(&way, &folder, Mode::from_raw_mode(0o711))?;
    }
    let at = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
    rustix::mount::move_mount(&way, "", rustix::fs::CWD, closed, at)?;
    rustix::mount::move_mount(tree, "", rustix::fs::CWD, path, at)
}

/// The topmost folder above the home that the account may not pass.
fn closed_folder(account: Account, path: &Path) -> Result<Option<PathBuf>> {
    let mut above: Vec<_> = path.ancestors().skip(1).collect();
    above.reverse();
    for folder in above {
        let stat = rustix::fs::stat(folder)?;
        let passes = if stat.st_uid == account.id {
            Mode::XUSR
        } else if stat.st_gid == account.id {
            Mode::XGRP
        } else {
            Mode::XOTH
        };
        if !Mode::from_raw_mode(stat.st_mode).contains(passes) {
            return Ok(Some(folder.to_owned()));
        }
    }
    Ok(None)
}
