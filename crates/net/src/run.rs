//! The process: a runtime around [`crate::serve`].

use std::io;
use std::os::fd::OwnedFd;

use crate::defence::Without;
use crate::serve;

/// Serves sandboxes until the daemon's socket ends for good or `keeper` is gone. It must have no
/// privilege, and no descriptor but these.
pub fn run(daemon: OwnedFd, keeper: OwnedFd) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve::serve(daemon, keeper, Without::from_environment()))
}
