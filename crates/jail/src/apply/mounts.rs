//! Mounts of the calling process's own mount namespace, by the descriptor-based calls.
//!
//! Where a mount goes is opened beneath the stage without following links: an image may hold any
//! link it likes, and none of them decides where something is mounted.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags,
};

use super::{Done, During, Materials, Source};
use crate::plan::Overlay;
use crate::sys::{self, Depth, MountAttributes};

/// Where the stage is mounted. Every host and the launcher's own small root have it.
const STAGE: &str = "/tmp";

pub(super) fn make_private() -> Done {
    let attributes = MountAttributes { propagation: libc::MS_PRIVATE, ..Default::default() };
    sys::mount_setattr(CWD, c"/", Depth::Tree, attributes).during("make mounts private")
}

/// Makes mounts of the paths that the launcher could only name, before the stage covers some.
pub(super) fn clone_trees(materials: &mut Materials) -> Done {
    let sealed = libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV;
    for (name, source) in &mut materials.trees {
        let sealed = sealed | libc::MOUNT_ATTR_RDONLY;
        clone_source(source, sealed).during(format!("clone the tree `{name}`"))?;
    }
    if let Some(layer) = &mut materials.layer {
        clone_source(layer, sealed).during("clone the disk layer")?;
    }
    super::volumes::clone_folders(materials)
}

fn clone_source(source: &mut Source, flags: u64) -> io::Result<()> {
    if let Source::Path(path) = source {
        let mount = clone_of(path.as_c_str(), OpenTreeFlags::AT_RECURSIVE)?;
        set_flags(mount.as_fd(), Depth::Tree, flags)?;
        *source = Source::Mount(mount);
    }
    Ok(())
}

pub(super) fn stage(bytes: u64, inodes: u64) -> Done {
    let step = "mount the stage";
    let mount = tmpfs(bytes, inodes, 0).during(step)?;
    let target =
        rustix::fs::open(STAGE, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).during(step)?;
    attach(mount.as_fd(), target.as_fd()).during(step)?;
    rustix::process::fchdir(&mount).during(step)?;
    for (name, mode) in [
        ("root", 0o755),
        ("lower", 0o755),
        ("usr-mask", 0o755),
        ("usr", 0o755),
        ("layer", 0o700),
        ("dev", 0o755),
        ("tmp", 0o1777),
        ("shm", 0o1777),
        ("empty", 0o555),
    ] {
        rustix::fs::mkdirat(CWD, name, Mode::from_raw_mode(0o755)).during(step)?;
        rustix::fs::chmodat(CWD, name, Mode::from_raw_mode(mode), AtFlags::empty()).during(step)?;
    }
    for name in ["dev/pts", "dev/shm", "dev/mqueue"] {
        rustix::fs::mkdirat(CWD, name, Mode::from_raw_mode(0o755)).during(step)?;
    }
    Ok(())
}

/// Mounts the memory layer and returns its root, which the agent keeps for the launcher.
pub(super) fn memory_layer(bytes: u64, inodes: u64) -> Done<OwnedFd> {
    let step = "mount the memory layer";
    let flags = libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV;
    let mount = tmpfs(bytes, inodes, flags).during(step)?;
    attach(mount.as_fd(), target("layer").during(step)?.as_fd()).during(step)?;
    layer_folders(mount.as_fd()).during(step)?;
    Ok(mount)
}

/// Makes the folders of a layer that are not there.
pub(crate) fn layer_folders(layer: BorrowedFd<'_>) -> rustix::io::Result<()> {
    for name in ["upper", "work", "usr-upper", "usr-work"] {
        crate::folders::make_folder(layer, name, 0o755)?;
    }
    Ok(())
}

pub(super) fn restore_layer(materials: &Materials) -> Done {
    let step = "restore the saved layer";
    let saved = materials.saved.as_ref().ok_or_else(missing).during(step)?;
    for name in ["upper", "usr-upper"] {
        let from = crate::folders::open_folder(saved.as_fd(), name).during(step)?;
        let to = crate::folders::open_folder(target("layer").during(step)?.as_fd(), name);
        let to = to.during(step)?;
        crate::trees::copy(from.as_fd(), to.as_fd()).map_err(tree_error).during(step)?;
    }
    Ok(())
}

/// An error of a tree operation, with the kernel's number where there is one.
fn tree_error(error: crate::trees::TreeError) -> io::Error {
    error.errno().map_or_else(|| io::Error::other(error), io::Error::from_raw_os_error)
}

pub(super) fn disk_layer(materials: &Materials) -> Done {
    let step = "attach the disk layer";
    let source = materials.layer.as_ref().ok_or_else(missing).during(step)?;
    attach_source(source, "layer").during(step)
}

pub(super) fn attach_tree(materials: &Materials, name: &str) -> Done {
    let step = format!("attach the tree `{name}`");
    let found = materials.trees.iter().find(|(named, _)| *named == name);
    let (_, source) = found.ok_or_else(missing).during(step.as_str())?;
    attach_source(source, name).during(step)
}

fn attach_source(source: &Source, at: &str) -> io::Result<()> {
    match source {
        Source::Mount(mount) => attach(mount.as_fd(), target(at)?.as_fd()),
        Source::Path(_) => Err(missing()),
    }
}

pub(super) fn overlay(overlay: &Overlay) -> Done {
    mount_overlay(overlay).during(format!("mount the overlay at `{}`", overlay.at))
}

fn mount_overlay(overlay: &Overlay) -> io::Result<()> {
    let context = rustix::mount::fsopen("overlay", FsOpenFlags::FSOPEN_CLOEXEC)?;
    let context = context.as_fd();
    rustix::mount::fsconfig_set_string(context, "source", "sandbox")?;
    rustix::mount::fsconfig_set_string(context, "lowerdir", overlay.lowers)?;
    if let Some((upper, work)) = overlay.upper {
        rustix::mount::fsconfig_set_string(context, "upperdir", upper)?;
        rustix::mount::fsconfig_set_string(context, "workdir", work)?;
    }
    // The kernel keeps its marks in `user.*` attributes: a user namespace may not write others.
    rustix::mount::fsconfig_set_flag(context, "userxattr")?;
    rustix::mount::fsconfig_create(context)?;
    let mount = mount_of(context, overlay.flags)?;
    attach(mount.as_fd(), target(overlay.at)?.as_fd())
}

pub(super) fn kernel(kind: &str, at: &str, options: &[(&str, &str)]) -> Done {
    let mount = || -> io::Result<()> {
        let context = rustix::mount::fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC)?;
        for (key, value) in options {
            rustix::mount::fsconfig_set_string(context.as_fd(), *key, *value)?;
        }
        rustix::mount::fsconfig_create(context.as_fd())?;
        let mut flags = libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NOEXEC;
        if kind != "devpts" {
            flags |= libc::MOUNT_ATTR_NODEV;
        }
        let mount = mount_of(context.as_fd(), flags)?;
        attach(mount.as_fd(), target(at)?.as_fd())
    };
    mount().during(format!("mount `{kind}`"))
}

pub(super) fn bind(from: &str, at: &str, flags: u64) -> Done {
    let bind = || -> io::Result<()> {
        let mount = clone_of(from, OpenTreeFlags::AT_RECURSIVE)?;
        set_flags(mount.as_fd(), Depth::One, flags)?;
        attach(mount.as_fd(), target(at)?.as_fd())
    };
    bind().during(format!("bind `{from}`"))
}

pub(super) fn device(name: &str) -> Done {
    let bind = || -> io::Result<()> {
        let flags = OFlags::CREATE | OFlags::WRONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let at = format!("dev/{name}");
        drop(rustix::fs::openat(CWD, at.as_str(), flags, Mode::from_raw_mode(0o666))?);
        let mount = clone_of(format!("/dev/{name}"), OpenTreeFlags::empty())?;
        let flags = libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NOEXEC;
        set_flags(mount.as_fd(), Depth::One, flags)?;
        attach(mount.as_fd(), target(&format!("root/dev/{name}"))?.as_fd())
    };
    bind().during(format!("bind the device `{name}`"))
}

pub(super) fn link(at: &str, to: &str) -> Done {
    rustix::fs::symlinkat(to, CWD, at).during(format!("link `{at}`"))
}

pub(super) fn folder(at: &str) -> Done {
    crate::folders::make_folder(CWD, at, 0o755).during(format!("make `{at}`"))?;
    target(at).map(drop).during(format!("open `{at}`"))
}

/// Writes a file, in a folder that is made if it is not there. An image that has a link or a file
/// in the folder's place, or a folder in the file's, keeps what it has: it was made like that for a
/// reason, and works without the file.
pub(super) fn file(at: &str, name: &str, content: &str) -> Done {
    let write = || -> io::Result<()> {
        let Some(folder) = own_folder(at)? else { return Ok(()) };
        match rustix::fs::unlinkat(&folder, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => (),
            Err(Errno::ISDIR | Errno::NOTDIR) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&folder, name, flags, Mode::from_raw_mode(0o644))?;
        io::Write::write_all(&mut std::fs::File::from(file), content.as_bytes())
    };
    write().during(format!("write `{at}/{name}`"))
}

/// Opens a folder, or makes it; none if a link is in its place.
fn own_folder(at: &str) -> io::Result<Option<OwnedFd>> {
    crate::folders::make_folder(CWD, at, 0o755)?;
    match target(at) {
        Err(error) if error.raw_os_error() == Some(libc::ELOOP) => Ok(None),
        other => other.map(Some),
    }
}

pub(super) fn cover(at: &str) -> Done {
    let cover = || -> io::Result<()> {
        let Some(target) = optional_target(at)? else { return Ok(()) };
        let stat = rustix::fs::fstat(&target)?;
        let from = match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => "empty",
            _ => "root/dev/null",
        };
        let mount = clone_of(from, OpenTreeFlags::empty())?;
        set_flags(mount.as_fd(), Depth::One, libc::MOUNT_ATTR_RDONLY)?;
        attach(mount.as_fd(), target.as_fd())
    };
    cover().during(format!("cover `{at}`"))
}

pub(super) fn read_only(at: &str) -> Done {
    let bind = || -> io::Result<()> {
        let Some(target) = optional_target(at)? else { return Ok(()) };
        let mount = clone_of(at, OpenTreeFlags::AT_RECURSIVE)?;
        set_flags(mount.as_fd(), Depth::Tree, libc::MOUNT_ATTR_RDONLY)?;
        attach(mount.as_fd(), target.as_fd())
    };
    bind().during(format!("make `{at}` read-only"))
}

pub(super) fn enter_root() -> Done {
    let enter = || -> io::Result<()> {
        rustix::process::fchdir(target("root")?)?;
        // On top of the scratch folder, which is a mount and no link.
        rustix::process::pivot_root(".", "tmp")?;
        rustix::process::chdir("/")?;
        Ok(())
    };
    enter().during("enter the root")
}

/// Detaches the old root from where [`enter_root`] left it.
pub(super) fn drop_old_root() -> Done {
    rustix::mount::unmount("/tmp", UnmountFlags::DETACH).during("let go of the old root")
}

pub(super) fn open_null() -> io::Result<OwnedFd> {
    Ok(rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?)
}

fn tmpfs(bytes: u64, inodes: u64, flags: u64) -> io::Result<OwnedFd> {
    let context = rustix::mount::fsopen("tmpfs", FsOpenFlags::FSOPEN_CLOEXEC)?;
    let context = context.as_fd();
    rustix::mount::fsconfig_set_string(context, "size", bytes.to_string())?;
    rustix::mount::fsconfig_set_string(context, "nr_inodes", inodes.to_string())?;
    rustix::mount::fsconfig_set_string(context, "mode", "0755")?;
    rustix::mount::fsconfig_create(context)?;
    mount_of(context, flags)
}

fn mount_of(context: BorrowedFd<'_>, flags: u64) -> io::Result<OwnedFd> {
    let flags = MountAttrFlags::from_bits_retain(u32::try_from(flags).unwrap_or(u32::MAX));
    Ok(rustix::mount::fsmount(context, FsMountFlags::FSMOUNT_CLOEXEC, flags)?)
}

fn clone_of(path: impl rustix::path::Arg, flags: OpenTreeFlags) -> io::Result<OwnedFd> {
    let all = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | flags;
    Ok(rustix::mount::open_tree(CWD, path, all)?)
}

pub(super) fn set_flags(mount: BorrowedFd<'_>, depth: Depth, flags: u64) -> io::Result<()> {
    if flags == 0 {
        return Ok(());
    }
    sys::mount_setattr(mount, c"", depth, MountAttributes { set: flags, ..Default::default() })
}

pub(super) fn attach(mount: BorrowedFd<'_>, target: BorrowedFd<'_>) -> io::Result<()> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    Ok(rustix::mount::move_mount(mount, "", target, "", flags)?)
}

/// Opens a place of the stage without following a link.
pub(super) fn target(at: &str) -> io::Result<OwnedFd> {
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    Ok(rustix::fs::openat2(CWD, at, flags, Mode::empty(), resolve)?)
}

fn optional_target(at: &str) -> io::Result<Option<OwnedFd>> {
    match target(at) {
        Ok(target) => Ok(Some(target)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

pub(super) fn missing() -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, "the launcher gave none")
}
