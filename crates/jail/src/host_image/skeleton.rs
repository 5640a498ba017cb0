//! What the image has of its own: folders, a small `/etc`, and links into `/usr`.

use std::os::fd::BorrowedFd;

use rustix::fs::{AtFlags, FileType, readlinkat, statat};
use rustix::io::Errno;

use super::HostImageError;
use super::place::Place;

/// The user that is not root, as Daytona's images have it.
const DAYTONA: u32 = 1000;

/// Folders and their modes. Those that both users are meant to work in are open to both.
const FOLDERS: &[(&str, u32)] = &[
    // Mount points.
    ("dev", 0o755),
    ("proc", 0o555),
    ("sys", 0o555),
    ("usr", 0o755),
    ("tmp", 0o1777),
    // Where work goes.
    ("workspace", 0o777),
    ("app", 0o777),
    ("root", 0o700),
    ("home", 0o755),
    ("home/daytona", 0o755),
    // The rest that programs look for.
    ("etc", 0o755),
    ("etc/profile.d", 0o755),
    ("etc/skel", 0o755),
    ("etc/ssl/private", 0o700),
    ("media", 0o755),
    ("mnt", 0o755),
    ("opt", 0o755),
    ("srv", 0o755),
    ("run", 0o755),
    ("run/lock", 0o1777),
    ("var", 0o755),
    ("var/cache", 0o755),
    ("var/lib", 0o755),
    ("var/local", 0o755),
    ("var/log", 0o755),
    ("var/mail", 0o755),
    ("var/opt", 0o755),
    ("var/spool", 0o755),
    ("var/tmp", 0o1777),
];

/// Links of our own.
const LINKS: &[(&str, &str)] = &[
    ("etc/localtime", "/usr/share/zoneinfo/Etc/UTC"),
    ("etc/mtab", "../proc/self/mounts"),
    ("etc/os-release", "../usr/lib/os-release"),
    ("var/run", "/run"),
    ("var/lock", "/run/lock"),
];

/// Where programs ask for names: the address that the network process answers at. Where there is no
/// network, nobody can be reached there.
pub(crate) const RESOLVER: &str = "nameserver 198.18.0.1\n";

/// Files of our own. None of them says anything about the host.
const FILES: &[(&str, &str)] = &[
    (
        "etc/passwd",
        "root:x:0:0:root:/root:/bin/bash\n\
         daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n\
         daytona:x:1000:1000::/home/daytona:/bin/bash\n\
         nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
    ),
    (
        "etc/group",
        // `tty` owns pseudo-terminals, `staff` what Debian's packages make in /usr/local.
        "root:x:0:\ndaemon:x:1:\ntty:x:5:\nstaff:x:50:\nusers:x:100:\n\
         daytona:x:1000:\nnogroup:x:65534:\n",
    ),
    ("etc/hosts", "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"),
    (
        "etc/nsswitch.conf",
        "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nnetworks: files\n\
         protocols: files\nservices: files\nethers: files\nrpc: files\n",
    ),
    ("etc/resolv.conf", RESOLVER),
    ("etc/timezone", "Etc/UTC\n"),
    ("etc/shells", "/bin/sh\n/bin/bash\n/usr/bin/sh\n/usr/bin/bash\n"),
    (
        "etc/profile",
        "PATH=${PATH:-/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin}\n\
         export PATH\n\
         if [ -n \"${BASH_VERSION-}\" ] && [ -f /etc/bash.bashrc ]; then . /etc/bash.bashrc; fi\n\
         for script in /etc/profile.d/*.sh; do [ -r \"$script\" ] && . \"$script\"; done\n\
         unset script\n",
    ),
    (
        "etc/bash.bashrc",
        "case $- in *i*) ;; *) return ;; esac\n\
         PS1='\\u@\\h:\\w\\$ '\n\
         shopt -s checkwinsize\n\
         command -v dircolors >/dev/null && eval \"$(dircolors -b)\" && alias ls='ls --color=auto'\n",
    ),
    // What `openssl req` needs; the host's file may name the host's engines.
    (
        "etc/ssl/openssl.cnf",
        "[req]\ndistinguished_name = req_distinguished_name\n\
         [req_distinguished_name]\ncommonName = Common Name\n",
    ),
    // Being root is the normal case here, and there may be no network to ask for versions.
    ("etc/pip.conf", "[global]\nroot-user-action = ignore\ndisable-pip-version-check = true\n"),
    ("etc/npmrc", super::mask::NPMRC),
];

/// Top-level names that lead into `/usr` on a host with one `/usr` for everything.
const INTO_USR: &[&str] = &["bin", "sbin", "lib", "lib64", "lib32", "libx32"];

/// Writes the skeleton into the empty lowest layer.
pub(super) fn write(host: BorrowedFd<'_>, root: BorrowedFd<'_>) -> Result<(), HostImageError> {
    let place = Place::new(root);
    for (path, mode) in FOLDERS {
        place.folder(path, *mode)?;
    }
    for (path, target) in LINKS {
        place.link(path, target)?;
    }
    for (path, content) in FILES {
        place.file(path, content.as_bytes())?;
    }
    place.give("home/daytona", DAYTONA)?;
    for name in INTO_USR {
        if leads_into_usr(host, name)? {
            place.link(name, &format!("usr/{name}"))?;
        }
    }
    Ok(())
}

/// Whether a top-level name of the host's is a link into `/usr`; a host without the name is fine.
fn leads_into_usr(host: BorrowedFd<'_>, name: &str) -> Result<bool, HostImageError> {
    let failed = |source| HostImageError::Host { path: format!("/{name}"), source };
    let stat = match statat(host, name, AtFlags::SYMLINK_NOFOLLOW) {
        Err(Errno::NOENT) => return Ok(false),
        other => other.map_err(failed)?,
    };
    if FileType::from_raw_mode(stat.st_mode) == FileType::Symlink {
        let target = readlinkat(host, name, Vec::new()).map_err(failed)?;
        let target = target.to_bytes();
        let target = target.strip_prefix(b"/").unwrap_or(target);
        if target.strip_prefix(b"usr/") == Some(name.as_bytes()) {
            return Ok(true);
        }
    }
    Err(HostImageError::Unsupported {
        reason: format!("`/{name}` is not a link to `/usr/{name}`"),
        hint: "import a root file system instead: `infield image import NAME DIR|TAR`",
    })
}
