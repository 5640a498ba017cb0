//! `infield create`: a sandbox that stays.

use clap::Args;
use infield_domain::{Error, Result};
use infield_rest::wire::{CreateSandbox, Sandbox};

use super::info::describe;
use crate::args::Format;
use crate::args::sandbox::{EnvironmentOptions, SandboxOptions};
use crate::args::value;
use crate::client::{Client, Request};
use crate::output;

/// Create a sandbox and start it
///
/// A temporary sandbox (the default) keeps its files in memory while it runs, stops after 30 idle
/// minutes and is deleted a day later. A persistent one keeps them on disk until you delete it.
/// Running work is not idle.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  infield create --name web --persistent
  infield create -q --memory 1g --cpus 0.5 --ttl 2h
  infield create --name ci -e CI=1 --label team=a --require memory,seccomp")]
pub(crate) struct CreateArgs {
    /// Its name; one is made up when missing
    #[arg(short, long, value_name = "NAME")]
    name: Option<String>,
    /// The language of code that does not say: python, javascript, typescript, bash, c or go
    #[arg(short, long, value_name = "LANGUAGE")]
    language: Option<String>,
    /// Keep it, with its files on disk, until somebody deletes it
    #[arg(short, long)]
    persistent: bool,
    /// Stop it after this long without work; 0 for never
    #[arg(long, value_name = "DURATION", value_parser = value::duration_ms)]
    stop_after: Option<u64>,
    /// Delete it this long after it stopped; 0 for never
    #[arg(long, value_name = "DURATION", value_parser = value::duration_ms)]
    delete_after: Option<u64>,
    /// Delete it this long from now, whatever it does; 0 for never
    #[arg(long, value_name = "DURATION", value_parser = value::duration_ms)]
    ttl: Option<u64>,
    /// Where commands start; `/workspace` by default
    #[arg(short, long, value_name = "PATH")]
    workdir: Option<String>,
    /// A label
    #[arg(long, value_name = "KEY=VALUE", value_parser = value::pair)]
    label: Vec<(String, String)>,
    /// Makes the command repeatable: the same key gives the same sandbox
    #[arg(long, value_name = "KEY")]
    request_key: Option<String>,
    /// Print the name alone
    #[arg(short, long, conflicts_with = "json")]
    quiet: bool,
    #[command(flatten)]
    environment: EnvironmentOptions,
    #[command(flatten)]
    sandbox: SandboxOptions,
    #[command(flatten)]
    format: Format,
}

/// Creates it.
pub(crate) async fn run(client: &Client, args: CreateArgs) -> Result<()> {
    let (quiet, format) = (args.quiet, args.format);
    let made: Sandbox = client.json(Request::post("/v1/sandboxes", &into_request(args)?)?).await?;
    match (format.json, quiet) {
        (true, _) => output::json(&made),
        (false, true) => output::say(&format!("{}\n", output::clean(&made.name))),
        (false, false) => output::say(&describe(&made)),
    }
}

fn into_request(args: CreateArgs) -> Result<CreateSandbox> {
    if args.persistent && args.delete_after.is_some_and(|after| after > 0) {
        return Err(Error::invalid("a persistent sandbox is not deleted by a timer of its stop")
            .with_hint("leave out `--delete-after` or `--persistent`, or use `--ttl`"));
    }
    Ok(CreateSandbox {
        name: args.name,
        language: args.language,
        working_directory: args.workdir,
        environment: args.environment.read()?,
        labels: args.label.into_iter().collect(),
        persistent: args.persistent,
        stop_after_idle_ms: args.stop_after,
        delete_after_stop_ms: args.delete_after,
        time_to_live_ms: args.ttl,
        request_key: args.request_key,
        ..args.sandbox.into_request()
    })
}
