//! SQLite rows and migrations: the truth of intent, behind typed functions.

use std::path::Path;

use infield_domain::{Error, Result};

/// The database of one daemon. Synchronous: the engine calls it from one thread of its own.
pub struct Store {}

impl Store {
    /// Opens or makes `infield.db` and `audit.key` in a folder that the caller has secured.
    pub fn open(home: &Path) -> Result<Self> {
        let _ = home;
        Err(Error::internal("the store is not built yet"))
    }

    /// A store that is gone with the process, for tests.
    pub fn in_memory() -> Result<Self> {
        Err(Error::internal("the store is not built yet"))
    }
}
