//! The network process, up to where the net crate has it.

use std::io;
use std::os::fd::AsFd;
use std::process::ExitCode;

use infield_domain::{Error, Result};

use super::control::{self, ToNetwork};
use super::{account, end, log};

/// Runs to the end.
pub(super) fn run() -> ExitCode {
    log::start();
    end(work())
}

fn work() -> Result<()> {
    let failed = |error: io::Error| Error::internal("the network failed").with_source(error);
    let keeper = io::stdin().as_fd().try_clone_to_owned().map_err(failed)?;
    let told = control::hear::<ToNetwork>(&keeper).map_err(failed)?;
    let Some((told, Some(daemon))) = told else {
        return Err(Error::unavailable("the keeper is gone"));
    };
    // It reads what sandboxes send: nothing of the host is its business but the way out.
    account::give_up(told.account).map_err(|errno| {
        Error::internal("the network process cannot give up its privileges").with_source(errno)
    })?;
    // An ordinary user's has the account that all of the user's files belong to.
    infield_jail::confine_to_network().map_err(|error| {
        Error::internal("the network process cannot be confined").with_source(error)
    })?;
    infield_net::run(daemon, keeper).map_err(failed)
}
