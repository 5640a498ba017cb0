//! `infield volume`: folders that several sandboxes share.

use clap::{Args, Subcommand};
use infield_domain::Result;
use infield_domain::isolation::Mechanism;
use infield_rest::wire::{CreateVolume, Page, Volume, VolumeInspection};

use crate::args::{Format, value};
use crate::client::{Client, Request, segment};
use crate::output::{self, Table};

/// Make, list, look at and remove volumes: folders that several sandboxes share
///
/// A sandbox made with `--volume NAME:/PATH` has the volume at that path, at every start. Files in it
/// have the same owners in each of its sandboxes. A volume is kept until you remove it, which you can
/// when no sandbox has it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  infield volume create corpus --size 20g
  infield create --name one --volume corpus:/data
  infield create --name two --volume corpus:/data:sets/2026
  infield volume rm corpus")]
pub(crate) struct VolumeArgs {
    #[command(subcommand)]
    command: VolumeCommand,
}

#[derive(Debug, Subcommand)]
enum VolumeCommand {
    /// Make a volume
    Create(CreateArgs),
    /// List volumes
    #[command(alias = "list")]
    Ls(Format),
    /// Show a volume, what it holds and which sandboxes have it
    #[command(alias = "info")]
    Inspect(InspectArgs),
    /// Remove volumes that no sandbox has, with all that is in them
    #[command(alias = "remove", alias = "delete")]
    Rm(RmArgs),
}

#[derive(Debug, Args)]
struct CreateArgs {
    /// What to call it
    #[arg(value_name = "NAME")]
    name: String,
    /// Bytes that it may hold, such as `20g`; 10 GiB by default
    #[arg(long, value_name = "SIZE", value_parser = value::size_bytes)]
    size: Option<u64>,
    /// Files and folders that it may hold; 1,000,000 by default
    #[arg(long, value_name = "NUMBER")]
    inodes: Option<u64>,
    #[command(flatten)]
    format: Format,
}

#[derive(Debug, Args)]
struct InspectArgs {
    /// Its name or id
    #[arg(value_name = "VOLUME")]
    volume: String,
    #[command(flatten)]
    format: Format,
}

#[derive(Debug, Args)]
struct RmArgs {
    /// Names or ids
    #[arg(value_name = "VOLUME", required = true)]
    volumes: Vec<String>,
    #[command(flatten)]
    format: Format,
}

/// Does what was asked.
pub(crate) async fn run(client: &Client, args: VolumeArgs) -> Result<()> {
    match args.command {
        VolumeCommand::Create(args) => create(client, args).await,
        VolumeCommand::Ls(format) => list(client, format).await,
        VolumeCommand::Inspect(args) => inspect(client, args).await,
        VolumeCommand::Rm(args) => remove(client, args).await,
    }
}

async fn create(client: &Client, args: CreateArgs) -> Result<()> {
    let CreateArgs { name, size, inodes, format } = args;
    let wish = CreateVolume { name, size_bytes: size, inodes };
    let volume: Volume = client.json(Request::post("/v1/volumes", &wish)?).await?;
    if format.json {
        return output::json(&volume);
    }
    output::say(&format!("{}\n", output::clean(&volume.name)))
}

async fn list(client: &Client, format: Format) -> Result<()> {
    let page: Page<Volume> = client.json(Request::get("/v1/volumes")).await?;
    if format.json {
        return output::json(&page.items);
    }
    let mut table = Table::new(&["NAME", "ID", "OWNER", "SIZE", "CREATED"]);
    for volume in page.items {
        let (size, made) = (output::size(volume.size_bytes), output::ago(volume.created_at));
        table.row([volume.name, volume.id, volume.owner, size, made]);
    }
    output::say(&table.render())
}

async fn inspect(client: &Client, args: InspectArgs) -> Result<()> {
    let request = Request::get(format!("/v1/volumes/{}", segment(&args.volume)));
    let found: VolumeInspection = client.json(request).await?;
    if args.format.json {
        return output::json(&found);
    }
    let VolumeInspection { volume, used_bytes, used_inodes, sandboxes } = found;
    let limit = match volume.enforced {
        Mechanism::Sampled => "looked at now and then: sandboxes that have it are stopped",
        Mechanism::None => "enforced by nothing",
        _ => "enforced by the kernel",
    };
    let used = output::size(used_bytes.unwrap_or_default());
    let (files, most) = (used_inodes.unwrap_or_default(), volume.inodes);
    let mut table = Table::new(&[]);
    table.pair("name", volume.name);
    table.pair("id", volume.id);
    table.pair("owner", volume.owner);
    table.pair("holds", format!("{used} of {}", output::size(volume.size_bytes)));
    table.pair("files", format!("{files} of {most}"));
    table.pair("limits", limit.to_owned());
    table.pair("created", output::ago(volume.created_at));
    table.pair("sandboxes", sandboxes.join(", "));
    output::say(&table.render())
}

async fn remove(client: &Client, args: RmArgs) -> Result<()> {
    let mut removed = Vec::new();
    for volume in &args.volumes {
        let request = Request::delete(format!("/v1/volumes/{}", segment(volume)));
        let volume: Volume = client.json(request).await?;
        if !args.format.json {
            output::say(&format!("{}\n", output::clean(&volume.name)))?;
        }
        removed.push(volume);
    }
    if args.format.json { output::json(&removed) } else { Ok(()) }
}
