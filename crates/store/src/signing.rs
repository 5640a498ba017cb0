//! Keys by which owners of sandboxes sign links to files.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use infield_domain::{Result, SandboxId};
use rusqlite::{OptionalExtension as _, params};
use sha2::Sha256;

use crate::Store;
use crate::error::{StoreError, seam};

/// The key of one sandbox, as text that its owner is given.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningKey(String);

impl fmt::Debug for SigningKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("SigningKey")
    }
}

impl SigningKey {
    /// A key of these random bytes.
    pub fn from_random(bytes: [u8; 32]) -> Self {
        Self(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// The text that its owner is given.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// Whether a signature is that of a text, in a time that tells nothing of it.
    pub fn verifies(&self, text: &[u8], signature: &[u8]) -> bool {
        let keyed = Hmac::<Sha256>::new_from_slice(self.0.as_bytes());
        keyed.is_ok_and(|keyed| keyed.chain_update(text).verify_slice(signature).is_ok())
    }
}

impl Store {
    /// The key of a sandbox, if it has one.
    pub fn signing_key(&self, sandbox: &SandboxId) -> Result<Option<SigningKey>> {
        let read = || -> std::result::Result<Option<SigningKey>, StoreError> {
            let sql = "SELECT key FROM signing_keys WHERE sandbox_id = ?1";
            let mut statement = self.connection.prepare_cached(sql)?;
            let found = statement.query_row([sandbox.as_str()], |row| row.get(0)).optional()?;
            Ok(found.map(SigningKey))
        };
        read().map_err(seam)
    }

    /// Gives a sandbox another key.
    pub fn put_signing_key(&mut self, sandbox: &SandboxId, key: &SigningKey) -> Result<()> {
        let put = |store: &mut Self| -> std::result::Result<(), StoreError> {
            let sql = "INSERT INTO signing_keys (sandbox_id, key) VALUES (?1, ?2)
                ON CONFLICT (sandbox_id) DO UPDATE SET key = ?2";
            store.connection.execute(sql, params![sandbox.as_str(), key.0])?;
            Ok(())
        };
        self.durably(put).map_err(seam)
    }
}
