//! The key that clients know this host by.

use infield_domain::{Error, Result};
use russh::keys::ssh_key::private::Ed25519Keypair;
use russh::keys::ssh_key::{HashAlg, LineEnding};
use russh::keys::{Algorithm, PrivateKey};

/// A host key of Ed25519.
#[derive(Clone)]
pub struct HostKey(PrivateKey);

impl HostKey {
    /// The key of these random bytes.
    pub fn from_random(bytes: [u8; 32]) -> Self {
        Self(PrivateKey::from(Ed25519Keypair::from_seed(&bytes)))
    }

    /// Reads what [`HostKey::text`] wrote, or `ssh-keygen -t ed25519` without a passphrase.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = |what: &str| {
            Error::invalid(format!("the host key for SSH {what}"))
                .with_hint("move the file away: another one is made, and clients will ask again")
        };
        let key = PrivateKey::from_openssh(text).map_err(|_| wrong("cannot be read"))?;
        if key.is_encrypted() || key.algorithm() != Algorithm::Ed25519 {
            return Err(wrong("is not an open one of Ed25519"));
        }
        Ok(Self(key))
    }

    /// The key as a file of OpenSSH.
    pub fn text(&self) -> Result<String> {
        let text = self.0.to_openssh(LineEnding::LF).map_err(|error| {
            Error::internal("the host key for SSH cannot be written").with_source(error)
        })?;
        Ok(text.to_string())
    }

    /// What clients show when they see the key first, such as `SHA256:...`.
    pub fn fingerprint(&self) -> String {
        self.0.fingerprint(HashAlg::Sha256).to_string()
    }

    pub(crate) fn private(&self) -> PrivateKey {
        self.0.clone()
    }
}

#[cfg(test)]
mod tests;
