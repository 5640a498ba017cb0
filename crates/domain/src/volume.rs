//! Volumes: folders that several sandboxes share.
//!
//! A volume has a name that is unique among those of its owner, and is kept until somebody deletes
//! it. A sandbox has some of them as [`VolumeMount`]s, which are part of its spec: they are mounted
//! at every start of it, or it does not start. Files in a volume have the same owners in every
//! sandbox, whatever ids each of them has outside.
//!
//! ```text
//! /data/sets  (mount path)  ◄──  volume `corpus`, its folder `sets/2026`  (subpath)
//! ```
//!
//! What the launcher does with a mount it checks by itself; here is what a user is told.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::id::text_type;
use crate::isolation::Mechanism;
use crate::sandbox::{Millis, Usage};
use crate::{Error, Result, VolumeId};

/// Volumes of one sandbox at most.
pub const MOST_MOUNTS: usize = 16;
/// Bytes of a mount path or of a subpath at most.
pub const MOST_PATH: usize = 512;
/// Folders of one below the other, in a mount path or in a subpath, at most.
const MOST_PARTS: usize = 32;
/// Bytes of a name at most.
const MOST_NAME: usize = 100;

/// Places that are the sandbox's own, with everything below them.
const OWN_TREES: &[&str] =
    &["proc", "sys", "dev", "boot", "etc", "bin", "sbin", "lib", "lib32", "lib64", "libx32"];
/// Places that are the sandbox's own, and below which there may be others.
const OWN_FOLDERS: &[&str] = &["tmp", "usr"];

/// The name of a volume: 1 to 100 letters, digits, `-`, `_` or `.`. It never looks like an id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct VolumeName(String);

/// Where a volume is inside a sandbox: a plain path from the root that is no place of the
/// sandbox's own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MountPath(String);

/// A folder of a volume: a plain path from the volume's own root.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Subpath(String);

/// What a volume may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumeLimits {
    /// Bytes.
    pub size_bytes: u64,
    /// Files and folders.
    pub inodes: u64,
}

/// A volume.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Volume {
    /// Its identity, for ever.
    pub id: VolumeId,
    /// Unique among those of its owner.
    pub name: VolumeName,
    /// Whose sandboxes may have it.
    pub owner: String,
    /// What it may hold.
    pub limits: VolumeLimits,
    /// What holds it to them.
    pub enforced: Mechanism,
    /// When it was made.
    pub created_at: Millis,
    /// When a sandbox that has it last started.
    #[serde(default)]
    pub used_at: Option<Millis>,
}

/// A volume that a new sandbox is to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedVolume {
    /// Its id or name.
    pub volume: String,
    /// Where.
    pub path: MountPath,
    /// The folder of it; all of it when there is none.
    pub subpath: Option<Subpath>,
}

/// A volume that a sandbox has, as its record says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumeMount {
    /// Which.
    pub volume: VolumeId,
    /// Where.
    pub path: MountPath,
    /// The folder of it; all of it when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subpath: Option<Subpath>,
}

/// A volume with what it holds and who has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumeInspection {
    /// The volume.
    pub volume: Volume,
    /// What it holds; the fields that are no volume's are empty.
    pub usage: Usage,
    /// The sandboxes that have it, running or not.
    pub sandboxes: Vec<crate::SandboxId>,
}

impl VolumeLimits {
    /// What a volume may hold when nobody says otherwise.
    pub const DEFAULT: Self = Self { size_bytes: 10 << 30, inodes: 1_000_000 };

    /// Refuses what no volume can be held to.
    pub fn check(&self) -> Result<()> {
        if !(1 << 20..=1 << 50).contains(&self.size_bytes) {
            return Err(Error::invalid("the size of a volume is out of range")
                .with_hint("choose 1 MiB to 1 PiB"));
        }
        if !(64..=1 << 40).contains(&self.inodes) {
            return Err(Error::invalid("the number of files of a volume is out of range")
                .with_hint("choose 64 or more"));
        }
        Ok(())
    }
}

/// Refuses mounts that are in each other's way.
pub fn check_mounts<'a>(paths: impl Iterator<Item = &'a MountPath>) -> Result<()> {
    let mut paths: Vec<&MountPath> = paths.collect();
    if paths.len() > MOST_MOUNTS {
        let text = format!("there are {} volumes; {MOST_MOUNTS} fit", paths.len());
        return Err(Error::invalid(text).with_hint("mount fewer, with folders in them"));
    }
    paths.sort_unstable();
    for (at, path) in paths.iter().enumerate() {
        let rest = paths.get(at + 1..).unwrap_or_default();
        if let Some(other) = rest.iter().find(|other| other.is_within(path)) {
            let text = format!("the mount path `{other}` is within the mount path `{path}`");
            return Err(Error::invalid(text).with_hint("mount the volumes beside each other"));
        }
    }
    Ok(())
}

impl MountPath {
    /// Whether it is another one or lies below it.
    fn is_within(&self, other: &Self) -> bool {
        let rest = self.0.strip_prefix(&other.0);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

/// Refuses parts that are not all plain names of folders.
fn check_parts(what: &str, path: &str) -> Result<()> {
    let plain = |part: &str| !part.is_empty() && part != "." && part != "..";
    let is_long = path.len() > MOST_PATH || path.split('/').count() > MOST_PARTS;
    let is_wrong = path.chars().any(char::is_control) || !path.split('/').all(plain);
    if is_long || is_wrong {
        let text = format!("the {what} of a volume has to be a plain path");
        return Err(Error::invalid(text).with_hint(format!(
            "write up to {MOST_PARTS} names with `/` between, {MOST_PATH} bytes, without `.` and `..`"
        )));
    }
    Ok(())
}

impl FromStr for MountPath {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let path = text.strip_prefix('/').ok_or_else(|| {
            Error::invalid("the mount path of a volume begins with `/`")
                .with_hint("write it like `/data`")
        })?;
        let path = path.strip_suffix('/').unwrap_or(path);
        check_parts("mount path", path)?;
        let top = path.split('/').next().unwrap_or_default();
        if OWN_TREES.contains(&top) || OWN_FOLDERS.contains(&path) {
            return Err(Error::invalid(format!("`/{path}` is a place of the sandbox's own"))
                .with_hint("mount the volume elsewhere, such as at `/data`"));
        }
        Ok(Self(format!("/{path}")))
    }
}

impl FromStr for Subpath {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if text.starts_with('/') {
            return Err(Error::invalid("the subpath of a volume begins in the volume")
                .with_hint("leave out the `/` at its begin"));
        }
        let path = text.strip_suffix('/').unwrap_or(text);
        check_parts("subpath", path)?;
        Ok(Self(path.to_owned()))
    }
}

impl FromStr for VolumeName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let inner = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        let begins = text.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric());
        if !begins || text.len() > MOST_NAME || !text.bytes().all(inner) {
            return Err(Error::invalid(format!(
                "a volume's name has 1 to {MOST_NAME} letters, digits, `-`, `_` or `.`"
            ))
            .with_hint("begin it with a letter or a digit, such as `corpus-2`"));
        }
        if text.parse::<VolumeId>().is_ok() {
            return Err(Error::invalid(format!("the name `{text}` looks like a volume's id"))
                .with_hint("choose another name"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl FromStr for WantedVolume {
    type Err = Error;

    /// Reads `VOLUME:/PATH` or `VOLUME:/PATH:SUBPATH`.
    fn from_str(text: &str) -> Result<Self> {
        let mut parts = text.splitn(3, ':');
        let volume = parts.next().filter(|volume| !volume.is_empty());
        let (Some(volume), Some(path)) = (volume, parts.next()) else {
            return Err(Error::invalid("a volume of a sandbox is written with its mount path")
                .with_hint("write it like `corpus:/data`, or `corpus:/data:sets`"));
        };
        let subpath = parts.next().map(str::parse).transpose()?;
        Ok(Self { volume: volume.to_owned(), path: path.parse()?, subpath })
    }
}

text_type!(VolumeName);
text_type!(MountPath);
text_type!(Subpath);

#[cfg(test)]
mod tests;
