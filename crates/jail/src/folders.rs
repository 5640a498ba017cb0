//! The launcher's own folders below the data directory, reached by descriptors only.
//!
//! The data directory itself belongs to the daemon's account, so no name in it is trusted twice:
//! it is opened once, and all below by `openat2` that neither follows a link nor leaves it. The
//! folders in it that belong to the launcher must be its own.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, Mode, OFlags, RawMode, RenameFlags, ResolveFlags};

use crate::defence::{Defence, Without};
use crate::failure::{At, Outcome, refused};

/// Opens a folder by one or more components beneath `directory`.
pub(crate) fn open_folder(directory: BorrowedFd<'_>, path: &str) -> rustix::io::Result<OwnedFd> {
    open(directory, path, OFlags::RDONLY | OFlags::DIRECTORY)
}

/// Opens what `path` names beneath `directory`, never by way of a link.
pub(crate) fn open(
    directory: BorrowedFd<'_>,
    path: &str,
    flags: OFlags,
) -> rustix::io::Result<OwnedFd> {
    let mode =
        if flags.contains(OFlags::CREATE) { Mode::from_raw_mode(0o600) } else { Mode::empty() };
    let beneath = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    let kept = Without::from_environment().keeps(Defence::Beneath);
    let resolve = if kept { beneath } else { ResolveFlags::empty() };
    rustix::fs::openat2(directory, path, flags | OFlags::CLOEXEC, mode, resolve)
}

/// Makes a folder unless it is there.
pub(crate) fn make_folder(
    directory: BorrowedFd<'_>,
    name: &str,
    mode: RawMode,
) -> rustix::io::Result<()> {
    match rustix::fs::mkdirat(directory, name, Mode::from_raw_mode(mode)) {
        Ok(()) | Err(rustix::io::Errno::EXIST) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Removes a name; an absent one is fine.
pub(crate) fn remove_name(directory: BorrowedFd<'_>, name: &str, flags: AtFlags) -> io::Result<()> {
    match rustix::fs::unlinkat(directory, name, flags) {
        Ok(()) | Err(rustix::io::Errno::NOENT) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Whether `directory` has an entry `name`.
pub(crate) fn exists(directory: BorrowedFd<'_>, name: &str) -> bool {
    rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW).is_ok()
}

/// Swaps two names of one folder, or moves the first where the second is absent.
pub(crate) fn put_in_place(directory: BorrowedFd<'_>, new: &str, name: &str) -> io::Result<()> {
    let flags =
        if exists(directory, name) { RenameFlags::EXCHANGE } else { RenameFlags::NOREPLACE };
    Ok(rustix::fs::renameat_with(directory, new, directory, name, flags)?)
}

/// Names in a folder, without `.` and `..`.
pub(crate) fn names(directory: BorrowedFd<'_>) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in rustix::fs::Dir::read_from(directory)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name != "." && name != ".." {
            names.push(name);
        }
    }
    Ok(names)
}

/// Writes a file in place. A crash in between leaves a part, or what was there behind it.
///
/// It is cut afterwards: ext4 writes a file that was cut to nothing out to the disk when it is
/// closed (`auto_da_alloc`, ext4(5)), and every start would wait for that.
pub(crate) fn write_in_place(
    directory: BorrowedFd<'_>,
    name: &str,
    content: &str,
) -> io::Result<()> {
    let file = open(directory, name, OFlags::WRONLY | OFlags::CREATE)?;
    write_all(file.as_fd(), content.as_bytes())?;
    let length = u64::try_from(content.len()).unwrap_or(u64::MAX);
    if u64::try_from(rustix::fs::fstat(&file)?.st_size).is_ok_and(|size| size > length) {
        rustix::fs::ftruncate(&file, length)?;
    }
    Ok(())
}

/// Replaces the file `name` by one with `content`: a crash leaves the old one or the new one.
pub(crate) fn write_file(directory: BorrowedFd<'_>, name: &str, content: &str) -> io::Result<()> {
    let temporary = format!("{name}.new");
    write_in_place(directory, &temporary, content)?;
    Ok(rustix::fs::renameat(directory, &temporary, directory, name)?)
}

/// Reads a file of at most 64 KiB.
pub(crate) fn read_file(directory: BorrowedFd<'_>, name: &str) -> io::Result<String> {
    let file = open(directory, name, OFlags::RDONLY | OFlags::NONBLOCK)?;
    let mut content = Vec::new();
    let mut part = [0_u8; 4096];
    while content.len() < 64 << 10 {
        let count = rustix::io::read(&file, &mut part)?;
        if count == 0 {
            break;
        }
        content.extend_from_slice(&part[..count]);
    }
    Ok(String::from_utf8_lossy(&content).into_owned())
}

/// Writes a value in one piece into a file that is there, such as a control file.
pub(crate) fn write_value(directory: BorrowedFd<'_>, name: &str, value: &str) -> io::Result<()> {
    let file = open(directory, name, OFlags::WRONLY)?;
    write_all(file.as_fd(), value.as_bytes())
}

fn write_all(file: BorrowedFd<'_>, mut content: &[u8]) -> io::Result<()> {
    while !content.is_empty() {
        let count = rustix::io::write(file, content)?;
        content = content.get(count..).unwrap_or_default();
    }
    Ok(())
}

/// The name of the folder of volumes.
pub(crate) const VOLUMES: &str = "volumes";

/// The launcher's folders.
#[derive(Debug)]
pub(crate) struct Folders {
    /// `sandboxes/`, a folder for each.
    pub(crate) sandboxes: OwnedFd,
    /// `images/`, a folder for each.
    pub(crate) images: OwnedFd,
    /// `volumes/`, a folder for each.
    pub(crate) volumes: OwnedFd,
    /// A short word that tells this data directory from others on the host.
    pub(crate) tag: String,
}

impl Folders {
    /// Opens the data directory and makes what is missing in it.
    pub(crate) fn open(home: &Path, without: &Without) -> Outcome<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let home = rustix::fs::open(home, flags, Mode::empty()).at("open the data directory")?;
        let stat = rustix::fs::fstat(&home).at("look at the data directory")?;
        let sandboxes = own(home.as_fd(), "sandboxes", 0o711, without)?;
        let images = own(home.as_fd(), "images", 0o700, without)?;
        let volumes = own(home.as_fd(), VOLUMES, 0o710, without)?;
        Ok(Self { sandboxes, images, volumes, tag: format!("{:x}-{:x}", stat.st_dev, stat.st_ino) })
    }

    /// Opens a sandbox's folder.
    pub(crate) fn sandbox(&self, name: &str) -> rustix::io::Result<OwnedFd> {
        open_folder(self.sandboxes.as_fd(), name)
    }
}

/// Opens a folder that must be the launcher's own with exactly this mode. The mode tells the
/// folders apart for an owner of the data directory who swaps their names.
fn own(home: BorrowedFd<'_>, name: &str, mode: RawMode, without: &Without) -> Outcome<OwnedFd> {
    let made = rustix::fs::mkdirat(home, name, Mode::from_raw_mode(mode));
    let folder = if without.keeps(Defence::Beneath) {
        open_folder(home, name)
    } else {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        rustix::fs::openat(home, name, flags, Mode::empty())
    };
    let folder = folder.at(&format!("open the folder `{name}`"))?;
    if made.is_ok() {
        rustix::fs::fchmod(&folder, Mode::from_raw_mode(mode)).at("set the mode of a folder")?;
    }
    let stat = rustix::fs::fstat(&folder).at("look at a folder")?;
    let mine = stat.st_uid == rustix::process::geteuid().as_raw() && stat.st_mode & 0o7777 == mode;
    if !mine && without.keeps(Defence::Beneath) {
        return Err(refused(format!(
            "the folder `{name}` of the data directory belongs to {} with mode {:o}, not to the launcher with mode {mode:o}",
            stat.st_uid,
            stat.st_mode & 0o7777
        )));
    }
    Ok(folder)
}
