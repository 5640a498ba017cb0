//! SQLite rows and migrations: the truth of intent, behind typed functions. In reading order.
//!
//! Everything here is synchronous; the engine calls it from one thread of its own, which is the
//! only writer. SQL is written in this crate and nowhere else.

mod store;
pub use store::Store;
mod checkpoint;
mod migrations;

mod sandboxes;
pub use sandboxes::SandboxRow;
mod executions;
pub use executions::ExecutionRow;
mod keys;
pub use keys::KeyHash;
mod organizations;
mod secrets;
mod volumes;

mod previews;
pub use previews::PreviewKey;
mod signing;
pub use signing::SigningKey;
mod ssh;
pub use ssh::SshAccessRow;

mod audit;
pub use audit::{AuditFilter, AuditPick, ChainVerdict, NewRecord};

mod error;
