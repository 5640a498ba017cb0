//! `infield prune`: deletes what nobody uses.

use clap::Args;
use infield_domain::Result;
use infield_rest::wire::{Prune, Pruned};

use crate::args::{Format, value};
use crate::client::{Client, Request};
use crate::output;

/// Delete stopped temporary sandboxes, and failed ones
#[derive(Debug, Args)]
pub(crate) struct PruneArgs {
    /// Only what has rested at least this long, such as `2h`
    #[arg(long, value_name = "DURATION", default_value = "0", value_parser = value::duration_ms)]
    older_than: u64,
    /// Also stopped persistent ones, with their files
    #[arg(long)]
    persistent: bool,
    #[command(flatten)]
    format: Format,
}

/// Deletes them.
pub(crate) async fn run(client: &Client, args: PruneArgs) -> Result<()> {
    let request = Prune { older_than_ms: args.older_than, persistent: args.persistent };
    let pruned: Pruned = client.json(Request::post("/v1/prune", &request)?).await?;
    if args.format.json {
        return output::json(&pruned);
    }
    let names: String =
        pruned.sandboxes.iter().map(|sandbox| output::clean(&sandbox.name) + "\n").collect();
    output::say(&names)
}
