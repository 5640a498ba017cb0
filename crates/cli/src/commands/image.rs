//! `infield image`: root file systems that sandboxes start from.

use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand};
use infield_domain::image::Origin;
use infield_domain::{Error, ImageName, Result};
use infield_jail::trees;
use infield_rest::wire::{Done, Image, Page};

use super::cp::{read_file, read_stdin};
use crate::args::Format;
use crate::client::{Client, Request, segment};
use crate::landing::Folder;
use crate::output::{self, Table};
use crate::transfer::written_by;

/// How long an import may take until it is answered.
const PATIENCE: Duration = Duration::from_secs(1_800);

/// List, import and remove images
///
/// The built-in image `host` mirrors this host's `/usr`, read-only, with an `/etc` of its own.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  docker export $(docker create debian:12) | infield image import debian:12 -
  infield image import mine ./rootfs
  infield run --image mine -c 'print(1)'")]
pub(crate) struct ImageArgs {
    #[command(subcommand)]
    command: ImageCommand,
}

#[derive(Debug, Subcommand)]
enum ImageCommand {
    /// List images
    #[command(alias = "list")]
    Ls(Format),
    /// Import a folder or a tar archive
    ///
    /// It is unpacked by an unprivileged process in a sandbox of its own. Devices, set-id bits for
    /// the host and links out of the root are left out; the answer says how many.
    Import(ImportArgs),
    /// Remove images that no sandbox has
    #[command(alias = "delete")]
    Rm(RmArgs),
}

#[derive(Debug, Args)]
struct ImportArgs {
    /// What to call it, such as `debian:12`
    #[arg(value_name = "NAME")]
    name: ImageName,
    /// A folder, a tar archive, or `-` for an archive on standard input
    #[arg(value_name = "DIR|TAR|-")]
    source: PathBuf,
    #[command(flatten)]
    format: Format,
}

#[derive(Debug, Args)]
struct RmArgs {
    /// Names
    #[arg(value_name = "IMAGE", required = true)]
    images: Vec<ImageName>,
    #[command(flatten)]
    format: Format,
}

/// Does what was asked.
pub(crate) async fn run(client: &Client, args: ImageArgs) -> Result<()> {
    match args.command {
        ImageCommand::Ls(format) => list(client, format).await,
        ImageCommand::Import(args) => import(client, args).await,
        ImageCommand::Rm(args) => remove(client, args).await,
    }
}

async fn list(client: &Client, format: Format) -> Result<()> {
    let page: Page<Image> = client.json(Request::get("/v1/images")).await?;
    if format.json { output::json(&page.items) } else { output::say(&table(&page.items)) }
}

async fn import(client: &Client, args: ImportArgs) -> Result<()> {
    let archive = if args.source == Path::new("-") {
        read_stdin()
    } else if args.source.is_dir() {
        let folder = Folder::open(&args.source)?;
        let shown = args.source.display().to_string();
        written_by(move |out| {
            trees::pack(folder.as_fd(), out).map(drop).map_err(|error| {
                Error::unavailable(format!("cannot read `{shown}`: {error}")).with_source(error)
            })
        })
    } else {
        read_file(&args.source).await?
    };
    // The body can be sent only once, so the daemon must be ours before.
    client.greet().await?;
    let target = format!("/v1/images/{}", segment(args.name.as_str()));
    let image: Image = client.json(Request::put(target, archive).patient(PATIENCE)).await?;
    if args.format.json {
        return output::json(&image);
    }
    for line in &image.left_out {
        output::complain(&format!("infield: left out: {}\n", output::clean(line)));
    }
    output::say(&table(&[image]))
}

async fn remove(client: &Client, args: RmArgs) -> Result<()> {
    for name in &args.images {
        let target = format!("/v1/images/{}", segment(name.as_str()));
        let Done {} = client.json(Request::delete(target)).await?;
        if !args.format.json {
            output::say(&format!("{name}\n"))?;
        }
    }
    if args.format.json { output::json(&args.images) } else { Ok(()) }
}

fn table(images: &[Image]) -> String {
    let mut table = Table::new(&["NAME", "ORIGIN", "SIZE", "FILES", "IMPORTED"]);
    for image in images {
        let [size, files, at] = match image.origin {
            Origin::Host => ["-", "-", "-"].map(str::to_owned),
            Origin::Import => [
                output::size(image.size_bytes),
                image.files.to_string(),
                output::ago(image.created_at),
            ],
        };
        let origin = match image.origin {
            Origin::Host => "this host's /usr",
            Origin::Import => "import",
        };
        table.row([image.name.to_string(), origin.to_owned(), size, files, at]);
    }
    table.render()
}
