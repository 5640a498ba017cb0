//! Use cases of infield: authorise, drive, audit. In reading order.
//!
//! Doors make one call of [`Engine`] for each request. Every use case takes the caller first,
//! denies what the caller is not allowed, and leaves one audit record for each mutation and each
//! execution. Nothing here knows a concrete provider, HTTP, MCP or SQL, and nothing here blocks.

mod engine;
pub use engine::{Engine, Settings, Shutdown};

mod sandboxes;
pub use sandboxes::{
    CreateSandbox, Deadlines, GitSource, Inspection, ListSandboxes, Page, Prune, Pruned,
};

mod run;
pub use run::{CommandLine, PlacedFile, Run, RunCommand, RunOptions, Target, TimeLimit};
mod run_code;
pub use run_code::RunCode;
mod collect;
pub use collect::{Collect, FOREGROUND_MS, Outcome, Plot, Progress, Status};
mod output;
pub use output::{DEFAULT_MAX_CHARS, HIGHEST_MAX_CHARS, Shown, plain_text};
mod executions;
pub use executions::{Attach, ExecutionRecord, Output, OutputRequest};

pub mod toolbox;

mod audit;
pub use audit::{AuditVerdict, ListAudit};
mod host;
mod images;
mod keys;
pub use keys::{CreateKey, Key, NewKey};
