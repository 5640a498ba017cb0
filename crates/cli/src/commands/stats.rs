//! `infield stats`: what sandboxes use now.

use clap::Args;
use infield_domain::lifecycle::State;
use infield_domain::network::Traffic;
use infield_domain::{Kind, Result};
use infield_rest::wire::{Inspection, ListSandboxes, Sandbox, Usage};
use serde::Serialize;

use super::info::path;
use super::ls::list;
use crate::args::Format;
use crate::client::{Client, Request};
use crate::output::{self, Table};

/// Show what running sandboxes use
///
/// A dash stands for what this host cannot tell.
#[derive(Debug, Args)]
pub(crate) struct StatsArgs {
    /// Names or ids; every running one when missing
    #[arg(value_name = "SANDBOX")]
    sandboxes: Vec<String>,
    #[command(flatten)]
    format: Format,
}

#[derive(Serialize)]
struct Row {
    sandbox: Sandbox,
    usage: Usage,
    traffic: Option<Traffic>,
}

/// Shows it.
pub(crate) async fn run(client: &Client, args: StatsArgs) -> Result<()> {
    let rows = if args.sandboxes.is_empty() {
        running(client).await?
    } else {
        let mut rows = Vec::new();
        for name in &args.sandboxes {
            rows.push(look(client, name).await?);
        }
        rows
    };
    if args.format.json { output::json(&rows) } else { output::say(&table(&rows)) }
}

async fn running(client: &Client) -> Result<Vec<Row>> {
    let query = ListSandboxes {
        states: Some(State::Running.as_str().to_owned()),
        ..ListSandboxes::default()
    };
    let mut rows = Vec::new();
    for sandbox in list(client, query).await? {
        match look(client, &sandbox.id).await {
            Ok(row) => rows.push(row),
            // It ended between the list and the look at it.
            Err(error) if matches!(error.kind(), Kind::NotFound | Kind::Conflict) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(rows)
}

async fn look(client: &Client, name: &str) -> Result<Row> {
    let usage = client.json(Request::get(format!("{}/usage", path(name)))).await?;
    let inspection = Request::get(format!("{}/inspection", path(name)));
    let Inspection { sandbox, traffic, .. } = client.json(inspection).await?;
    Ok(Row { sandbox, usage, traffic })
}

fn table(rows: &[Row]) -> String {
    let mut table = Table::new(&[
        "NAME", "MEMORY", "LIMIT", "CPU", "PIDS", "DISK", "INODES", "SENT", "RECEIVED",
    ]);
    let dash = || "-".to_owned();
    for Row { sandbox, usage, traffic } in rows {
        table.row([
            sandbox.name.clone(),
            usage.memory_bytes.map_or_else(dash, output::size),
            sandbox.resources.memory_bytes.map_or_else(dash, output::size),
            usage.cpu_us.map_or_else(dash, |us| format!("{:.1} s", us as f64 / 1e6)),
            usage.pids.map_or_else(dash, |count| count.to_string()),
            usage.disk_bytes.map_or_else(dash, output::size),
            usage.inodes.map_or_else(dash, |count| count.to_string()),
            traffic.map_or_else(dash, |traffic| output::size(traffic.sent_bytes)),
            traffic.map_or_else(dash, |traffic| output::size(traffic.received_bytes)),
        ]);
    }
    table.render()
}
