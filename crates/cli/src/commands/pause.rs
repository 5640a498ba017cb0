//! `infield pause`: holds everything that runs in a sandbox.

use clap::Args;
use infield_domain::Result;

use super::start::move_all;
use crate::args::Format;
use crate::client::Client;

/// Pause sandboxes: hold what they run, keep their memory
///
/// Nothing of a paused sandbox gets a processor. `infield start` lets it go on, and so does whoever
/// uses it.
#[derive(Debug, Args)]
pub(crate) struct PauseArgs {
    /// Names or ids
    #[arg(value_name = "SANDBOX", required = true)]
    sandboxes: Vec<String>,
    #[command(flatten)]
    format: Format,
}

/// Does it to one after the other.
pub(crate) async fn run(client: &Client, args: PauseArgs) -> Result<()> {
    move_all(client, &args.sandboxes, "pause", args.format).await
}
