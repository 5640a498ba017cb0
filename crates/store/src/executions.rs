//! Rows of executions: which command ran where, and how it ended.

use infield_domain::command::Execution;
use infield_domain::sandbox::Millis;
use infield_domain::{ExecutionId, Result, SandboxId};
use rusqlite::{Row, params};

use crate::Store;
use crate::error::{StoreError, seam};
use crate::sandboxes::{signed, unsigned};

/// A command as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecutionRow {
    /// Where it ran.
    pub sandbox_id: SandboxId,
    /// What ran.
    pub execution: Execution,
}

const COLUMNS: &str =
    "id, sandbox_id, command, started_at, ending, stdout_bytes, stderr_bytes FROM executions";

impl Store {
    /// Adds a command, or writes its present state over the last one.
    pub fn put_execution(&mut self, row: &ExecutionRow) -> Result<()> {
        let put = |store: &mut Self| -> std::result::Result<(), StoreError> {
            let execution = &row.execution;
            let ending = execution.ending.as_ref().map(serde_json::to_string).transpose()?;
            store
                .connection
                .prepare_cached(
                    "INSERT INTO executions (id, sandbox_id, command, started_at, ending,
                        stdout_bytes, stderr_bytes) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                     ON CONFLICT (id) DO UPDATE SET ending = coalesce(excluded.ending, ending),
                        stdout_bytes = max(stdout_bytes, excluded.stdout_bytes),
                        stderr_bytes = max(stderr_bytes, excluded.stderr_bytes)",
                )?
                .execute(params![
                    execution.id.as_str(),
                    row.sandbox_id.as_str(),
                    execution.command,
                    signed(execution.started_at),
                    ending,
                    signed(execution.stdout_bytes),
                    signed(execution.stderr_bytes),
                ])?;
            Ok(())
        };
        put(self).map_err(seam)
    }

    /// One command.
    pub fn execution(&self, id: &ExecutionId) -> Result<Option<ExecutionRow>> {
        let rows = self.executions_where("id = ?1", params![id.as_str()]).map_err(seam)?;
        Ok(rows.into_iter().next())
    }

    /// The commands of a sandbox, the newest first.
    pub fn executions_of(&self, sandbox: &SandboxId, limit: u32) -> Result<Vec<ExecutionRow>> {
        let filter = "sandbox_id = ?1 ORDER BY started_at DESC, id DESC LIMIT ?2";
        self.executions_where(filter, params![sandbox.as_str(), limit]).map_err(seam)
    }

    /// Every command that has no ending yet.
    pub fn open_executions(&self) -> Result<Vec<ExecutionRow>> {
        self.executions_where("ending IS NULL", params![]).map_err(seam)
    }

    /// Forgets commands that ended and started before this moment.
    pub fn forget_executions(&mut self, before: Millis) -> Result<usize> {
        let sql = "DELETE FROM executions WHERE ending IS NOT NULL AND started_at < ?1";
        self.connection.execute(sql, params![signed(before)]).map_err(seam)
    }

    fn executions_where(
        &self,
        filter: &str,
        values: &[&dyn rusqlite::ToSql],
    ) -> std::result::Result<Vec<ExecutionRow>, StoreError> {
        let mut statement =
            self.connection.prepare_cached(&format!("SELECT {COLUMNS} WHERE {filter}"))?;
        let mut rows = statement.query(values)?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push(read(row)?);
        }
        Ok(found)
    }
}

fn read(row: &Row<'_>) -> std::result::Result<ExecutionRow, StoreError> {
    let ending: Option<String> = row.get(4)?;
    let execution = Execution {
        id: parsed(row.get(0)?)?,
        command: row.get(2)?,
        started_at: unsigned(row.get(3)?),
        ending: ending.as_deref().map(serde_json::from_str).transpose()?,
        stdout_bytes: unsigned(row.get(5)?),
        stderr_bytes: unsigned(row.get(6)?),
    };
    Ok(ExecutionRow { sandbox_id: parsed(row.get(1)?)?, execution })
}

/// An id that this crate wrote itself, read again by the rule by which every id is read.
fn parsed<T: serde::de::DeserializeOwned>(text: String) -> std::result::Result<T, StoreError> {
    Ok(serde_json::from_value(serde_json::Value::String(text))?)
}

#[cfg(test)]
mod tests;
