//! The database of one daemon: the file, its mode of work, and the audit key beside it.

use std::fs;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use infield_domain::Result;
use rusqlite::Connection;

use crate::audit::Chain;
use crate::checkpoint::LAST_RESORT;
use crate::error::{StoreError, seam};
use crate::migrations;

/// The database of one daemon. Synchronous: the engine calls it from one thread of its own.
pub struct Store {
    pub(crate) connection: Connection,
    pub(crate) chain: Chain,
}

impl Store {
    /// Opens or makes `infield.db` and `audit.key` in a folder that the caller has secured.
    pub fn open(home: &Path) -> Result<Self> {
        let key = audit_key(&home.join("audit.key")).map_err(seam)?;
        let path = home.join("infield.db");
        make_private(&path).map_err(seam)?;
        let connection = Connection::open(path).map_err(seam)?;
        Self::over(connection, key).map_err(seam)
    }

    /// A store that is gone with the process, for tests.
    pub fn in_memory() -> Result<Self> {
        let connection = Connection::open_in_memory().map_err(seam)?;
        Self::over(connection, [7; 32]).map_err(seam)
    }

    fn over(mut connection: Connection, key: [u8; 32]) -> std::result::Result<Self, StoreError> {
        // A commit in WAL mode with NORMAL is in the kernel's hands when it returns: it outlives
        // kill -9 of ours. Records that must outlive a loss of power are written with FULL.
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", "normal")?;
        connection.pragma_update(None, "wal_autocheckpoint", LAST_RESORT)?;
        connection.pragma_update(None, "foreign_keys", "on")?;
        connection.set_prepared_statement_cache_capacity(64);
        migrations::apply(&mut connection)?;
        let chain = Chain::load(&connection, key)?;
        Ok(Self { connection, chain })
    }

    /// Runs one write so that it outlives a loss of power when it returns.
    pub(crate) fn durably<T>(
        &mut self,
        write: impl FnOnce(&mut Self) -> std::result::Result<T, StoreError>,
    ) -> std::result::Result<T, StoreError> {
        self.connection.pragma_update(None, "synchronous", "full")?;
        let result = write(self);
        self.connection.pragma_update(None, "synchronous", "normal")?;
        result
    }
}

fn make_private(path: &Path) -> std::result::Result<(), StoreError> {
    let made = fs::OpenOptions::new().append(true).create(true).mode(0o600).open(path);
    made.map(drop).map_err(|source| StoreError::File { path: path.to_owned(), source })
}

fn audit_key(path: &Path) -> std::result::Result<[u8; 32], StoreError> {
    let fault = |source| StoreError::File { path: path.to_owned(), source };
    match fs::read(path) {
        Ok(bytes) => bytes
            .as_slice()
            .try_into()
            .map_err(|_| StoreError::KeyLength { path: path.to_owned(), found: bytes.len() }),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let mut key = [0; 32];
            getrandom::fill(&mut key)?;
            // Written beside and renamed, so that a crash leaves no key of half the length.
            let draft = path.with_extension("key.new");
            let mut file = fs::OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&draft)
                .map_err(fault)?;
            file.write_all(&key).map_err(fault)?;
            file.sync_all().map_err(fault)?;
            fs::rename(&draft, path).map_err(fault)?;
            Ok(key)
        }
        Err(error) => Err(fault(error)),
    }
}

#[cfg(test)]
mod tests;
