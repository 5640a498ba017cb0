//! The processes of a daemon, all of them this binary.
//!
//! ```text
//! infield serve = keeper    small, single-threaded; holds the sockets and the home's lock
//!   ├─ launcher             privileged where root started it; does all isolation work
//!   ├─ network              an account without privileges; carries what sandboxes send
//!   ├─ opener               another; has the values of secrets, and opens TLS for their hosts
//!   └─ daemon               another such account; engine, doors, store
//! ```
//!
//! The keeper starts the others and starts them again when they die. It gives each its
//! descriptors over a socket that is the child's standard input, so that a daemon can end and
//! start anew while clients wait in the listener's queue. Sandboxes are nobody's business here:
//! they outlive all of these.

mod account;
mod control;
mod daemon;
mod doors;
mod keeper;
mod launcher;
mod log;
mod mcp;
mod network;
mod networking;
mod opener;
mod options;
mod peer;
mod post;
mod previewing;
mod readiness;
mod secret_key;
mod sshing;

use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitCode, Stdio};

use infield_domain::{Error, Result};

use crate::commands::bench::net as bench;
use crate::home::Home;

pub(crate) use networking::{
    LIMITED, NET_BANDWIDTH, NET_CONNECTIONS, NET_TOTAL, NETWORK, Networking, RESOLVER,
};
pub(crate) use options::{Access, IdBlock, Lifetime, Names, Options};
pub(crate) use previewing::{PREVIEW, Previewing};
pub(crate) use secret_key::{SECRET_KEY, SecretKey, TRUST, Trust};
pub(crate) use sshing::{SSH, Sshing};

/// First arguments that make this binary another process than the command line.
const KEEPER: &str = "__keeper";
const LAUNCHER: &str = "__launcher";
pub(crate) const NETWORK_PROCESS: &str = "__network";
const OPENER: &str = "__opener";
const DAEMON: &str = "__daemon";

/// Descriptors from here on are not meant for our children.
const FIRST_UNKNOWN: i32 = 3;

/// Runs as the inner process that the first argument names; none for the command line.
pub(crate) fn inner_process() -> Option<ExitCode> {
    let first = std::env::args_os().nth(1)?;
    match first.to_str()? {
        KEEPER => Some(background_keeper()),
        LAUNCHER => Some(launcher::run()),
        NETWORK_PROCESS => Some(network::run()),
        OPENER => Some(opener::run()),
        DAEMON => Some(daemon::run()),
        bench::PEER => Some(bench::run_peer()),
        _ => None,
    }
}

/// Runs a daemon in the foreground until it is told to end.
pub(crate) fn run(options: &Options) -> Result<()> {
    log::start();
    infield_jail::close_from_at_exec(FIRST_UNKNOWN).map_err(|error| {
        Error::internal("descriptors of the caller cannot be kept back").with_source(error)
    })?;
    keeper::run(options)
}

/// Starts a daemon in the background, which logs into its home. It has its socket as soon as
/// it has the home; ends at once when another has it.
pub(crate) fn start_in_background(home: &Home) -> Result<Child> {
    let options = Options::background(home.clone())?;
    let directory = home.open(options.owner()?)?;
    let failed =
        |error: std::io::Error| Error::internal("the daemon cannot be started").with_source(error);
    let log = crate::home::open_log(&directory).map_err(failed)?;
    let mut command = own_binary(KEEPER);
    command.arg(home.path()).current_dir("/").stdin(Stdio::null());
    command.stdout(Stdio::null()).stderr(Stdio::from(log));
    // A daemon that kept a pipe of the command's caller would keep that caller waiting.
    infield_jail::close_from_at_exec(FIRST_UNKNOWN).map_err(failed)?;
    command.spawn().map_err(failed)
}

fn background_keeper() -> ExitCode {
    log::start();
    let run = || -> Result<()> {
        // A child of a command is never a group leader, so this cannot fail for that reason.
        rustix::process::setsid().map_err(|errno| {
            Error::internal("the daemon cannot leave its terminal").with_source(errno)
        })?;
        let path = std::env::args_os().nth(2).map(std::path::PathBuf::from);
        keeper::run(&Options::background(Home::resolve(path.as_deref())?)?)
    };
    end(run())
}

/// What a process of the daemon leaves behind: a line in the log, and its exit code.
fn end(result: Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(hint = error.hint(), source = log::chain(&error), "{error}");
            ExitCode::from(crate::error::exit_code(error.kind()))
        }
    }
}

/// Our own binary again, also when its file was replaced meanwhile, and without the caller's
/// environment, which may hold secrets.
fn own_binary(word: &str) -> Command {
    let mut command = Command::new("/proc/self/exe");
    command.arg0("infield").arg(word).env_clear();
    let kept = |name: &str| {
        let is_ours = name.starts_with("INFIELD_") && name != SECRET_KEY;
        name == "PATH" || name == "TZ" || is_ours
    };
    command.envs(std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(kept)));
    command
}
