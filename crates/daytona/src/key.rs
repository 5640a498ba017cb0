//! API keys.

use serde::{Deserialize, Serialize};

/// What a key may do, in the contract's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Scope {
    /// Add credentials of image registries.
    #[serde(rename = "write:registries")]
    WriteRegistries,
    /// Remove them.
    #[serde(rename = "delete:registries")]
    DeleteRegistries,
    /// Make snapshots.
    #[serde(rename = "write:snapshots")]
    WriteSnapshots,
    /// Remove snapshots.
    #[serde(rename = "delete:snapshots")]
    DeleteSnapshots,
    /// Make, change and use sandboxes.
    #[serde(rename = "write:sandboxes")]
    WriteSandboxes,
    /// Delete sandboxes.
    #[serde(rename = "delete:sandboxes")]
    DeleteSandboxes,
    /// See volumes.
    #[serde(rename = "read:volumes")]
    ReadVolumes,
    /// Make volumes.
    #[serde(rename = "write:volumes")]
    WriteVolumes,
    /// Delete volumes.
    #[serde(rename = "delete:volumes")]
    DeleteVolumes,
    /// Make regions.
    #[serde(rename = "write:regions")]
    WriteRegions,
    /// Remove regions.
    #[serde(rename = "delete:regions")]
    DeleteRegions,
    /// See runners.
    #[serde(rename = "read:runners")]
    ReadRunners,
    /// Make runners.
    #[serde(rename = "write:runners")]
    WriteRunners,
    /// Remove runners.
    #[serde(rename = "delete:runners")]
    DeleteRunners,
    /// Read the audit trail.
    #[serde(rename = "read:audit_logs")]
    ReadAuditLogs,
    /// Make and revoke keys.
    #[serde(rename = "manage:api_keys")]
    ManageApiKeys,
    /// Make and remove secrets.
    #[serde(rename = "manage:secrets")]
    ManageSecrets,
    /// See limits.
    #[serde(rename = "read:limits")]
    ReadLimits,
    /// Set logins up.
    #[serde(rename = "manage:sso")]
    ManageSso,
    /// See bills.
    #[serde(rename = "read:billing")]
    ReadBilling,
    /// Pay them.
    #[serde(rename = "manage:billing")]
    ManageBilling,
}

/// The body of `POST /api-keys`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateApiKey {
    /// What people call it.
    pub name: String,
    /// What it may do.
    #[serde(default)]
    pub permissions: Vec<Scope>,
    /// When it ends, if ever.
    pub expires_at: Option<String>,
}

/// A new key, which is shown this once.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ApiKeyMade {
    /// What people call it.
    pub name: String,
    /// The key itself.
    pub value: String,
    /// When it was made.
    pub created_at: String,
    /// What it may do.
    pub permissions: Vec<Scope>,
    /// When it ends, if ever.
    pub expires_at: Option<String>,
}

/// What is known of a key.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ApiKey {
    /// What people call it.
    pub name: String,
    /// The key, masked.
    pub value: String,
    /// When it was made.
    pub created_at: String,
    /// What it may do.
    pub permissions: Vec<Scope>,
    /// When it was last used; the key must be there.
    pub last_used_at: Option<String>,
    /// When it ends; the key must be there.
    pub expires_at: Option<String>,
    /// Whose it is.
    pub user_id: String,
}
