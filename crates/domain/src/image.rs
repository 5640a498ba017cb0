//! Root file systems that sandboxes start from.

use serde::{Deserialize, Serialize};

use crate::ImageName;
use crate::sandbox::Millis;

/// An image in the store, or the built-in one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// What users call it.
    pub name: ImageName,
    /// Where it came from.
    pub origin: Origin,
    /// Bytes on disk; none for the host's mirror.
    pub size_bytes: u64,
    /// Files and folders in it.
    pub files: u64,
    /// When it was imported; zero for the built-in one.
    pub created_at: Millis,
    /// What was left out on import, one line for each kind, such as `3 devices`.
    pub left_out: Vec<String>,
}

/// Where an image came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The host's `/usr`, read-only, below a skeleton that infield makes.
    Host,
    /// A folder or an archive that a user gave.
    Import,
}
