//! `infield org`: the organizations that keys stand for.

use clap::{Args, Subcommand};
use infield_domain::Result;
use infield_rest::wire::{CreateOrganization, Organization, Page};

use crate::args::Format;
use crate::client::{Client, Request, segment};
use crate::output::{self, Table};

/// Make, list and remove organizations, which own keys and what is made with them
///
/// Keys of one organization see nothing of another's.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  infield org create team
  infield key create ci --org team
  infield org rm team")]
pub(crate) struct OrgArgs {
    #[command(subcommand)]
    command: OrgCommand,
}

#[derive(Debug, Subcommand)]
enum OrgCommand {
    /// Make an organization
    Create(CreateArgs),
    /// List organizations, those that keys alone name among them
    #[command(alias = "list")]
    Ls(Format),
    /// Remove organizations that own nothing
    #[command(alias = "delete")]
    Rm(RmArgs),
}

#[derive(Debug, Args)]
struct CreateArgs {
    /// What to call it
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    format: Format,
}

#[derive(Debug, Args)]
struct RmArgs {
    /// Names
    #[arg(value_name = "NAME", required = true)]
    names: Vec<String>,
    #[command(flatten)]
    format: Format,
}

/// Does what was asked.
pub(crate) async fn run(client: &Client, args: OrgArgs) -> Result<()> {
    match args.command {
        OrgCommand::Create(args) => create(client, args).await,
        OrgCommand::Ls(format) => list(client, format).await,
        OrgCommand::Rm(args) => remove(client, args).await,
    }
}

async fn create(client: &Client, args: CreateArgs) -> Result<()> {
    let request = CreateOrganization { name: args.name };
    let made: Organization = client.json(Request::post("/v1/organizations", &request)?).await?;
    if args.format.json {
        return output::json(&made);
    }
    output::say(&format!("{}\n", output::clean(&made.name)))
}

async fn list(client: &Client, format: Format) -> Result<()> {
    let page: Page<Organization> = client.json(Request::get("/v1/organizations")).await?;
    if format.json {
        return output::json(&page.items);
    }
    let mut table = Table::new(&["NAME", "MADE"]);
    for organization in page.items {
        table.row([organization.name, output::ago(organization.created_at)]);
    }
    output::say(&table.render())
}

async fn remove(client: &Client, args: RmArgs) -> Result<()> {
    let mut removed = Vec::new();
    for name in &args.names {
        let request = Request::delete(format!("/v1/organizations/{}", segment(name)));
        let organization: Organization = client.json(request).await?;
        if !args.format.json {
            output::say(&format!("{}\n", output::clean(&organization.name)))?;
        }
        removed.push(organization);
    }
    if args.format.json { output::json(&removed) } else { Ok(()) }
}
