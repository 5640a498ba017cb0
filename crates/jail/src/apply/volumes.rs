//! Volumes in the root that is being made.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::mount::OpenTreeFlags;

use super::mounts::{self, set_flags, target};
use super::{Done, During, Folder, Materials};
use crate::request::Mount;
use crate::sys::Depth;
use crate::volumes;

/// Makes mounts of the folders that the launcher could only name. A way into a volume is gone in
/// this process's own mount namespace, whose mounts alone it may clone.
pub(super) fn clone_folders(materials: &mut Materials) -> Done {
    for folder in &mut materials.volumes {
        if let Folder::Below { volumes, mount } = folder {
            let step = format!("open the volume `{}`", mount.volume);
            *folder = Folder::Mount(clone_folder(volumes, mount).during(step)?);
        }
    }
    Ok(())
}

fn clone_folder(volumes: &CStr, mount: &Mount) -> io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let folder = rustix::fs::open(volumes, flags, Mode::empty())?;
    let volume = volumes::step_into(folder.as_fd(), &mount.volume)?;
    let root = volumes::step_into(volume.as_fd(), volumes::DATA)?;
    let folder = volumes::descend(root, &mount.subpath, None)?;
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_EMPTY_PATH;
    let clone = rustix::mount::open_tree(&folder, "", flags)?;
    set_flags(clone.as_fd(), Depth::One, libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV)?;
    Ok(clone)
}

/// Mounts a volume, in a folder that is made if it is not there. Where that is, a sandbox that ran
/// before may have changed: no link is followed to it.
pub(super) fn attach(materials: &Materials, number: usize, at: &str) -> Done {
    let shown = at.strip_prefix("root").unwrap_or(at);
    let step = format!("mount a volume at `{shown}`");
    let Some(Folder::Mount(mount)) = materials.volumes.get(number) else {
        return Err(mounts::missing()).during(step);
    };
    let place = place(at).during(step.as_str())?;
    mounts::attach(mount.as_fd(), place.as_fd()).during(step)
}

fn place(at: &str) -> io::Result<OwnedFd> {
    let mut folder = target(".")?;
    for name in at.split('/') {
        folder = match volumes::step_into(folder.as_fd(), name) {
            Err(Errno::NOENT) => {
                crate::folders::make_folder(folder.as_fd(), name, 0o755)?;
                volumes::step_into(folder.as_fd(), name).map_err(volumes::explained)?
            }
            next => next.map_err(volumes::explained)?,
        };
    }
    Ok(folder)
}
