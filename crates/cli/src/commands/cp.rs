//! `infield cp`: files and trees between this machine and a sandbox.
//!
//! Both directions are one tar stream. What comes out of a sandbox is foreign: [`crate::landing`]
//! writes it below an open folder and follows no link. What goes in is unpacked by the agent,
//! inside.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use clap::Args;
use futures_util::{StreamExt, TryStreamExt, stream};
use http_body_util::BodyExt;
use infield_domain::files::FileKind;
use infield_domain::guest::ByteStream;
use infield_domain::{Error, Kind, Result, SandboxId, SandboxName};
use infield_rest::wire::{FileEntry, StatFile, TreeDone, TreeQuery, WriteQuery};
use tokio::io::AsyncReadExt;

use super::info::path;
use crate::args::Format;
use crate::client::{Client, Request};
use crate::landing::{self, Folder};
use crate::output;
use crate::stdio::Stdio;
use crate::transfer::{read_by, written_by};

#[cfg(test)]
mod tests;

/// Bytes that are read at once.
const PIECE_BYTES: usize = 256 * 1024;

/// Copy files and trees into or out of a sandbox
///
/// One side is `SANDBOX:PATH`; a relative path starts at the sandbox's working directory. A target
/// that is a folder gets the source inside it, under its own name; any other target becomes the
/// source. `-` is standard input or output, for one file. A file of this machine whose name has a
/// colon is written `./a:b`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  infield cp ./src web:/workspace          the tree becomes /workspace/src
  infield cp web:out.csv .
  infield cp web:/var/log/app.log - | less
  date | infield cp - web:stamp")]
pub(crate) struct CpArgs {
    /// What to copy
    #[arg(value_name = "SRC")]
    source: String,
    /// Where
    #[arg(value_name = "DST")]
    target: String,
    #[command(flatten)]
    format: Format,
}

/// One side of a copy.
#[derive(Debug, PartialEq, Eq)]
enum Side {
    /// Standard input or output.
    Standard,
    /// A path of this machine.
    Here(PathBuf),
    /// A path inside a sandbox.
    Inside { sandbox: String, path: String },
}

/// Copies.
pub(crate) async fn run(client: &Client, args: CpArgs) -> Result<()> {
    let entries = match (parse(&args.source), parse(&args.target)) {
        (Side::Standard, Side::Inside { sandbox, path }) => {
            write_file(client, &sandbox, path).await?
        }
        (Side::Here(source), Side::Inside { sandbox, path }) => {
            bring_in(client, &source, &sandbox, &path).await?
        }
        (Side::Inside { sandbox, path }, Side::Standard) => {
            return print_file(client, &sandbox, path).await;
        }
        (Side::Inside { sandbox, path }, Side::Here(target)) => {
            let archive = download(client, &sandbox, "tree", path).await?;
            take_out(archive, &target).await?
        }
        (Side::Inside { .. }, Side::Inside { .. }) => {
            return Err(Error::invalid("both sides are in a sandbox")
                .with_hint("copy to this machine first, then on"));
        }
        (Side::Standard | Side::Here(_), Side::Standard | Side::Here(_)) => {
            return Err(Error::invalid("neither side is in a sandbox")
                .with_hint("write one side as `SANDBOX:PATH`"));
        }
    };
    if args.format.json { output::json(&TreeDone { entries }) } else { Ok(()) }
}

/// What a word names: like docker, a sandbox is what stands before the first colon, unless a
/// slash comes before it.
fn parse(word: &str) -> Side {
    if word == "-" {
        return Side::Standard;
    }
    match word.split_once(':') {
        Some((name, path))
            if name.parse::<SandboxName>().is_ok() || name.parse::<SandboxId>().is_ok() =>
        {
            let path = if path.is_empty() { "." } else { path };
            Side::Inside { sandbox: name.to_owned(), path: path.to_owned() }
        }
        Some(_) | None => Side::Here(PathBuf::from(word)),
    }
}

async fn write_file(client: &Client, sandbox: &str, path: String) -> Result<u64> {
    client.greet().await?;
    let query = WriteQuery { path, mode: None, permissions: None };
    let target = format!("{}/file", self::path(sandbox));
    let request = Request::put(target, read_stdin()).query(&query)?;
    let _written: FileEntry = client.json(request).await?;
    Ok(1)
}

async fn print_file(client: &Client, sandbox: &str, path: String) -> Result<()> {
    let mut content = download(client, sandbox, "file", path).await?;
    let broken = |error: std::io::Error| {
        Error::unavailable(format!("cannot write to standard output: {error}"))
    };
    let stdout = Stdio::output().map_err(broken)?;
    while let Some(bytes) = content.next().await {
        match stdout.write_all(&bytes?).await {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => return Ok(()),
            Err(error) => return Err(broken(error)),
        }
    }
    Ok(())
}

async fn bring_in(client: &Client, source: &Path, sandbox: &str, target: &str) -> Result<u64> {
    let (folder, name) = if is_folder(client, sandbox, target).await? {
        (target.to_owned(), own_name(source)?)
    } else {
        split(target)?
    };
    let (holder, own) = Folder::holding(source)?;
    let archive = written_by(move |out| landing::pack(&holder, &own, &name, out).map(drop));
    let request = Request::put(format!("{}/tree", path(sandbox)), archive);
    let done: TreeDone = client.json(request.query(&TreeQuery { path: folder })?).await?;
    Ok(done.entries)
}

async fn take_out(archive: ByteStream, target: &Path) -> Result<u64> {
    let (holder, own) = Folder::holding(target)?;
    let landed =
        read_by(archive, move |input| landing::land(&holder, &own, input, landing::LIMITS)).await?;
    for line in &landed.left_out {
        output::complain(&format!("infield: left out: {}\n", output::clean(line)));
    }
    Ok(landed.files)
}

/// Whether a path inside is a folder; also makes sure that the daemon is ours before a body is
/// sent that cannot be sent again.
async fn is_folder(client: &Client, sandbox: &str, target: &str) -> Result<bool> {
    if target.ends_with('/') || target == "." {
        client.greet().await?;
        return Ok(true);
    }
    let stat = StatFile { path: target.to_owned() };
    let request = Request::post(format!("{}/files/stat", path(sandbox)), &stat)?;
    match client.json::<FileEntry>(request).await {
        Ok(entry) => Ok(entry.kind == FileKind::Directory),
        // Whether the sandbox or the file is missing: the upload tells the former.
        Err(error) if error.kind() == Kind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// The name that a source has, also when it is written `.` or `dir/..`.
fn own_name(source: &Path) -> Result<String> {
    let named = |path: &Path| Some(path.file_name()?.to_str()?.to_owned());
    named(source).or_else(|| named(&source.canonicalize().ok()?)).ok_or_else(|| {
        Error::invalid(format!("`{}` has no name in UTF-8", source.display()))
            .with_hint("name the target in full")
    })
}

/// The folder and the last name of a path inside.
fn split(target: &str) -> Result<(String, String)> {
    let (folder, name) = match target.rsplit_once('/') {
        Some(("", name)) => ("/", name),
        Some((folder, name)) => (folder, name),
        None => (".", target),
    };
    if matches!(name, "" | "." | "..") {
        return Err(Error::invalid(format!("`{target}` names no file")));
    }
    Ok((folder.to_owned(), name.to_owned()))
}

async fn download(client: &Client, sandbox: &str, what: &str, path: String) -> Result<ByteStream> {
    let request = Request::get(format!("{}/{what}", self::path(sandbox)));
    let body = client.download(request.query(&TreeQuery { path })?).await?;
    let pieces = body
        .into_data_stream()
        .map_err(|source| Error::unavailable("the transfer was cut short").with_source(source));
    Ok(Box::pin(pieces))
}

/// The bytes of a file of this machine.
pub(super) async fn read_file(file: &Path) -> Result<ByteStream> {
    let shown = file.display().to_string();
    let opened = tokio::fs::File::open(file).await.map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Error::not_found(format!("there is no file `{shown}`")),
        _ => Error::invalid(format!("cannot read `{shown}`: {error}")),
    })?;
    Ok(Box::pin(stream::try_unfold(opened, move |mut opened| {
        let shown = shown.clone();
        async move {
            let mut buffer = vec![0; PIECE_BYTES];
            let length = opened
                .read(&mut buffer)
                .await
                .map_err(|error| Error::unavailable(format!("cannot read `{shown}`: {error}")))?;
            buffer.truncate(length);
            Ok((length > 0).then(|| (Bytes::from(buffer), opened)))
        }
    })))
}

/// The bytes of standard input.
pub(super) fn read_stdin() -> ByteStream {
    fn broken(error: std::io::Error) -> Error {
        Error::unavailable(format!("cannot read standard input: {error}"))
    }
    Box::pin(stream::try_unfold(None, async move |opened: Option<Stdio>| {
        let stdin = match opened {
            Some(stdin) => stdin,
            None => Stdio::input().map_err(broken)?,
        };
        let bytes = stdin.read().await.map_err(broken)?;
        Ok((!bytes.is_empty()).then_some((bytes, Some(stdin))))
    }))
}
