//! `infield rm`: deletes sandboxes.

use clap::Args;
use infield_domain::lifecycle::State;
use infield_domain::{Error, Kind, Result};
use infield_rest::wire::Sandbox;
use serde::Serialize;

use super::info::path;
use crate::args::Format;
use crate::client::{Client, Request};
use crate::output;

/// Delete sandboxes, with everything in them
///
/// A running sandbox is deleted only with `--force`. What it did stays in `infield audit`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  infield rm web
  infield rm -f $(infield ls -q)")]
pub(crate) struct RmArgs {
    /// Names or ids
    #[arg(value_name = "SANDBOX", required = true)]
    sandboxes: Vec<String>,
    /// Also running ones; that one is missing is no error
    #[arg(short, long)]
    force: bool,
    #[command(flatten)]
    format: Format,
}

/// What became of one.
#[derive(Serialize)]
struct Removed<'a> {
    sandbox: &'a str,
    deleted: bool,
}

/// Deletes them, one after the other.
pub(crate) async fn run(client: &Client, args: RmArgs) -> Result<()> {
    let mut removed = Vec::new();
    for name in &args.sandboxes {
        let deleted = match remove(client, name, &args).await {
            Ok(()) => true,
            Err(error) if args.force && error.kind() == Kind::NotFound => false,
            Err(error) => return Err(error),
        };
        if !args.format.json && deleted {
            output::say(&format!("{}\n", output::clean(name)))?;
        }
        removed.push(Removed { sandbox: name, deleted });
    }
    if args.format.json { output::json(&removed) } else { Ok(()) }
}

async fn remove(client: &Client, name: &str, args: &RmArgs) -> Result<()> {
    if !args.force {
        let sandbox: Sandbox = client.json(Request::get(path(name))).await?;
        if sandbox.state == State::Running {
            return Err(Error::conflict(format!("the sandbox `{name}` is running"))
                .with_hint(format!("run `infield stop {name}` first, or `infield rm -f {name}`")));
        }
    }
    let _gone: Sandbox = client.json(Request::delete(path(name))).await?;
    Ok(())
}
