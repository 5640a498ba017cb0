//! Volumes.

use infield_domain::isolation::Mechanism;
use serde::{Deserialize, Serialize};

use super::Millis;

/// `POST /v1/volumes`: a folder that several sandboxes can share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreateVolume {
    /// Its name, unique among those of its owner.
    pub name: String,
    /// Bytes that it may hold; 10 GiB when missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_bytes: Option<u64>,
    /// Files and folders that it may hold; 1,000,000 when missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inodes: Option<u64>,
}

/// A volume as every answer shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Volume {
    /// Its identity, for ever.
    pub id: String,
    /// Unique among those of its owner.
    pub name: String,
    /// Whose sandboxes may have it.
    pub owner: String,
    /// Bytes that it may hold.
    pub size_bytes: u64,
    /// Files and folders that it may hold.
    pub inodes: u64,
    /// What holds it to that: `sampled` means that sandboxes which have it are stopped when it holds
    /// more.
    pub enforced: Mechanism,
    /// When it was made.
    pub created_at: Millis,
    /// When a sandbox that has it last started; `null` when none has.
    pub used_at: Option<Millis>,
}

/// `GET /v1/volumes/{ref}`: a volume with what it holds and who has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumeInspection {
    /// The volume.
    pub volume: Volume,
    /// Bytes that it holds.
    pub used_bytes: Option<u64>,
    /// Files and folders that it holds.
    pub used_inodes: Option<u64>,
    /// The sandboxes that have it, running or not.
    pub sandboxes: Vec<String>,
}

/// A volume of a sandbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VolumeMount {
    /// Its id; a request may say its name.
    pub volume: String,
    /// Where it is inside, such as `/data`.
    pub path: String,
    /// The folder of it, which is made when it is missing; all of it when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subpath: Option<String>,
}
