//! Rows of secrets: what is known of each, and its value as it was sealed. The key is not here.

use infield_domain::secret::{Sealed, Secret};
use infield_domain::{Result, SecretId};
use rusqlite::{OptionalExtension as _, Row, params};

use crate::Store;
use crate::error::{StoreError, seam};

impl Store {
    /// Adds a secret, or changes the one with its id; a conflict when its owner has another one of
    /// this name. It outlives a loss of power when this returns.
    pub fn put_secret(&mut self, secret: &Secret, sealed: &Sealed) -> Result<()> {
        let put = |store: &mut Self| -> std::result::Result<(), StoreError> {
            let sql = "INSERT INTO secrets (id, owner, name, sealed, body)
                VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (id) DO UPDATE SET sealed = ?4, body = ?5";
            let (id, owner, name) = (secret.id.as_str(), &secret.owner, secret.name.as_str());
            let body = serde_json::to_string(secret)?;
            store.connection.execute(sql, params![id, owner, name, sealed.0, body])?;
            Ok(())
        };
        self.durably(put).map_err(seam)
    }

    /// Every secret, by name.
    pub fn secrets(&self) -> Result<Vec<Secret>> {
        let all = || -> std::result::Result<Vec<Secret>, StoreError> {
            let sql = "SELECT body, sealed FROM secrets ORDER BY name, owner";
            let mut statement = self.connection.prepare_cached(sql)?;
            let mut rows = statement.query([])?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                found.push(read(row)?.0);
            }
            Ok(found)
        };
        all().map_err(seam)
    }

    /// One secret, with its value as it was sealed.
    pub fn secret(&self, id: &SecretId) -> Result<Option<(Secret, Sealed)>> {
        let one = || -> std::result::Result<Option<(Secret, Sealed)>, StoreError> {
            let sql = "SELECT body, sealed FROM secrets WHERE id = ?1";
            let mut statement = self.connection.prepare_cached(sql)?;
            let found = statement.query_row([id.as_str()], |row| Ok(read(row))).optional()?;
            found.transpose()
        };
        one().map_err(seam)
    }

    /// Removes a secret; gives whether there was one.
    pub fn remove_secret(&mut self, id: &SecretId) -> Result<bool> {
        let remove = |store: &mut Self| -> std::result::Result<bool, StoreError> {
            let sql = "DELETE FROM secrets WHERE id = ?1";
            Ok(store.connection.execute(sql, [id.as_str()])? > 0)
        };
        self.durably(remove).map_err(seam)
    }
}

fn read(row: &Row<'_>) -> std::result::Result<(Secret, Sealed), StoreError> {
    let (body, sealed): (String, Vec<u8>) = (row.get(0)?, row.get(1)?);
    Ok((serde_json::from_str(&body)?, Sealed(sealed)))
}

#[cfg(test)]
mod tests;
