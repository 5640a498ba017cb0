//! Secrets. No answer has a value in it.

use infield_domain::secret::Value;
use serde::{Deserialize, Serialize};

use super::Millis;

/// `PUT /v1/secrets/{name}`: a value, and where it may go.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetSecret {
    /// The hosts that it is for, such as `api.example.org` or `*.example.org`; 1 to 16.
    pub hosts: Vec<String>,
    /// The value, 8 bytes to 8 KiB. It is never shown again.
    pub value: Value,
    /// Whose sandboxes may use it; the caller's own when missing.
    #[serde(default)]
    pub owner: Option<String>,
    /// What it is, in a line of up to 500 characters; as before when missing.
    #[serde(default)]
    pub description: Option<String>,
}

/// `PUT /v1/sandboxes/{ref}/secrets`: what it can use from now on, and nothing else.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GiveSecrets {
    /// `NAME` or `NAME=VARIABLE`, at most 16.
    pub secrets: Vec<String>,
}

/// A secret as every answer shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secret {
    /// Its identity.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Whose sandboxes may use it.
    pub owner: String,
    /// What it is.
    pub description: Option<String>,
    /// Where its value may go.
    pub hosts: Vec<String>,
    /// When it was first made.
    pub created_at: Millis,
    /// When its value or its hosts were last set.
    pub changed_at: Millis,
}
