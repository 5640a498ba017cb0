//! `infield shutdown`: ends the daemon.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use infield_domain::{Kind, Result};
use infield_rest::wire::{Done, Shutdown, ShutdownSandboxes};

use super::{block_on, client};
use crate::args::Global;
use crate::client::{Request, Starts};
use crate::output;

/// How long the daemon may take to stop every sandbox.
const PATIENCE: Duration = Duration::from_secs(600);

/// End the daemon
///
/// The sandboxes and what runs in them go on, and the next daemon finds them. With --all they are
/// stopped first, with their files kept.
#[derive(Debug, Args)]
pub(crate) struct ShutdownArgs {
    /// Stop the sandboxes too
    #[arg(short, long)]
    all: bool,
}

/// Ends it; that none runs is no error.
pub(crate) fn run(global: &Global, args: ShutdownArgs) -> Result<ExitCode> {
    let client = client(global, Starts::Nothing)?;
    let sandboxes = if args.all { ShutdownSandboxes::Stop } else { ShutdownSandboxes::Keep };
    block_on(async {
        let request = Request::post("/v1/shutdown", &Shutdown { sandboxes })?.patient(PATIENCE);
        match client.json::<Done>(request).await {
            Ok(Done {}) => client.gone().await,
            Err(error) if error.kind() == Kind::Unavailable => {
                output::complain("infield: no daemon runs\n");
                Ok(())
            }
            Err(error) => Err(error),
        }
    })?;
    Ok(ExitCode::SUCCESS)
}
