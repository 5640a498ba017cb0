//! The program that runs as pid 1 inside a sandbox.
//!
//! It starts commands, keeps what they write, and works with files, for whoever connects to the
//! listening socket that the launcher sent. It trusts nobody: not the guest's processes around
//! it, and not the bytes of a connection beyond what [`infield_protocol`] says.

mod account;
mod command;
mod commands;
mod connection;
mod failure;
mod files;
mod inherited;
mod kept;
mod poll;
mod relay;
pub mod serve;
pub mod settings;
mod spawn;
mod sys;
mod tree;

use infield_protocol::message::Failure as Told;
use rustix::process::DumpableBehavior;

use crate::failure::KernelFailed;

/// Protects the process, reads the arguments, and serves until the sandbox ends.
pub fn run(arguments: impl IntoIterator<Item = String>) -> Told {
    let server = settings::Settings::parse(arguments).and_then(|settings| {
        protect(&settings)?;
        serve::Server::new(settings)
    });
    match server {
        Ok(server) => server.run().0,
        Err(failure) => failure.0,
    }
}

/// Nobody inside traces the agent or takes its descriptors; prctl(2), `PR_SET_DUMPABLE`.
fn protect(settings: &settings::Settings) -> Result<(), failure::Failure> {
    if settings.keeps(settings::Defence::Dumpable) {
        let off = DumpableBehavior::NotDumpable;
        rustix::process::set_dumpable_behavior(off).doing(|| "dumpable")?;
    }
    if std::process::id() != 1 {
        // Outside a sandbox, orphans come back to the agent as they do to a first process.
        let own = rustix::process::getpid();
        rustix::process::set_child_subreaper(Some(own)).doing(|| "subreaper")?;
    }
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
    Ok(())
}
