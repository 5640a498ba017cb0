//! Rows of secrets: what is known of each, and its value as it was sealed. The key is not here.

use infield_domain::Result;
use infield_domain::secret::{Sealed, Secret, SecretName};
use rusqlite::{OptionalExtension as _, Row, params};

use crate::Store;
use crate::error::{StoreError, seam};

impl Store {
    /// Puts a secret in the place of the one of that name, if there is one. It outlives a loss of
    /// power when this returns.
    pub fn put_secret(&mut self, secret: &Secret, sealed: &Sealed) -> Result<()> {
        let put = |store: &mut Self| -> std::result::Result<(), StoreError> {
            let sql = "INSERT INTO secrets (name, sealed, body) VALUES (?1, ?2, ?3)
                ON CONFLICT (name) DO UPDATE SET sealed = ?2, body = ?3";
            let body = serde_json::to_string(secret)?;
            store.connection.execute(sql, params![secret.name.as_str(), sealed.0, body])?;
            Ok(())
        };
        self.durably(put).map_err(seam)
    }

    /// Every secret, by name.
    pub fn secrets(&self) -> Result<Vec<Secret>> {
        let all = || -> std::result::Result<Vec<Secret>, StoreError> {
            let sql = "SELECT body, sealed FROM secrets ORDER BY name";
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
    pub fn secret(&self, name: &SecretName) -> Result<Option<(Secret, Sealed)>> {
        let one = || -> std::result::Result<Option<(Secret, Sealed)>, StoreError> {
            let sql = "SELECT body, sealed FROM secrets WHERE name = ?1";
            let mut statement = self.connection.prepare_cached(sql)?;
            let found = statement.query_row([name.as_str()], |row| Ok(read(row))).optional()?;
            found.transpose()
        };
        one().map_err(seam)
    }

    /// Removes a secret; gives whether there was one.
    pub fn remove_secret(&mut self, name: &SecretName) -> Result<bool> {
        let remove = |store: &mut Self| -> std::result::Result<bool, StoreError> {
            let sql = "DELETE FROM secrets WHERE name = ?1";
            Ok(store.connection.execute(sql, [name.as_str()])? > 0)
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
