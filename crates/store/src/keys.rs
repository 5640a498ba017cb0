//! Rows of API keys. Only the SHA-256 of a key is kept: a key has 256 random bits, so that a
//! slow hash would add nothing.

use infield_domain::principal::Key;
use infield_domain::sandbox::Millis;
use infield_domain::{KeyId, Result};
use rusqlite::{Row, params};
use sha2::{Digest, Sha256};

use crate::Store;
use crate::error::{StoreError, seam};
use crate::sandboxes::{signed, unsigned};

/// What is kept of a key's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyHash([u8; 32]);

impl KeyHash {
    /// The hash of a key's text.
    pub fn of(secret: &str) -> Self {
        Self(Sha256::digest(secret.as_bytes()).into())
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Store {
    /// Adds a key.
    pub fn insert_key(&mut self, key: &Key, hash: KeyHash) -> Result<()> {
        let insert = |store: &mut Self| -> std::result::Result<(), StoreError> {
            let sql = "INSERT INTO keys (id, name, hash, body) VALUES (?1, ?2, ?3, ?4)";
            let body = serde_json::to_string(key)?;
            store.connection.execute(sql, params![key.id.as_str(), key.name, hash.0, body])?;
            Ok(())
        };
        insert(self).map_err(seam)
    }

    /// Every key that is not revoked, the oldest first.
    pub fn keys(&self) -> Result<Vec<Key>> {
        self.keys_where("TRUE ORDER BY json_extract(body, '$.created_at'), id", params![])
            .map_err(seam)
    }

    /// The key with this hash, if it is not revoked.
    pub fn key_by_hash(&self, hash: KeyHash) -> Result<Option<Key>> {
        let keys = self.keys_where("hash = ?1", params![hash.0]).map_err(seam)?;
        Ok(keys.into_iter().next())
    }

    /// Notes that a key was used.
    pub fn touch_key(&mut self, id: &KeyId, used_at: Millis) -> Result<()> {
        let sql = "UPDATE keys SET used_at = ?2 WHERE id = ?1";
        self.connection.execute(sql, params![id.as_str(), signed(used_at)]).map(drop).map_err(seam)
    }

    /// Revokes a key; gives whether there was one to revoke.
    pub fn revoke_key(&mut self, id: &KeyId, at: Millis) -> Result<bool> {
        let sql = "UPDATE keys SET revoked_at = ?2 WHERE id = ?1 AND revoked_at IS NULL";
        let changed = self.connection.execute(sql, params![id.as_str(), signed(at)]);
        changed.map(|rows| rows > 0).map_err(seam)
    }

    fn keys_where(
        &self,
        filter: &str,
        values: &[&dyn rusqlite::ToSql],
    ) -> std::result::Result<Vec<Key>, StoreError> {
        let sql = format!("SELECT body, used_at FROM keys WHERE revoked_at IS NULL AND {filter}");
        let mut statement = self.connection.prepare_cached(&sql)?;
        let mut rows = statement.query(values)?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push(read(row)?);
        }
        Ok(found)
    }
}

fn read(row: &Row<'_>) -> std::result::Result<Key, StoreError> {
    let body: String = row.get(0)?;
    let used_at: Option<i64> = row.get(1)?;
    let mut key: Key = serde_json::from_str(&body)?;
    key.used_at = used_at.map(unsigned);
    Ok(key)
}

#[cfg(test)]
mod tests;
