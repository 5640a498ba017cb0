//! The process that opens TLS, up to where its crate has it.

use std::io;
use std::os::fd::AsFd;
use std::process::ExitCode;

use infield_domain::{Error, Result};
use rustix::io::Errno;
use rustix::thread::UnshareFlags;

use super::control::{self, ToOpener};
use super::{account, end, log, secret_key};

/// Runs to the end.
pub(super) fn run() -> ExitCode {
    log::start();
    infield_jail::wipe_freed_memory();
    end(work())
}

fn work() -> Result<()> {
    let failed = |error: io::Error| Error::internal("the opener failed").with_source(error);
    let keeper = io::stdin().as_fd().try_clone_to_owned().map_err(failed)?;
    let told = control::hear::<ToOpener>(&keeper).map_err(failed)?;
    let Some((told, Some(daemon))) = told else {
        return Err(Error::unavailable("the keeper is gone"));
    };
    let setup = infield_opener::Setup {
        key: secret_key::decode(&told.key)?,
        trust: told
            .trust
            .map(|path| std::fs::read(path).map_err(failed))
            .transpose()?
            .unwrap_or_default(),
    };
    let given_up = |errno: Errno| {
        Error::internal("the opener cannot give up its privileges").with_source(errno)
    };
    if told.account.is_some() {
        // It is given sockets, and makes none: in a network of its own it could reach nobody.
        #[expect(
            deprecated,
            reason = "its successor is unsafe for the sake of another flag, FILES"
        )]
        rustix::thread::unshare(UnshareFlags::NEWNET).map_err(given_up)?;
    }
    account::give_up(told.account).map_err(given_up)?;
    infield_opener::run(daemon, keeper, setup).map_err(failed)
}
