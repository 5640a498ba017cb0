//! The commands, one file each, and the way from what was typed to the one that does it.

use std::future::Future;
use std::process::ExitCode;

use infield_domain::{Error, Result};

use crate::args::{Cli, Command, Global};
use crate::client::{Client, Starts};
use crate::home::Home;

pub(crate) mod archive;
pub(crate) mod audit;
pub(crate) mod bench;
pub(crate) mod cp;
pub(crate) mod create;
pub(crate) mod doctor;
pub(crate) mod exec;
pub(crate) mod image;
pub(crate) mod info;
pub(crate) mod intent;
pub(crate) mod key;
pub(crate) mod logs;
pub(crate) mod ls;
pub(crate) mod mcp;
pub(crate) mod mcp_config;
pub(crate) mod net;
pub(crate) mod org;
pub(crate) mod pause;
pub(crate) mod port;
pub(crate) mod prune;
pub(crate) mod rm;
pub(crate) mod run;
pub(crate) mod secret;
pub(crate) mod serve;
pub(crate) mod shutdown;
pub(crate) mod start;
pub(crate) mod stats;
pub(crate) mod stop;
pub(crate) mod volume;

/// Does what was asked.
pub(crate) fn dispatch(cli: Cli) -> Result<ExitCode> {
    let Cli { global, command } = cli;
    match command {
        Command::Run(args) => run::run(&global, args),
        Command::Exec(args) => exec::run(&global, args),
        Command::Do(args) => intent::run(&global, args),
        Command::Serve(args) => serve::run(&global, args),
        Command::McpConfig(args) => mcp_config::run(args),
        Command::Create(args) => {
            with_daemon(&global, async |client| create::run(client, args).await)
        }
        Command::Ls(args) => with_daemon(&global, async |client| ls::run(client, args).await),
        Command::Info(args) => with_daemon(&global, async |client| info::run(client, args).await),
        Command::Stats(args) => with_daemon(&global, async |client| stats::run(client, args).await),
        Command::Start(args) => with_daemon(&global, async |client| start::run(client, args).await),
        Command::Pause(args) => with_daemon(&global, async |client| pause::run(client, args).await),
        Command::Archive(args) => {
            with_daemon(&global, async |client| archive::run(client, args).await)
        }
        Command::Stop(args) => with_daemon(&global, async |client| stop::run(client, args).await),
        Command::Rm(args) => with_daemon(&global, async |client| rm::run(client, args).await),
        Command::Cp(args) => with_daemon(&global, async |client| cp::run(client, args).await),
        Command::Logs(args) => with_daemon(&global, async |client| logs::run(client, args).await),
        Command::Image(args) => with_daemon(&global, async |client| image::run(client, args).await),
        Command::Key(args) => with_daemon(&global, async |client| key::run(client, args).await),
        Command::Org(args) => with_daemon(&global, async |client| org::run(client, args).await),
        Command::Audit(args) => with_daemon(&global, async |client| audit::run(client, args).await),
        Command::Net(args) => with_daemon(&global, async |client| net::run(client, args).await),
        Command::Secret(args) => {
            with_daemon(&global, async |client| secret::run(client, args).await)
        }
        Command::Volume(args) => {
            with_daemon(&global, async |client| volume::run(client, args).await)
        }
        Command::Port(args) => with_daemon(&global, async |client| port::run(client, args).await),
        Command::Prune(args) => with_daemon(&global, async |client| prune::run(client, args).await),
        Command::Doctor(args) => {
            with_daemon(&global, async |client| doctor::run(client, args).await)
        }
        Command::Bench(args) => bench::run(&global, args),
        Command::Mcp(args) => mcp::run(&global, args),
        Command::Shutdown(args) => shutdown::run(&global, args),
    }
}

/// A client for the daemon that these options choose.
pub(crate) fn client(global: &Global, starts: Starts) -> Result<Client> {
    Ok(Client::new(Home::resolve(global.home.as_deref())?, starts))
}

/// Runs a command that talks to the daemon and has done when it answered.
fn with_daemon(global: &Global, work: impl AsyncFnOnce(&Client) -> Result<()>) -> Result<ExitCode> {
    let client = client(global, Starts::Daemon)?;
    block_on(work(&client))?;
    Ok(ExitCode::SUCCESS)
}

/// Runs a future on this thread alone: starting others would cost more than most commands do.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| Error::internal("cannot start the runtime").with_source(source))?;
    let done = runtime.block_on(work);
    // A read of standard input may hang in a thread for ever; it ends with the process.
    runtime.shutdown_background();
    done
}
