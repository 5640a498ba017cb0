//! Keys and the audit trail.

use infield_domain::principal::Permission;
use serde::{Deserialize, Serialize};

use super::Millis;

/// `POST /v1/keys`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreateKey {
    /// What people call it; unique among keys that are not revoked.
    pub name: String,
    /// Whom it stands for; its name when missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// The organization that it stands for, which somebody has made, in place of an owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization: Option<String>,
    /// What it may do; everything but `admin` when missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permissions: Option<Vec<Permission>>,
    /// Whether it sees the sandboxes of every owner.
    #[serde(default)]
    pub sees_all: bool,
    /// When it ends; never when missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Millis>,
}

/// `POST /v1/organizations`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreateOrganization {
    /// The word by which its keys name it.
    pub name: String,
}

/// A new key. This answer is the only place where the secret is ever shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyMade {
    /// Names the key; not a secret.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// The secret.
    pub key: String,
}

impl std::fmt::Debug for KeyMade {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("KeyMade").field("id", &self.id).field("name", &self.name).finish()
    }
}

/// A key as lists show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// Names the key.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Whom it stands for.
    pub owner: String,
    /// What it may do.
    pub permissions: Vec<Permission>,
    /// Whether it sees the sandboxes of every owner.
    pub sees_all: bool,
    /// When it was made.
    pub created_at: Millis,
    /// When it ends; null for never.
    pub expires_at: Option<Millis>,
    /// When it was last used, to the minute; null for not yet.
    pub used_at: Option<Millis>,
}

/// The query of `GET /v1/audit`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AuditQuery {
    /// Only records of this sandbox, key or image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Only records of this owner.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub who: Option<String>,
    /// Only records of this action, such as `network.connect`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// Records at most; 100 when missing, 1,000 at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// What the page before gave as `next`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// `GET /v1/audit/verify`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditVerdict {
    /// How many records there are.
    pub records: u64,
    /// The first sequence number at which the chain does not hold; null when it holds.
    pub broken_at: Option<u64>,
}
