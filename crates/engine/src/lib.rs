//! Use cases of infield: authorise, drive, audit. In reading order.
//!
//! Doors make one call of [`Engine`] for each request. Every use case takes the caller first,
//! denies what the caller is not allowed, and leaves one audit record for each mutation and each
//! execution. Nothing here knows a concrete provider, HTTP, MCP or SQL, and nothing here blocks.

mod engine;
pub use engine::{Engine, Settings, Shutdown};

mod gate;
mod names;
mod records;
mod registry;
pub use registry::is_unknown_sandbox;

mod activity;
mod driver;
mod inside;
mod recover;
mod schedule;

mod create;
mod sandboxes;
pub use sandboxes::{
    AfterRecovery, CreateSandbox, Deadlines, GitSource, Inspection, Prune, Pruned,
};
mod listing;
pub use listing::{
    Allotted, Filter, FindSandboxes, ListSandboxes, Numbered, Order, Page, Sort, Span, Text,
};
mod change;
mod events;
pub use change::{Resize, SandboxChange};
pub use events::{SandboxEvent, SandboxEvents};

mod run;
pub use run::{CommandLine, PlacedFile, Run, RunCommand, RunOptions, Target, TimeLimit};
mod run_code;
pub use run_code::RunCode;
mod collect;
pub use collect::{Collect, FOREGROUND_MS, Outcome, Plot, Progress, Status};
mod output;
pub use output::{DEFAULT_MAX_CHARS, HIGHEST_MAX_CHARS, Shown, plain_text};
mod executions;
mod kept;
mod lease;
pub use executions::{Attach, ExecutionRecord, Output, OutputRequest};

pub mod toolbox;

mod membership;
mod network;
pub use network::{Refused, destination, refused_sentence};

mod signing;
pub use signing::SignedFile;

mod ssh;
pub use ssh::{CreateSshAccess, SshAccess, SshPass, SshPlace};

mod previews;
pub use previews::{
    Lifetime, LinkPreview, Port, PreviewLink, PreviewPass, Proof, VISITS_OF_ONE_SANDBOX, Visit,
};

mod audit;
pub use audit::{AuditVerdict, ListAudit, ListOwnAudit};
mod host;
mod images;
mod keys;
pub use keys::{CreateKey, CreateOwnKey, Key, NewKey};
mod organizations;
mod secrets;
pub use secrets::{ChangeSecret, HeldSecret, MOST_OWN_SECRETS, SetSecret, is_unknown_secret};
mod volumes;
pub use volumes::{CreateVolume, MOST_VOLUMES, is_unknown_volume};

#[cfg(test)]
mod testing;

/// Doors hold these futures in tasks that move between threads.
#[cfg(test)]
mod futures_are_send {
    use infield_domain::Principal;

    use crate::toolbox::git::GitRequest;
    use crate::{Collect, Engine, Prune, Run, RunCode, Shutdown};

    fn is_send(_: &impl Send) {}

    #[expect(dead_code, reason = "it is enough that it compiles")]
    fn all(engine: &Engine, who: &Principal, code: RunCode, collect: Collect, run: Run) {
        is_send(&engine.run_code(who, code));
        is_send(&run.collect(collect));
    }

    #[expect(dead_code, reason = "it is enough that it compiles")]
    fn own(engine: &Engine, who: &Principal, prune: Prune) {
        is_send(&engine.shutdown(who, Shutdown::StopSandboxes));
        is_send(&engine.prune(who, prune));
        is_send(&engine.recover());
    }

    #[expect(dead_code, reason = "it is enough that it compiles")]
    fn git(engine: &Engine, who: &Principal, request: GitRequest) {
        is_send(&engine.git(who, "", request));
    }
}
