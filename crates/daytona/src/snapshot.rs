//! What sandboxes are started from.

use serde::Serialize;

/// A snapshot. The contract requires most keys, so that some are there as `null`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Snapshot {
    /// Its identity.
    pub id: String,
    /// Whether everybody may use it.
    pub general: bool,
    /// What people call it.
    pub name: String,
    /// What it was made from.
    pub image_name: String,
    /// `active`: sandboxes can be started from it.
    pub state: &'static str,
    /// GiB on disk.
    pub size: Option<f64>,
    /// What it runs by itself, which is nothing.
    pub entrypoint: Option<Vec<String>>,
    /// Processors of a sandbox that says nothing.
    pub cpu: u64,
    /// Always 0.
    pub gpu: u64,
    /// GiB of memory of one that says nothing.
    pub mem: u64,
    /// GiB of disk of one that says nothing.
    pub disk: u64,
    /// Why it cannot be used.
    pub error_reason: Option<String>,
    /// When it was made.
    pub created_at: String,
    /// When it was changed.
    pub updated_at: String,
    /// When a sandbox was last started from it, where that is known.
    pub last_used_at: Option<String>,
    /// The sandbox that it was made of.
    pub source_sandbox_id: Option<String>,
    /// Where it can be used.
    pub region_ids: Vec<String>,
    /// How its sandboxes are isolated.
    pub sandbox_class: &'static str,
}
