//! Values that sandboxes can use and never have.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// The body of `POST /secret`.
#[derive(Deserialize)]
pub struct CreateSecret<V> {
    /// Its name.
    pub name: String,
    /// The value.
    pub value: V,
    /// What it is.
    pub description: Option<String>,
    /// Where the value may go.
    #[serde(default)]
    pub hosts: Vec<String>,
}

/// The body of `PATCH /secret/{secretId}`.
#[derive(Deserialize)]
pub struct UpdateSecret<V> {
    /// A new value.
    pub value: Option<V>,
    /// What it is.
    pub description: Option<String>,
    /// Where the value may go.
    pub hosts: Option<Vec<String>>,
}

impl<V> fmt::Debug for CreateSecret<V> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("CreateSecret").field("name", &self.name).finish_non_exhaustive()
    }
}

impl<V> fmt::Debug for UpdateSecret<V> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("UpdateSecret").field("hosts", &self.hosts).finish_non_exhaustive()
    }
}

/// The body of `PUT /sandbox/{sandboxIdOrName}/secrets`.
#[derive(Debug, Deserialize)]
pub struct UpdateSandboxSecrets {
    /// Names of secrets by the variables that hold their placeholders.
    pub secrets: Vec<BTreeMap<String, String>>,
}

/// A secret.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Secret {
    /// Its identity.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// What it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// When it was made.
    pub created_at: String,
    /// What stands for the value.
    pub placeholder: String,
    /// Where the value may go.
    pub hosts: Vec<String>,
    /// When it was changed.
    pub updated_at: String,
}

/// One page of secrets.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SecretPage {
    /// What it has.
    pub items: Vec<Secret>,
    /// How many there are on all pages.
    pub total: usize,
    /// Where the next page begins.
    pub next_cursor: Option<String>,
}

/// A secret of a sandbox.
#[derive(Clone, Debug, Serialize)]
pub struct SandboxSecret {
    /// The variable that holds the placeholder.
    pub env: String,
    /// What stands for the value.
    pub placeholder: String,
    /// Where the value may go.
    pub hosts: Vec<String>,
}
