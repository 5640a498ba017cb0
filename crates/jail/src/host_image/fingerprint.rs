//! Tells when the image has to be made again.

use std::fmt::Write as _;

use rustix::fs::{AtFlags, CWD, statat};
use rustix::io::Errno;

/// Raised when what this module writes changes.
const GENERATION: u32 = 3;

/// What changes when packages are installed, removed or updated, with any of the usual tools.
const WATCHED: &[&str] = &[
    "/usr",
    "/usr/bin",
    "/usr/sbin",
    "/usr/lib",
    "/usr/lib64",
    "/usr/libexec",
    "/usr/share",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/alternatives",
    "/etc/ssl/certs",
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/fonts",
    "/var/lib/dpkg/status",
    "/var/lib/rpm/rpmdb.sqlite",
    "/usr/lib/sysimage/rpm/rpmdb.sqlite",
    "/var/lib/pacman/local",
];

/// A line of text that stays the same as long as the host's `/usr` and the public parts of its
/// `/etc` do, as far as the times and lengths of a few files and folders tell. A file that is
/// changed by hand deep in `/usr` is not noticed.
pub fn fingerprint() -> String {
    let mut line = format!("{GENERATION}");
    for path in WATCHED {
        let written = match statat(CWD, *path, AtFlags::empty()) {
            Ok(stat) => {
                write!(line, " {}.{}.{}", stat.st_mtime, stat.st_mtime_nsec, stat.st_size)
            }
            Err(Errno::NOENT) => write!(line, " -"),
            Err(error) => write!(line, " e{}", error.raw_os_error()),
        };
        written.expect("a string takes every text");
    }
    line
}
