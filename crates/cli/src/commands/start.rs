//! `infield start`: a stopped sandbox runs again, with its files.

use clap::Args;
use infield_domain::Result;
use infield_rest::wire::{Done, Sandbox};

use super::info::path;
use crate::args::Format;
use crate::client::{Client, Request};
use crate::output;

/// Start stopped sandboxes again, with their files
#[derive(Debug, Args)]
pub(crate) struct StartArgs {
    /// Names or ids
    #[arg(value_name = "SANDBOX", required = true)]
    sandboxes: Vec<String>,
    #[command(flatten)]
    format: Format,
}

/// Starts them, one after the other.
pub(crate) async fn run(client: &Client, args: StartArgs) -> Result<()> {
    move_all(client, &args.sandboxes, "start", args.format).await
}

/// Asks for the same step of several sandboxes, and shows each name when it is done. The first
/// failure ends it.
pub(super) async fn move_all(
    client: &Client,
    sandboxes: &[String],
    step: &str,
    format: Format,
) -> Result<()> {
    let mut moved = Vec::new();
    for name in sandboxes {
        let request = Request::post(format!("{}/{step}", path(name)), &Done {})?;
        let sandbox: Sandbox = client.json(request).await?;
        if !format.json {
            output::say(&format!("{}\n", output::clean(&sandbox.name)))?;
        }
        moved.push(sandbox);
    }
    if format.json { output::json(&moved) } else { Ok(()) }
}
