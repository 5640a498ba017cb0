//! Bringing what was written from the log into the database file, when the caller chooses.
//!
//! A commit appends pages to the log (WAL) and does not wait for the disk. They are copied into
//! the file later, which waits for the disk twice (fsync). SQLite would do that inside the commit
//! that makes the log too long, in front of whoever waits for it; here the owner of the store does
//! it when nobody waits.

use infield_domain::Result;
use rusqlite::Row;

use crate::Store;
use crate::error::{StoreError, seam};

/// Pages in the log at which a commit brings them into the file after all: 16 MiB. It bounds the
/// log for an owner who finds no time.
pub(crate) const LAST_RESORT: u32 = 4_000;

impl Store {
    /// Pages that are in the log and not yet in the file. It reads memory only.
    pub fn pages_in_log(&self) -> Result<u32> {
        self.log("NOOP").map_err(seam)
    }

    /// Brings the pages of the log into the file, and waits for the disk. The log then begins
    /// anew.
    pub fn checkpoint(&mut self) -> Result<()> {
        self.log("PASSIVE").map(drop).map_err(seam)
    }

    fn log(&self, mode: &str) -> std::result::Result<u32, StoreError> {
        let pages = |row: &Row<'_>| -> rusqlite::Result<u32> {
            // Pages in the log, and those of them that are in the file; -1 in memory, which has
            // no log.
            let (all, done): (i64, i64) = (row.get(1)?, row.get(2)?);
            Ok(u32::try_from(all - done).unwrap_or(u32::MAX))
        };
        let sql = format!("PRAGMA wal_checkpoint({mode})");
        Ok(self.connection.prepare_cached(&sql)?.query_row([], pages)?)
    }
}

#[cfg(test)]
mod tests;
