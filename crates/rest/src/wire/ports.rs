//! Ports of sandboxes and links to them.

use infield_domain::preview::Access;
use serde::{Deserialize, Serialize};

use super::Millis;

/// A port of a sandbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Port {
    /// The sandbox's id.
    pub sandbox_id: String,
    /// The port inside.
    pub port: u16,
    /// `private`, or `public` when everybody may visit.
    pub access: Access,
    /// Whether somebody listens there; null in the answer to a change.
    pub listening: Option<bool>,
    /// Where its preview is; null when the server has no previews.
    pub url: Option<String>,
}

/// `PUT /v1/sandboxes/{ref}/ports/{port}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangePort {
    /// `private` or `public`.
    pub access: Access,
}

/// `POST /v1/sandboxes/{ref}/ports/{port}/link`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LinkPort {
    /// How long the link lives; until all links of the port are ended when missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_in_ms: Option<u64>,
}

/// A link to a port: whoever has it may visit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortLink {
    /// The sandbox's id.
    pub sandbox_id: String,
    /// The port inside.
    pub port: u16,
    /// `private`, or `public` when everybody may visit without a link.
    pub access: Access,
    /// Where the preview is; null when the server has no previews.
    pub url: Option<String>,
    /// The same with the token in it, for a browser.
    pub link: Option<String>,
    /// For the header `X-Infield-Preview-Token` of a program's requests.
    pub token: String,
    /// When it ends; null for not by itself.
    pub expires_at: Option<Millis>,
}
