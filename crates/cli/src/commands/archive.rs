//! `infield archive`: puts a stopped sandbox away.

use clap::Args;
use infield_domain::Result;

use super::start::move_all;
use crate::args::Format;
use crate::client::Client;

/// Archive stopped sandboxes: put them away for long
///
/// Its files stay where they are. `infield start` brings it back.
#[derive(Debug, Args)]
pub(crate) struct ArchiveArgs {
    /// Names or ids
    #[arg(value_name = "SANDBOX", required = true)]
    sandboxes: Vec<String>,
    #[command(flatten)]
    format: Format,
}

/// Does it to one after the other.
pub(crate) async fn run(client: &Client, args: ArchiveArgs) -> Result<()> {
    move_all(client, &args.sandboxes, "archive", args.format).await
}
