//! Access by SSH.

use serde::Serialize;

/// The answer of `POST /sandbox/{id}/ssh-access`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SshAccess {
    /// Its identity.
    pub id: String,
    /// Into which sandbox.
    pub sandbox_id: String,
    /// The user name that lets in.
    pub token: String,
    /// When it ends.
    pub expires_at: String,
    /// When it was made.
    pub created_at: String,
    /// When it was changed, which it never is.
    pub updated_at: String,
    /// What a user types.
    pub ssh_command: String,
}

/// The answer of `GET /sandbox/ssh-access/validate`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SshAccessValidation {
    /// Whether the token lets in.
    pub valid: bool,
    /// Into which sandbox; empty when it does not.
    pub sandbox_id: String,
}
