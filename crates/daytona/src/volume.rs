//! Shared folders.

use serde::{Deserialize, Serialize};

/// The body of `POST /volumes`.
#[derive(Clone, Debug, Deserialize)]
pub struct CreateVolume {
    /// Its name.
    pub name: String,
}

/// A volume. The contract requires `errorReason` to be there, also as `null`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Volume {
    /// Its identity.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Whose it is.
    pub organization_id: String,
    /// `ready`: sandboxes can have it.
    pub state: &'static str,
    /// Why it cannot be had.
    pub error_reason: Option<String>,
    /// When it was made.
    pub created_at: String,
    /// When it was changed.
    pub updated_at: String,
    /// When a sandbox last had it, where that is known.
    pub last_used_at: Option<String>,
}
