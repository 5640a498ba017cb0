//! `infield key`: keys for callers over HTTP.

use clap::{Args, Subcommand};
use infield_domain::Result;
use infield_domain::principal::Permission;
use infield_rest::wire::{CreateKey, Key, KeyMade, Page};

use crate::args::{Format, value};
use crate::client::{Client, Request, segment};
use crate::output::{self, Table};

/// Make, list and revoke keys for callers over HTTP
///
/// Commands on this machine need no key: the socket belongs to you.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  infield key create laptop
  infield key create ci --permission read --permission execute --expires 30d --json
  infield key rm laptop")]
pub(crate) struct KeyArgs {
    #[command(subcommand)]
    command: KeyCommand,
}

#[derive(Debug, Subcommand)]
enum KeyCommand {
    /// Make a key and show it, this once
    Create(CreateArgs),
    /// List keys; never the keys themselves
    #[command(alias = "list")]
    Ls(Format),
    /// Revoke keys
    #[command(alias = "revoke", alias = "delete")]
    Rm(RmArgs),
}

#[derive(Debug, Args)]
struct CreateArgs {
    /// What to call it
    #[arg(value_name = "NAME")]
    name: String,
    /// Owner of what is made with it; the name by default
    #[arg(long, value_name = "OWNER")]
    owner: Option<String>,
    /// Organization that owns what is made with it; `infield org create` makes one
    #[arg(long, value_name = "NAME", conflicts_with = "owner")]
    org: Option<String>,
    /// What it may do: read, manage, execute, images or admin; everything but admin by default
    #[arg(short, long, value_name = "PERMISSION", value_delimiter = ',', value_parser = permission)]
    permission: Vec<Permission>,
    /// See the sandboxes of every owner
    #[arg(long)]
    sees_all: bool,
    /// End it after this long, such as `30d`
    #[arg(long, value_name = "DURATION", value_parser = value::duration_ms)]
    expires: Option<u64>,
    #[command(flatten)]
    format: Format,
}

#[derive(Debug, Args)]
struct RmArgs {
    /// Names or ids
    #[arg(value_name = "KEY", required = true)]
    keys: Vec<String>,
    #[command(flatten)]
    format: Format,
}

/// Does what was asked.
pub(crate) async fn run(client: &Client, args: KeyArgs) -> Result<()> {
    match args.command {
        KeyCommand::Create(args) => create(client, args).await,
        KeyCommand::Ls(format) => list(client, format).await,
        KeyCommand::Rm(args) => remove(client, args).await,
    }
}

async fn create(client: &Client, args: CreateArgs) -> Result<()> {
    let request = CreateKey {
        name: args.name,
        owner: args.owner,
        organization: args.org,
        permissions: (!args.permission.is_empty()).then_some(args.permission),
        sees_all: args.sees_all,
        expires_at: args.expires.map(|after| output::now_ms().saturating_add(after)),
    };
    let made: KeyMade = client.json(Request::post("/v1/keys", &request)?).await?;
    if args.format.json {
        return output::json(&made);
    }
    output::complain("infield: keep this key; it is not shown again\n");
    output::say(&format!("{}\n", made.key))
}

async fn list(client: &Client, format: Format) -> Result<()> {
    let page: Page<Key> = client.json(Request::get("/v1/keys")).await?;
    if format.json {
        return output::json(&page.items);
    }
    let mut table = Table::new(&["NAME", "ID", "OWNER", "MAY", "MADE", "USED", "ENDS"]);
    for key in page.items {
        let may: Vec<_> = key.permissions.iter().map(|word| word.as_str()).collect();
        let ends = match key.expires_at {
            Some(at) if at <= output::now_ms() => "expired".to_owned(),
            Some(at) => output::moment(at),
            None => "never".to_owned(),
        };
        let used = key.used_at.map_or_else(|| "never".to_owned(), output::ago);
        let made = output::ago(key.created_at);
        table.row([key.name, key.id, key.owner, may.join(","), made, used, ends]);
    }
    output::say(&table.render())
}

async fn remove(client: &Client, args: RmArgs) -> Result<()> {
    let mut revoked = Vec::new();
    for name in &args.keys {
        let request = Request::delete(format!("/v1/keys/{}", segment(name)));
        let key: Key = client.json(request).await?;
        if !args.format.json {
            output::say(&format!("{}\n", output::clean(&key.name)))?;
        }
        revoked.push(key);
    }
    if args.format.json { output::json(&revoked) } else { Ok(()) }
}

fn permission(word: &str) -> std::result::Result<Permission, String> {
    Permission::ALL.into_iter().find(|permission| permission.as_str() == word).ok_or_else(|| {
        let words = Permission::ALL.map(Permission::as_str);
        format!("choose one of {}", words.join(", "))
    })
}
