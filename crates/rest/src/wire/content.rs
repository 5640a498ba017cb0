//! Bytes inside JSON.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use infield_domain::{Error, Result};
use serde::{Deserialize, Serialize};

/// Bytes inside JSON: `{"text": …}` when they are UTF-8, otherwise `{"base64": …}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// The bytes as text.
    Text(String),
    /// The bytes in base64 with padding.
    Base64(String),
}

impl Content {
    /// Packs bytes.
    pub fn of(bytes: &[u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::Text(text.to_owned()),
            Err(_) => Self::Base64(STANDARD.encode(bytes)),
        }
    }

    /// Unpacks the bytes.
    pub fn into_bytes(self) -> Result<Bytes> {
        match self {
            Self::Text(text) => Ok(Bytes::from(text)),
            Self::Base64(text) => STANDARD.decode(text.as_bytes()).map(Bytes::from).map_err(|_| {
                Error::invalid("`base64` does not hold base64")
                    .with_hint("use the standard alphabet with padding, or send `text`")
            }),
        }
    }
}
