//! Checks every field of every request.
//!
//! The daemon parses foreign bytes. This module assumes that it was taken over, and lets nothing
//! through that is not a plain name or a sane number. Paths never come from a request: names
//! become one path component below a descriptor.

use crate::failure::{Outcome, refused};
use crate::request::{Limits, Mount, Request, Start};

/// The image that mirrors the host.
pub(crate) const HOST_IMAGE: &str = "host";

/// The words of the controls that a policy may require.
pub(crate) const CONTROLS: [&str; 13] = [
    "memory",
    "pids",
    "cpu",
    "disk",
    "inodes",
    "open_files",
    "user_namespace",
    "id_range",
    "network",
    "egress",
    "seccomp",
    "landlock",
    "atomic_kill",
];

/// Volumes of one sandbox at most, and the bytes and names of a path of theirs.
const MOST_MOUNTS: u64 = 16;
const MOST_PATH: usize = 512;
const MOST_PARTS: usize = 32;

/// Where no volume may be, nor below. The kernel's views, the devices, and what programs trust.
const OWN_TREES: [&str; 11] =
    ["proc", "sys", "dev", "boot", "etc", "bin", "sbin", "lib", "lib32", "lib64", "libx32"];
/// Where no volume may be. `tmp` is where the old root is let go of.
const OWN_FOLDERS: [&str; 2] = ["tmp", "usr"];

/// Refuses a request with a field that is not in its bounds.
pub(crate) fn request(request: &Request) -> Outcome<()> {
    match request {
        Request::Probe | Request::Inventory { only: None } => Ok(()),
        Request::Start(start) => self::start(start),
        Request::Inventory { only: Some(sandbox) }
        | Request::Stop { sandbox }
        | Request::Pause { sandbox }
        | Request::Resume { sandbox }
        | Request::Remove { sandbox }
        | Request::Watch { sandbox }
        | Request::Measure { sandbox } => sandbox_name(sandbox),
        Request::Resize { sandbox, limits } => {
            sandbox_name(sandbox)?;
            self::limits(limits)
        }
        Request::ImportImage { image, limit_bytes, limit_entries, created_at: _ } => {
            stored_image(image)?;
            within("limit_bytes", *limit_bytes, 1, 1 << 44)?;
            within("limit_entries", *limit_entries, 1, 1 << 28)
        }
        Request::RemoveImage { image } => stored_image(image),
        Request::MakeVolume { volume, limits } => {
            volume_name(volume)?;
            within("bytes", limits.bytes, 1 << 20, 1 << 50)?;
            within("inodes", limits.inodes, 64, 1 << 40)
        }
        Request::MeasureVolume { volume } | Request::RemoveVolume { volume } => volume_name(volume),
    }
}

fn start(start: &Start) -> Outcome<()> {
    sandbox_name(&start.sandbox)?;
    image_name(&start.image)?;
    hostname(&start.hostname)?;
    limits(&start.limits)?;
    mounts(&start.volumes)?;
    let unknown = start.require.iter().find(|word| !CONTROLS.contains(&word.as_str()));
    match unknown {
        Some(word) => Err(refused(format!("`{}` is no control", shown(word)))),
        None => Ok(()),
    }
}

/// Refuses mounts that would go where no volume may be, or into each other.
fn mounts(mounts: &[Mount]) -> Outcome<()> {
    within("volumes", mounts.len() as u64, 0, MOST_MOUNTS)?;
    for mount in mounts {
        volume_name(&mount.volume)?;
        plain_path("the mount path of a volume", &mount.path)?;
        let top = mount.path.split('/').next().unwrap_or_default();
        if OWN_TREES.contains(&top) || OWN_FOLDERS.contains(&mount.path.as_str()) {
            let shown = shown(&mount.path);
            return Err(refused(format!("`/{shown}` is a place of the sandbox's own")));
        }
        if !mount.subpath.is_empty() {
            plain_path("the subpath of a volume", &mount.subpath)?;
        }
    }
    let is_within = |one: &str, other: &str| {
        one.strip_prefix(other).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    for (at, one) in mounts.iter().enumerate() {
        for (other_at, other) in mounts.iter().enumerate() {
            if at != other_at && is_within(&one.path, &other.path) {
                return Err(refused("the mount path of a volume is within that of another"));
            }
        }
    }
    Ok(())
}

/// A path of plain names: nothing in it leads upwards or begins anew.
fn plain_path(what: &str, path: &str) -> Outcome<()> {
    let plain = |part: &str| !part.is_empty() && part != "." && part != "..";
    let fits = path.len() <= MOST_PATH && path.split('/').count() <= MOST_PARTS;
    if fits && path.split('/').all(plain) && !path.chars().any(char::is_control) {
        return Ok(());
    }
    Err(refused(format!("{what}, `{}`, is no plain path", shown(path))))
}

fn limits(limits: &Limits) -> Outcome<()> {
    within("memory_bytes", limits.memory_bytes, 4 << 20, 1 << 46)?;
    within("cpu_millis", limits.cpu_millis.into(), 10, 1_024_000)?;
    within("pids", limits.pids.into(), 4, 4 << 20)?;
    within("disk_bytes", limits.disk_bytes, 1 << 20, 1 << 50)?;
    within("inodes", limits.inodes, 64, 1 << 40)?;
    within("open_files", limits.open_files.into(), 32, 1 << 20)
}

/// Whether `name` is a sandbox's folder name.
pub(crate) fn is_sandbox_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=40).contains(&name.len()) && name.bytes().all(plain)
}

/// Whether `name` is an image's folder name.
pub(crate) fn is_image_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-+:@%".contains(&byte);
    (1..=200).contains(&name.len()) && !name.starts_with('.') && name.bytes().all(plain)
}

fn sandbox_name(name: &str) -> Outcome<()> {
    if is_sandbox_name(name) {
        return Ok(());
    }
    Err(refused(format!("`{}` is no sandbox id: 1 to 40 of a-z, 0-9 and -", shown(name))))
}

/// A volume's folder has a name like a sandbox's.
fn volume_name(name: &str) -> Outcome<()> {
    if is_sandbox_name(name) {
        return Ok(());
    }
    Err(refused(format!("`{}` is no volume id: 1 to 40 of a-z, 0-9 and -", shown(name))))
}

fn image_name(name: &str) -> Outcome<()> {
    if is_image_name(name) {
        return Ok(());
    }
    Err(refused(format!("`{}` is no image name: 1 to 200 letters, digits or ._-+:@%", shown(name))))
}

fn stored_image(name: &str) -> Outcome<()> {
    image_name(name)?;
    if name == HOST_IMAGE {
        return Err(refused("the image `host` is built in"));
    }
    Ok(())
}

fn hostname(name: &str) -> Outcome<()> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if (1..=63).contains(&name.len()) && name.bytes().all(plain) {
        return Ok(());
    }
    Err(refused(format!("`{}` is no host name: 1 to 63 letters, digits or -_.", shown(name))))
}

fn within(field: &str, value: u64, least: u64, most: u64) -> Outcome<()> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    Err(refused(format!("`{field}` is {value}, outside {least} to {most}")))
}

/// A foreign word, made fit for a message.
fn shown(word: &str) -> String {
    word.chars().take(48).flat_map(char::escape_default).collect()
}

#[cfg(test)]
mod tests;
