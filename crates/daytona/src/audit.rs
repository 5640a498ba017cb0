//! The audit trail.

use std::collections::BTreeMap;

use serde::Serialize;

/// One thing that somebody did.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditLog {
    /// Its identity.
    pub id: String,
    /// Who did it.
    pub actor_id: String,
    /// Empty where no mail is sent.
    pub actor_email: String,
    /// Under whose name.
    pub organization_id: String,
    /// What.
    pub action: String,
    /// What kind of thing it was done to.
    pub target_type: String,
    /// Which one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_id: Option<String>,
    /// Why it was refused, or how it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_message: Option<String>,
    /// What else is known.
    pub metadata: BTreeMap<&'static str, String>,
    /// When.
    pub created_at: String,
}

/// One page of `GET /audit/organizations/{id}`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditPage {
    /// What it has.
    pub items: Vec<AuditLog>,
    /// Records in all.
    pub total: u64,
    /// Which page, from 1.
    pub page: u32,
    /// How many there are.
    pub total_pages: u64,
}
