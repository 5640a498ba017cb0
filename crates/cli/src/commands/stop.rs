//! `infield stop`: ends what a sandbox runs, and keeps its files.

use clap::Args;
use infield_domain::Result;

use super::start::move_all;
use crate::args::Format;
use crate::client::Client;

/// Stop sandboxes: end what they run, keep their files
///
/// The files are on disk when the command returns, also those of a temporary sandbox.
#[derive(Debug, Args)]
pub(crate) struct StopArgs {
    /// Names or ids
    #[arg(value_name = "SANDBOX", required = true)]
    sandboxes: Vec<String>,
    #[command(flatten)]
    format: Format,
}

/// Stops them, one after the other.
pub(crate) async fn run(client: &Client, args: StopArgs) -> Result<()> {
    move_all(client, &args.sandboxes, "stop", args.format).await
}
