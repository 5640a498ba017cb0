//! Faults of the database, as the one error that crosses a seam.

use std::path::PathBuf;

use infield_domain::Error;
use thiserror::Error as ThisError;

/// What can go wrong with the database.
#[derive(Debug, ThisError)]
pub(crate) enum StoreError {
    /// A file of ours could not be read or made.
    #[error("file `{path}` cannot be used")]
    File {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    /// The audit key has the wrong length.
    #[error("file `{path}` has {found} bytes, not 32")]
    KeyLength { path: PathBuf, found: usize },
    /// The system gave no random bytes.
    #[error("no random bytes")]
    Random(#[from] getrandom::Error),
    /// A statement failed.
    #[error("a statement failed")]
    Statement(#[from] rusqlite::Error),
    /// The schema could not be brought up to date.
    #[error("the schema could not be brought up to date")]
    Migration(#[from] rusqlite_migration::Error),
    /// A row is not what this build writes.
    #[error("a row cannot be read")]
    Row(#[from] serde_json::Error),
}

impl StoreError {
    fn is_taken(&self) -> bool {
        let Self::Statement(rusqlite::Error::SqliteFailure(failure, _)) = self else {
            return false;
        };
        failure.code == rusqlite::ErrorCode::ConstraintViolation
    }
}

/// The error for a caller; the cause stays in the log.
pub(crate) fn seam(error: impl Into<StoreError>) -> Error {
    let error = error.into();
    if error.is_taken() {
        return Error::conflict("a record of this name or id exists").with_source(error);
    }
    Error::internal("the database failed")
        .with_hint("look into the daemon's log for the cause")
        .with_source(error)
}
