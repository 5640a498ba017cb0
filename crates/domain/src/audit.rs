//! The audit trail: one record for each mutation and execution.

use serde::{Deserialize, Serialize};

use crate::sandbox::Millis;

/// One thing that somebody did. Append-only; each record carries a keyed hash of itself and of
/// the one before, so that a record that was changed or taken out shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// From 1, without gaps.
    pub sequence: u64,
    /// When.
    pub at: Millis,
    /// The principal's owner name.
    pub who: String,
    /// How they proved it: `socket`, `key:ID`, `none`, `system`.
    pub credential: String,
    /// The use case, such as `sandbox.create`.
    pub action: String,
    /// What it was done to, such as a sandbox id; empty when there was none yet.
    pub subject: String,
    /// What was asked, without secrets: for an execution the command's first 200 characters.
    pub detail: String,
    /// `ok`, or the kind of the error.
    pub outcome: String,
    /// The request it belongs to.
    pub request_id: String,
}
