//! Links to ports of a sandbox.

use serde::Serialize;

/// The answer of `GET /sandbox/{id}/ports/{port}/preview-url`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PreviewUrl {
    /// The sandbox.
    pub sandbox_id: String,
    /// Where the port is; the token goes into a header.
    pub url: String,
    /// Lets visitors in.
    pub token: String,
}

/// The answer of `GET /sandbox/{id}/ports/{port}/signed-preview-url`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SignedPreviewUrl {
    /// The sandbox.
    pub sandbox_id: String,
    /// The port.
    pub port: u16,
    /// What is in the address.
    pub token: String,
    /// Where the port is, with all that a visitor needs.
    pub url: String,
}
