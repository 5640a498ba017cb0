//! Rows of sandboxes: the whole record as JSON, and columns for what is searched.

use infield_domain::network::Traffic;
use infield_domain::sandbox::{Millis, Sandbox};
use infield_domain::{Result, SandboxId};
use rusqlite::{Row, params};

use crate::Store;
use crate::error::{StoreError, seam};

/// A sandbox as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SandboxRow {
    /// The record.
    pub sandbox: Sandbox,
    /// Whether it was made for one command and goes after it.
    pub single_use: bool,
    /// What its network has moved.
    pub traffic: Traffic,
}

impl Store {
    /// Adds a sandbox. A persistent one outlives a loss of power when this returns.
    pub fn insert_sandbox(&mut self, row: &SandboxRow) -> Result<()> {
        if row.sandbox.spec.retention.persistent {
            self.durably(|store| store.insert(row)).map_err(seam)
        } else {
            self.insert(row).map_err(seam)
        }
    }

    fn insert(&mut self, row: &SandboxRow) -> std::result::Result<(), StoreError> {
        let sandbox = &row.sandbox;
        self.connection
            .prepare_cached(
                "INSERT INTO sandboxes (id, owner, name, state, request_key, single_use,
                    created_at, changed_at, active_at, body)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            )?
            .execute(params![
                sandbox.id.as_str(),
                sandbox.owner,
                sandbox.spec.name.as_str(),
                sandbox.state.as_str(),
                sandbox.request_key,
                row.single_use,
                signed(sandbox.created_at),
                signed(sandbox.changed_at),
                signed(sandbox.active_at),
                serde_json::to_string(sandbox)?,
            ])?;
        Ok(())
    }

    /// Writes the present state of a sandbox over the last one.
    pub fn update_sandbox(&mut self, sandbox: &Sandbox) -> Result<()> {
        let update = |store: &mut Self| -> std::result::Result<(), StoreError> {
            store
                .connection
                .prepare_cached(
                    "UPDATE sandboxes SET state = ?2, changed_at = ?3,
                        active_at = max(active_at, ?4), body = ?5 WHERE id = ?1",
                )?
                .execute(params![
                    sandbox.id.as_str(),
                    sandbox.state.as_str(),
                    signed(sandbox.changed_at),
                    signed(sandbox.active_at),
                    serde_json::to_string(sandbox)?,
                ])?;
            Ok(())
        };
        update(self).map_err(seam)
    }

    /// Notes that a sandbox worked.
    pub fn touch_sandbox(&mut self, id: &SandboxId, active_at: Millis) -> Result<()> {
        let sql = "UPDATE sandboxes SET active_at = max(active_at, ?2) WHERE id = ?1";
        let touch = |store: &mut Self| {
            store.connection.prepare_cached(sql)?.execute(params![id.as_str(), signed(active_at)])
        };
        touch(self).map(drop).map_err(seam)
    }

    /// Notes what the network of a sandbox has moved.
    pub fn set_traffic(&mut self, id: &SandboxId, traffic: &Traffic) -> Result<()> {
        let set = |store: &mut Self| -> std::result::Result<(), StoreError> {
            let sql = "UPDATE sandboxes SET traffic = ?2 WHERE id = ?1";
            let values = params![id.as_str(), serde_json::to_string(traffic)?];
            store.connection.prepare_cached(sql)?.execute(values)?;
            Ok(())
        };
        set(self).map_err(seam)
    }

    /// Every sandbox that is not deleted.
    pub fn living_sandboxes(&self) -> Result<Vec<SandboxRow>> {
        self.sandboxes_where("state <> 'deleted'", params![]).map_err(seam)
    }

    /// Deleted sandboxes, the newest first, from before this moment and id of creation.
    pub fn deleted_sandboxes(&self, before: (Millis, &str), limit: u32) -> Result<Vec<SandboxRow>> {
        let filter = "state = 'deleted' AND (created_at, id) < (?1, ?2)
            ORDER BY created_at DESC, id DESC LIMIT ?3";
        self.sandboxes_where(filter, params![signed(before.0), before.1, limit]).map_err(seam)
    }

    /// One sandbox, deleted or not.
    pub fn sandbox(&self, id: &SandboxId) -> Result<Option<SandboxRow>> {
        let rows = self.sandboxes_where("id = ?1", params![id.as_str()]).map_err(seam)?;
        Ok(rows.into_iter().next())
    }

    /// Forgets sandboxes that were deleted before this moment; the audit trail keeps them.
    pub fn forget_sandboxes(&mut self, before: Millis) -> Result<usize> {
        let forget = |store: &mut Self| -> std::result::Result<usize, StoreError> {
            let transaction = store.connection.transaction()?;
            let old = "SELECT id FROM sandboxes WHERE state = 'deleted' AND changed_at < ?1";
            let sql = format!("DELETE FROM executions WHERE sandbox_id IN ({old})");
            transaction.execute(&sql, params![signed(before)])?;
            let sql = format!("DELETE FROM sandboxes WHERE id IN ({old})");
            let count = transaction.execute(&sql, params![signed(before)])?;
            transaction.commit()?;
            Ok(count)
        };
        forget(self).map_err(seam)
    }

    fn sandboxes_where(
        &self,
        filter: &str,
        values: &[&dyn rusqlite::ToSql],
    ) -> std::result::Result<Vec<SandboxRow>, StoreError> {
        let sql =
            format!("SELECT body, single_use, active_at, traffic FROM sandboxes WHERE {filter}");
        let mut statement = self.connection.prepare_cached(&sql)?;
        let mut rows = statement.query(values)?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push(read(row)?);
        }
        Ok(found)
    }
}

fn read(row: &Row<'_>) -> std::result::Result<SandboxRow, StoreError> {
    let body: String = row.get(0)?;
    let mut sandbox: Sandbox = serde_json::from_str(&body)?;
    sandbox.active_at = sandbox.active_at.max(unsigned(row.get(2)?));
    let traffic: Option<String> = row.get(3)?;
    let traffic = traffic.map(|text| serde_json::from_str(&text)).transpose()?.unwrap_or_default();
    Ok(SandboxRow { sandbox, single_use: row.get(1)?, traffic })
}

/// SQLite has signed numbers only; moments and counts of ours are far below the sign.
pub(crate) fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// The other way; what we wrote is never negative.
pub(crate) fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

#[cfg(test)]
pub(crate) mod tests;
