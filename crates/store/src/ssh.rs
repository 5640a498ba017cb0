//! Rows of SSH accesses. Only the SHA-256 of a token is kept, as of a key.

use infield_domain::sandbox::Millis;
use infield_domain::{Result, SandboxId, SshAccessId};
use rusqlite::{OptionalExtension as _, Row, params};

use crate::error::{StoreError, seam};
use crate::sandboxes::{signed, unsigned};
use crate::{KeyHash, Store};

/// An SSH access as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SshAccessRow {
    /// Its identity.
    pub id: SshAccessId,
    /// Into which sandbox.
    pub sandbox_id: SandboxId,
    /// When it was made.
    pub created_at: Millis,
    /// When it ends.
    pub expires_at: Millis,
}

impl Store {
    /// Adds an access, unless its sandbox has `most` that have not ended. What has ended goes, of
    /// every sandbox; gives whether there was room.
    pub fn insert_ssh_access(
        &mut self,
        row: &SshAccessRow,
        hash: KeyHash,
        most: u32,
    ) -> Result<bool> {
        let insert = |store: &mut Self| -> std::result::Result<bool, StoreError> {
            let sql = "DELETE FROM ssh_accesses WHERE expires_at <= ?1";
            store.connection.execute(sql, [signed(row.created_at)])?;
            let sql = "INSERT INTO ssh_accesses (id, sandbox_id, hash, created_at, expires_at)
                SELECT ?1, ?2, ?3, ?4, ?5
                WHERE (SELECT count(*) FROM ssh_accesses WHERE sandbox_id = ?2) < ?6";
            let values = params![
                row.id.as_str(),
                row.sandbox_id.as_str(),
                hash.bytes(),
                signed(row.created_at),
                signed(row.expires_at),
                most
            ];
            Ok(store.connection.execute(sql, values)? > 0)
        };
        insert(self).map_err(seam)
    }

    /// The access with this hash, ended or not.
    pub fn ssh_access_by_hash(&self, hash: KeyHash) -> Result<Option<SshAccessRow>> {
        let find = || -> std::result::Result<Option<Columns>, StoreError> {
            let sql = "SELECT id, sandbox_id, created_at, expires_at FROM ssh_accesses
                WHERE hash = ?1";
            let mut statement = self.connection.prepare_cached(sql)?;
            Ok(statement.query_row([hash.bytes()], columns).optional()?)
        };
        find().map_err(seam)?.map(read).transpose()
    }

    /// Whether an access is still there.
    pub fn has_ssh_access(&self, id: &SshAccessId) -> Result<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM ssh_accesses WHERE id = ?1)";
        let mut statement = self.connection.prepare_cached(sql).map_err(seam)?;
        statement.query_row([id.as_str()], |row| row.get(0)).map_err(seam)
    }

    /// Removes the access of a sandbox that has this hash, or all of it; gives how many.
    pub fn remove_ssh_accesses(
        &mut self,
        sandbox: &SandboxId,
        hash: Option<KeyHash>,
    ) -> Result<usize> {
        let sql = "DELETE FROM ssh_accesses WHERE sandbox_id = ?1 AND (?2 IS NULL OR hash = ?2)";
        let hash = hash.as_ref().map(KeyHash::bytes);
        self.durably(|store| Ok(store.connection.execute(sql, params![sandbox.as_str(), hash])?))
            .map_err(seam)
    }
}

type Columns = (String, String, i64, i64);

fn columns(row: &Row<'_>) -> rusqlite::Result<Columns> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
}

fn read((id, sandbox_id, created_at, expires_at): Columns) -> Result<SshAccessRow> {
    Ok(SshAccessRow {
        id: id.parse()?,
        sandbox_id: sandbox_id.parse()?,
        created_at: unsigned(created_at),
        expires_at: unsigned(expires_at),
    })
}

#[cfg(test)]
mod tests;
