//! `infield net`: what a sandbox may reach, and what it did reach.

use clap::{Args, Subcommand};
use infield_domain::Result;
use infield_rest::wire::{AuditQuery, Network, NetworkLimits, Page, Record, Sandbox};

use super::info::{describe_network_limits, path};
use crate::args::{Format, value};
use crate::client::{Client, Request, segment};
use crate::output::{self, BAD, GOOD, Table};

/// See and change what a sandbox may reach
///
/// A sandbox reaches what its network allows, decided outside of it: `none` is its own loopback,
/// `limited` are package registries and public git hosts, `public` is every public address. Rules
/// come on top. A change holds at once, and cuts connections that no longer fit.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  infield net allow web db.example.org:5432
  infield net set web none
  infield net set web public --deny '*.example.org'
  infield net limit web --bandwidth 2m --total 10g
  infield net join web team
  infield net log web")]
pub(crate) struct NetArgs {
    #[command(subcommand)]
    command: NetCommand,
}

#[derive(Debug, Subcommand)]
enum NetCommand {
    /// Allow targets besides what is allowed now
    Allow(TargetArgs),
    /// Deny targets, whatever allows them
    Deny(TargetArgs),
    /// Replace the network and all rules
    Set(SetArgs),
    /// Change how much its network may carry
    ///
    /// What is not named stays as it is. A connection that is stopped by a ceiling is in the log.
    Limit(LimitArgs),
    /// Put a sandbox into a named network of its owner
    ///
    /// Members reach each other on every port, by name: `http://NAME:8080`, or
    /// `NAME.infield.internal`. A network is there as long as somebody is in it.
    Join(MembershipArgs),
    /// Take a sandbox out of a named network
    ///
    /// Its connections to and from other members are cut.
    Leave(MembershipArgs),
    /// Show connections that were made and refused
    Log(LogArgs),
}

#[derive(Debug, Args)]
struct TargetArgs {
    /// A name or an id
    #[arg(value_name = "SANDBOX")]
    sandbox: String,
    /// Names or blocks with ports, such as `pypi.org:443`, `*.example.org` or `10.1.2.3:5432`
    #[arg(value_name = "TARGET", required = true)]
    targets: Vec<String>,
    #[command(flatten)]
    format: Format,
}

#[derive(Debug, Args)]
struct SetArgs {
    /// A name or an id
    #[arg(value_name = "SANDBOX")]
    sandbox: String,
    /// `none`, `limited` or `public`; the server's setting when missing
    #[arg(value_name = "NETWORK")]
    network: Option<String>,
    /// What it may reach besides; can be repeated
    #[arg(long, value_name = "TARGET")]
    allow: Vec<String>,
    /// What it may not reach in any case; can be repeated
    #[arg(long, value_name = "TARGET")]
    deny: Vec<String>,
    #[command(flatten)]
    format: Format,
}

#[derive(Debug, Args)]
struct LimitArgs {
    /// A name or an id
    #[arg(value_name = "SANDBOX")]
    sandbox: String,
    /// Bytes a second at most, both ways together, such as `2m`; 0 for as many as come
    #[arg(long, value_name = "SIZE", value_parser = value::size_bytes)]
    bandwidth: Option<u64>,
    /// Connections at once
    #[arg(long, value_name = "NUMBER")]
    connections: Option<u32>,
    /// Bytes at most since it was made, both ways together, such as `10g`; 0 for any number
    #[arg(long, value_name = "SIZE", value_parser = value::size_bytes)]
    total: Option<u64>,
    #[command(flatten)]
    format: Format,
}

#[derive(Debug, Args)]
struct MembershipArgs {
    /// A name or an id
    #[arg(value_name = "SANDBOX")]
    sandbox: String,
    /// The word for the network
    #[arg(value_name = "NETWORK")]
    network: String,
    #[command(flatten)]
    format: Format,
}

#[derive(Debug, Args)]
struct LogArgs {
    /// A name or an id
    #[arg(value_name = "SANDBOX")]
    sandbox: String,
    /// Lines at most
    #[arg(short = 'n', long, value_name = "NUMBER", default_value_t = 100)]
    limit: u32,
    #[command(flatten)]
    format: Format,
}

impl MembershipArgs {
    fn target(&self) -> String {
        format!("{}/networks/{}", path(&self.sandbox), segment(&self.network))
    }
}

/// Does what was asked.
pub(crate) async fn run(client: &Client, args: NetArgs) -> Result<()> {
    match args.command {
        NetCommand::Allow(args) => add(client, args, "allow").await,
        NetCommand::Deny(args) => add(client, args, "deny").await,
        NetCommand::Set(SetArgs { sandbox, network, allow, deny, format }) => {
            put(client, &sandbox, &Network { network, allow, deny }, format).await
        }
        NetCommand::Limit(args) => limit(client, args).await,
        NetCommand::Join(args) => {
            let target = args.target();
            let made: Sandbox =
                client.json(Request::put_json(target, &serde_json::Map::new())?).await?;
            show(&made, args.format)
        }
        NetCommand::Leave(args) => {
            let left: Sandbox = client.json(Request::delete(args.target())).await?;
            show(&left, args.format)
        }
        NetCommand::Log(args) => log(client, args).await,
    }
}

async fn limit(client: &Client, args: LimitArgs) -> Result<()> {
    let wish = NetworkLimits {
        connections: args.connections,
        bytes_per_second: args.bandwidth,
        total_bytes: args.total,
    };
    let target = format!("{}/network/limits", path(&args.sandbox));
    let changed: Sandbox = client.json(Request::put_json(target, &wish)?).await?;
    show(&changed, args.format)
}

/// Adds rules to those that there are.
async fn add(client: &Client, args: TargetArgs, effect: &str) -> Result<()> {
    let now: Sandbox = client.json(Request::get(path(&args.sandbox))).await?;
    let with = |effect: &str| -> Vec<String> {
        let rules = now.network_rules.iter();
        rules
            .filter_map(|rule| rule.strip_prefix(effect)?.strip_prefix(' '))
            .map(str::to_owned)
            .collect()
    };
    // A network with rules of its own is those rules and nothing else.
    let word = if now.network_rules.is_empty() { now.network.clone() } else { "none".to_owned() };
    let mut wish = Network { network: Some(word), allow: with("allow"), deny: with("deny") };
    let list = if effect == "allow" { &mut wish.allow } else { &mut wish.deny };
    for target in args.targets {
        if !list.contains(&target) {
            list.push(target);
        }
    }
    put(client, &args.sandbox, &wish, args.format).await
}

async fn put(client: &Client, sandbox: &str, wish: &Network, format: Format) -> Result<()> {
    let target = format!("{}/network", path(sandbox));
    let changed: Sandbox = client.json(Request::put_json(target, wish)?).await?;
    show(&changed, format)
}

fn show(changed: &Sandbox, format: Format) -> Result<()> {
    if format.json {
        return output::json(changed);
    }
    let mut table = Table::new(&[]);
    table.pair("network", changed.network.clone());
    for rule in &changed.network_rules {
        table.pair("", rule.clone());
    }
    if !changed.networks.is_empty() {
        table.pair("in networks", changed.networks.join(", "));
    }
    table.pair("carries", describe_network_limits(changed));
    output::say(&table.render())
}

async fn log(client: &Client, args: LogArgs) -> Result<()> {
    // A deleted sandbox is found by its id alone.
    let found: Result<Sandbox> = client.json(Request::get(path(&args.sandbox))).await;
    let subject = Some(found.map_or(args.sandbox, |sandbox| sandbox.id));
    let action = Some("network.connect".to_owned());
    let query = AuditQuery { subject, action, limit: Some(args.limit), ..AuditQuery::default() };
    let page: Page<Record> = client.json(Request::get("/v1/audit").query(&query)?).await?;
    if args.format.json {
        return output::json(&page.items);
    }
    let mut table = Table::new(&["WHEN", "OUTCOME", "CONNECTION"]);
    for record in &page.items {
        let plain = anstyle::Style::new();
        let outcome = if record.outcome == "ok" { GOOD } else { BAD };
        table.styled([
            (output::moment(record.at), plain),
            (record.outcome.clone(), outcome),
            (record.detail.clone(), plain),
        ]);
    }
    output::say(&table.render())
}
