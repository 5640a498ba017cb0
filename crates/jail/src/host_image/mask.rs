//! What lies over the host's `/usr` and hides parts of it.

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{FileType, Mode, Stat, XattrFlags, fsetxattr};

use super::HostImageError;
use super::place::Place;
use crate::trees::TreeError;
use crate::trees::beneath;
use crate::trees::error::printable;
use crate::trees::walk::{Entry, Step, Walk};

/// Folders of `/usr` that are the host's own business. They are there, and empty but for the
/// sub-folders that installers expect.
const EMPTIED: &[(&str, &[&str])] = &[
    ("local", &["bin", "etc", "games", "include", "lib", "sbin", "share", "share/man", "src"]),
    ("src", &[]),
];

/// Set where packages go that `npm install -g` brings, which also holds with a single id, where
/// the host's own folders are read-only. npm reads it below its own prefix, `/usr`; Debian's
/// reads the one in `/etc`.
pub(super) const NPMRC: &str = "prefix=/usr/local\nupdate-notifier=false\n";

/// The file with which a distribution forbids pip to install.
const PIP_MARK: &[u8] = b"EXTERNALLY-MANAGED";

/// Writes the mask for a `/usr`, and says what it hides.
pub(super) fn write(usr: &OwnedFd, mask: BorrowedFd<'_>) -> Result<Vec<String>, HostImageError> {
    let place = Place::new(mask);
    let mut hidden = Vec::new();
    for (folder, inner) in EMPTIED {
        place_empty(&place, folder, inner)?;
        hidden.push((*folder).to_owned());
    }
    let mut searching = Searching { place, way: Vec::new(), hidden };
    let mut walk = Walk::new(usr.as_fd())?;
    while let Some(step) = walk.next()? {
        match step {
            Step::Entry(entry) => searching.entry(&mut walk, &entry)?,
            Step::Leave => {
                searching.way.pop();
            }
        }
    }
    let Searching { place, mut hidden, .. } = searching;
    place.file("etc/npmrc", NPMRC.as_bytes())?;
    hidden.sort();
    Ok(hidden)
}

/// Makes an opaque folder: nothing below it shows through.
fn place_empty(place: &Place<'_>, folder: &str, inner: &[&str]) -> Result<(), TreeError> {
    let made = place.folder(folder, 0o755)?;
    fsetxattr(&made, c"user.overlay.opaque", b"y", XattrFlags::empty())
        .map_err(|source| TreeError::kernel("hide what is below", c"usr/local", source))?;
    for name in inner {
        place.folder(&format!("{folder}/{name}"), 0o755)?;
    }
    Ok(())
}

struct Searching<'a> {
    place: Place<'a>,
    /// The folders on the way down.
    way: Vec<Above>,
    hidden: Vec<String>,
}

struct Above {
    name: CString,
    mode: u32,
    /// Whether the mask has this folder already.
    made: bool,
}

impl Searching<'_> {
    fn entry(&mut self, walk: &mut Walk, entry: &Entry) -> Result<(), HostImageError> {
        let name = entry.name.to_bytes();
        if self.way.is_empty() && EMPTIED.iter().any(|(folder, _)| folder.as_bytes() == name) {
            return Ok(());
        }
        // A good part of the names are links, and nothing has to be known about them.
        if entry.file_type == FileType::Symlink {
            return Ok(());
        }
        let stat = match beneath::look(walk.here(), &entry.name) {
            // A package manager at work, for one: what is gone needs no hiding.
            Err(error) if error.errno() == Some(rustix::io::Errno::NOENT.raw_os_error()) => {
                return Ok(());
            }
            looked => looked?,
        };
        let is_directory = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
        if !is_for_everybody(&stat) || (name == PIP_MARK && !is_directory) {
            return self.hide(&entry.name);
        }
        if is_directory {
            // What is mounted there is none of the host's system, and what it covers even less.
            if walk.enter(&entry.name).is_err() {
                return self.hide(&entry.name);
            }
            let mode = stat.st_mode & 0o777;
            self.way.push(Above { name: entry.name.clone(), mode, made: false });
        }
        Ok(())
    }

    fn hide(&mut self, name: &CStr) -> Result<(), HostImageError> {
        let parent = self.folder_of_mask()?;
        Place::new(parent.as_fd()).whiteout(name)?;
        let path = self.way.iter().map(|above| above.name.to_bytes()).chain([name.to_bytes()]);
        self.hidden.push(printable(&path.collect::<Vec<_>>().join(&b'/')));
        Ok(())
    }

    /// The mask's folder for the current one, made with all above it and with the same modes,
    /// because in the overlay it stands in front of the host's.
    fn folder_of_mask(&mut self) -> Result<OwnedFd, HostImageError> {
        let mut folder = beneath::own(self.place.as_fd())?;
        for above in &mut self.way {
            let name = above.name.as_c_str();
            if above.made {
                folder = beneath::directory(folder.as_fd(), name)?;
                continue;
            }
            folder = match beneath::new_directory(folder.as_fd(), name) {
                Err(error) if error.errno() == Some(rustix::io::Errno::EXIST.raw_os_error()) => {
                    beneath::directory(folder.as_fd(), name)?
                }
                other => other?,
            };
            rustix::fs::fchmod(&folder, Mode::from_raw_mode(above.mode))
                .map_err(|source| TreeError::kernel("give its mode to", name, source))?;
            above.made = true;
        }
        Ok(folder)
    }
}

/// Whether everybody on the host may read it, and see what is in it. Inside, `root` and whoever
/// owns it could read it in any case, because the mount shows the host's owners as the same
/// users of the sandbox. Links have no mode; what they lead to has one.
fn is_for_everybody(stat: &Stat) -> bool {
    let mode = Mode::from_raw_mode(stat.st_mode);
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => mode.contains(Mode::ROTH),
        FileType::Directory => mode.contains(Mode::ROTH | Mode::XOTH),
        FileType::Symlink => true,
        _ => false,
    }
}
