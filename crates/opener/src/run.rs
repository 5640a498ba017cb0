//! The process: a runtime around [`crate::serve`], in which nobody looks.

use std::io;
use std::os::fd::OwnedFd;

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

use crate::seal::Key;
use crate::serve;

/// What the process is told.
pub struct Setup {
    /// The key that values are sealed with.
    pub key: Key,
    /// Authorities that hosts are verified by besides those of the system, in PEM.
    pub trust: Vec<u8>,
}

/// Serves until the daemon's socket ends for good or `keeper` is gone. It must have no privilege,
/// and no descriptor but these.
pub fn run(daemon: OwnedFd, keeper: OwnedFd, setup: Setup) -> io::Result<()> {
    // No other process of this account may read its memory (ptrace(2)), and no core has it.
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve::serve(daemon, keeper, (setup.key, setup.trust)))
}
