//! `upload` and `download`: between a sandbox and the client's host folders.
//!
//! The host's side is done by the client's [`crate::Folders`]; nothing here opens a host path.

use infield_domain::files::{FileKind, WriteMode};
use infield_domain::{GuestPath, Kind};

use super::{Answer, Args, Trouble, done, needed, write};
use crate::call::Call;

/// Copies a host file or folder into the sandbox, or writes the content that came along.
///
/// As `cp` does it: into `file_path` when that is a folder, otherwise to that very name.
pub(super) async fn upload(call: &Call, args: &Args, path: GuestPath) -> Answer {
    let local = match (args.local_path.as_deref(), &args.content) {
        (None, Some(_)) => return write(call, args, path, WriteMode::Replace).await,
        (local, _) => needed(local, "local_path")?,
    };
    let (folder, name) = place(call, args, &path, local).await?;
    let archive = call.folders.pack(local, &name).await?;
    let entries = call.engine.upload_tree(&call.who, &args.sandbox_id, &folder, archive).await?;
    let noun = if entries == 1 { "entry" } else { "entries" };
    done(args, None, format!("Uploaded {entries} {noun} to {folder}, as {name}."))
}

/// The folder that an upload goes into, and the name it gets there.
async fn place(
    call: &Call,
    args: &Args,
    path: &GuestPath,
    local: &str,
) -> Result<(GuestPath, String), Trouble> {
    let own_name = last_part(local).map(str::to_owned);
    let into = || Ok((path.clone(), own_name.clone().unwrap_or_else(|| "upload".to_owned())));
    if path.as_str().ends_with('/') {
        return into();
    }
    match call.engine.stat_file(&call.who, &args.sandbox_id, path).await {
        Ok(entry) if entry.kind == FileKind::Directory => return into(),
        Ok(_) => {}
        Err(error) if error.kind() == Kind::NotFound => {}
        Err(error) => return Err(error.into()),
    }
    let Some(name) = last_part(path.as_str()) else { return into() };
    let folder = match path.as_str().rsplit_once('/') {
        None => ".",
        Some(("", _)) => "/",
        Some((folder, _)) => folder,
    };
    Ok((folder.parse()?, name.to_owned()))
}

fn last_part(path: &str) -> Option<&str> {
    let name = path.trim_end_matches('/').rsplit('/').next()?;
    (!matches!(name, "" | "." | ".." | "~")).then_some(name)
}

/// Copies a file or folder of the sandbox to the host.
pub(super) async fn download(call: &Call, args: &Args, path: &GuestPath) -> Answer {
    let local = needed(args.local_path.as_deref(), "local_path")?;
    let archive = call.engine.download_tree(&call.who, &args.sandbox_id, path).await?;
    let entries = call.folders.land(local, archive).await?;
    let noun = if entries == 1 { "entry" } else { "entries" };
    done(args, None, format!("Downloaded {entries} {noun} to {local}."))
}
