//! The launcher's process, up to where the jail crate has it.

use std::io;
use std::os::fd::AsFd;
use std::process::ExitCode;

use infield_domain::{Error, Result};
use infield_jail::launcher;
use rustix::process::Signal;

use super::control::{self, ToLauncher};
use super::{end, log};

/// Runs to the end, in one thread.
pub(super) fn run() -> ExitCode {
    log::start();
    end(work())
}

fn work() -> Result<()> {
    let failed = |error: io::Error| Error::internal("the launcher cannot start").with_source(error);
    let keeper = io::stdin().as_fd().try_clone_to_owned().map_err(failed)?;
    let told = control::hear::<ToLauncher>(&keeper).map_err(failed)?;
    let Some((told, Some(socket))) = told else {
        return Err(Error::unavailable("the keeper is gone"));
    };
    // A keeper that is killed takes the launcher along in whatever it does, so that the next
    // keeper's is the only one. It finds everything in the sandboxes' records.
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(|errno| failed(errno.into()))?;
    let parent = rustix::process::getppid().map(|parent| parent.as_raw_pid());
    if parent != Some(told.keeper) {
        return Err(Error::unavailable("the keeper is gone"));
    }
    let ids = told.ids.map(|ids| launcher::IdBlock { first: ids.first, ranges: ids.ranges });
    let settings =
        launcher::Settings { home: told.home, socket, keeper, ids, account: told.account };
    launcher::run(settings).map_err(|failure| {
        let error = Error::internal(format!("the launcher ended: {}", failure.message));
        match failure.errno {
            Some(errno) => error.with_source(io::Error::from_raw_os_error(errno)),
            None => error,
        }
    })
}
