//! What the image takes from the host's `/etc`: a closed list of public things, each with its
//! reason. A file is taken only when everybody may read it and no private key is in it.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{FileType, Mode, OFlags, readlinkat};
use rustix::io::Errno;

use super::place::Place;
use super::{HostImageError, host_folder};
use crate::trees::walk::{Step, Walk};

/// No file of the list is longer.
const LONGEST_BYTES: u64 = 16 << 20;

/// Single files. Those that the host lacks are left out.
const FILES: &[&str] = &[
    // Where the loader finds libraries; without the cache every start searches folders.
    "etc/ld.so.cache",
    "etc/ld.so.conf",
    // Public tables that libraries read by name.
    "etc/mime.types",
    "etc/protocols",
    "etc/services",
    "etc/debian_version",
    // Debian keeps matplotlib's defaults outside of /usr, and without them it does not start.
    "etc/matplotlibrc",
    // The public bundle of certification authorities, where each distribution keeps it.
    "etc/ssl/certs/ca-certificates.crt",
    "etc/ssl/certs/java/cacerts",
    "etc/ssl/cert.pem",
    "etc/ssl/ca-bundle.pem",
    "etc/pki/tls/cert.pem",
    "etc/pki/tls/certs/ca-bundle.crt",
    "etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "etc/ca-certificates/extracted/tls-ca-bundle.pem",
];

/// Folders of links, of which those that stay in the folder or lead to the given places are
/// taken.
const LINKS: &[(&str, &[&str])] = &[
    // What `cc`, `awk` or `java` stand for.
    ("etc/alternatives", &["/usr/bin/", "/usr/sbin/", "/usr/lib/", "/usr/share/"]),
    // The bundle by hash, for OpenSSL. Certificates that lie in the folder itself may be the
    // host's own and are not taken.
    ("etc/ssl/certs", &["/usr/share/ca-certificates/"]),
];

/// Folders whose public files and links into `/usr` are taken. The name's end may be open.
const TREES: &[(&str, &str)] = &[
    // More lines of ld.so.conf.
    ("etc/ld.so.conf.d", ""),
    // The set-up of fonts, without which plots by other than matplotlib have no text.
    ("etc/fonts", ""),
    // Debian keeps the configuration without which no JVM starts outside of /usr.
    ("etc/java-", "-openjdk"),
];

/// Copies what the lists name.
pub(super) fn copy(host: BorrowedFd<'_>, root: BorrowedFd<'_>) -> Result<(), HostImageError> {
    let place = Place::new(root);
    for path in FILES {
        if let Some(content) = public_file(host, path)? {
            place.file(path, &content)?;
        }
    }
    for (folder, places) in LINKS {
        copy_links(host, &place, folder, places)?;
    }
    for (start, end) in TREES {
        for folder in matching(host, start, end)? {
            copy_tree(host, &place, &folder)?;
        }
    }
    Ok(())
}

/// Reads a file that everybody may read; none when it is missing, closed, or not what it should
/// be.
fn public_file(host: BorrowedFd<'_>, path: &str) -> Result<Option<Vec<u8>>, HostImageError> {
    let failed = |source| HostImageError::Host { path: format!("/{path}"), source };
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = match rustix::fs::openat(host, path, flags, Mode::empty()) {
        Err(Errno::NOENT | Errno::ACCESS | Errno::NOTDIR | Errno::LOOP) => return Ok(None),
        other => other.map_err(failed)?,
    };
    let stat = rustix::fs::fstat(&file).map_err(failed)?;
    let length = u64::try_from(stat.st_size).unwrap_or(u64::MAX);
    let is_public = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
        && Mode::from_raw_mode(stat.st_mode).contains(Mode::ROTH);
    if !is_public || length > LONGEST_BYTES {
        return Ok(None);
    }
    let mut content = Vec::new();
    let mut reader = std::io::Read::take(std::fs::File::from(file), LONGEST_BYTES);
    std::io::Read::read_to_end(&mut reader, &mut content).map_err(|error| {
        failed(error.raw_os_error().map_or(Errno::IO, Errno::from_raw_os_error))
    })?;
    let is_private = content.windows(KEY_MARK.len()).any(|window| window == KEY_MARK);
    Ok((!is_private).then_some(content))
}

/// In the first line of each kind of private key in PEM.
const KEY_MARK: &[u8] = b"PRIVATE KEY-----";

fn copy_links(
    host: BorrowedFd<'_>,
    place: &Place<'_>,
    folder: &str,
    places: &[&str],
) -> Result<(), HostImageError> {
    let Some(open) = existing_folder(host, folder)? else { return Ok(()) };
    let mut walk = Walk::new(open.as_fd())?;
    while let Some(step) = walk.next()? {
        let Step::Entry(entry) = step else { continue };
        let Ok(target) = readlinkat(walk.here(), &entry.name, Vec::new()) else { continue };
        let (Ok(name), Ok(target)) = (entry.name.to_str(), target.to_str()) else { continue };
        let stays = !target.contains('/')
            || (places.iter().any(|place| target.starts_with(place)) && !climbs(target));
        if stays {
            place.link(&format!("{folder}/{name}"), target)?;
        }
    }
    Ok(())
}

/// Copies a folder's public files and links, without anything that lies deeper than a few levels
/// or has a name that is not text: packages have no such things.
fn copy_tree(host: BorrowedFd<'_>, place: &Place<'_>, folder: &str) -> Result<(), HostImageError> {
    const DEEPEST: usize = 8;
    let Some(open) = existing_folder(host, folder)? else { return Ok(()) };
    let mut walk = Walk::new(open.as_fd())?;
    let mut path = vec![folder.to_owned()];
    while let Some(step) = walk.next()? {
        let Step::Entry(entry) = step else {
            path.pop();
            continue;
        };
        let Ok(name) = entry.name.to_str() else { continue };
        let below = format!("{}/{name}", path.last().expect("the folder itself is the first"));
        match entry.kind(walk.here())? {
            // A folder that is closed to everybody is closed to us.
            FileType::Directory if path.len() < DEEPEST && walk.enter(&entry.name).is_ok() => {
                path.push(below);
            }
            FileType::Symlink => {
                let Ok(target) = readlinkat(walk.here(), &entry.name, Vec::new()) else { continue };
                let Ok(target) = target.to_str() else { continue };
                let stays = target.starts_with("/usr/") || !target.starts_with('/');
                if stays && !climbs(target) {
                    place.link(&below, target)?;
                }
            }
            FileType::RegularFile => {
                if let Some(content) = public_file(host, &below)? {
                    place.file(&below, &content)?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn climbs(target: &str) -> bool {
    target.split('/').any(|part| part == "..")
}

/// The paths of the host's folders with this start and end; exactly the start when the end is
/// empty.
fn matching(host: BorrowedFd<'_>, start: &str, end: &str) -> Result<Vec<String>, HostImageError> {
    if end.is_empty() {
        return Ok(vec![start.to_owned()]);
    }
    let (parent, start) = start.rsplit_once('/').unwrap_or((".", start));
    let open = host_folder(host, parent)?;
    let mut walk = Walk::new(open.as_fd())?;
    let mut found = Vec::new();
    while let Some(step) = walk.next()? {
        let Step::Entry(entry) = step else { continue };
        let Ok(name) = entry.name.to_str() else { continue };
        if name.starts_with(start) && name.ends_with(end) {
            found.push(format!("{parent}/{name}"));
        }
    }
    Ok(found)
}

fn existing_folder(host: BorrowedFd<'_>, path: &str) -> Result<Option<OwnedFd>, HostImageError> {
    match host_folder(host, path) {
        Ok(folder) => Ok(Some(folder)),
        Err(HostImageError::Host {
            source: Errno::NOENT | Errno::ACCESS | Errno::NOTDIR | Errno::LOOP,
            ..
        }) => Ok(None),
        Err(error) => Err(error),
    }
}
