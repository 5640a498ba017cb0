//! The project that a language server is for: its folder, and the files in it.

use std::collections::VecDeque;

use infield_domain::files::{FileKind, List};
use infield_domain::{Error, GuestPath, Kind, Result};

use super::languages::Language;
use crate::inside::Inside;

#[cfg(test)]
mod tests;

/// Folders that are looked into, entries of one of them, and files that are found.
const MOST_FOLDERS: usize = 500;
const MOST_ENTRIES: u32 = 2_000;
const MOST_FILES: usize = 300;
/// Folders of what is not the project's own. Those that begin with a stop are none either.
const PASSED_OVER: &[&str] =
    &["node_modules", "__pycache__", "site-packages", "target", "vendor", "venv"];

/// The folder of a project: absolute, and the same however it was written.
pub(super) fn root(inside: &Inside, path: &GuestPath) -> Result<GuestPath> {
    straight(&inside.path(path)?)
}

/// Where a file may be that a caller names: below the project, or else below the working
/// directory, both of which SDKs document.
pub(super) fn places(
    inside: &Inside,
    root: &GuestPath,
    file: &GuestPath,
) -> Result<Vec<GuestPath>> {
    let below_root = format!("{root}/{file}").parse()?;
    let all = match file.as_str().starts_with('/') {
        true => vec![file.clone()],
        false => vec![below_root, inside.path(file)?],
    };
    all.iter().map(straight).collect()
}

/// The same path without what leads nowhere. What leads up stays, as links change what it means.
fn straight(path: &GuestPath) -> Result<GuestPath> {
    let text = path.as_str();
    if text.starts_with('~') {
        return Err(Error::invalid("language servers know no `~`")
            .with_hint("write the whole path of the home folder"));
    }
    let parts = text.split('/').filter(|part| !part.is_empty() && *part != ".");
    format!("/{}", parts.collect::<Vec<_>>().join("/")).parse()
}

/// The files of a project in this language; the folders above come first.
pub(super) async fn files(
    inside: &Inside,
    root: &GuestPath,
    language: &Language,
) -> Result<Vec<GuestPath>> {
    let (mut found, mut folders) = (Vec::new(), VecDeque::from([root.clone()]));
    let mut seen = 0;
    while let Some(folder) = folders.pop_front() {
        seen += 1;
        let list = List { path: folder.clone(), depth: 1, limit: MOST_ENTRIES };
        let listing = match inside.files.list(list).await {
            // It went, or is not for this user.
            Err(error) if matches!(error.kind(), Kind::NotFound | Kind::Denied) => continue,
            listing => listing?,
        };
        for entry in listing.entries {
            let name = entry.path.rsplit('/').next().unwrap_or_default();
            let path = format!("{}/{}", folder.as_str().trim_end_matches('/'), entry.path);
            match entry.kind {
                FileKind::Directory if !name.starts_with('.') && !PASSED_OVER.contains(&name) => {
                    folders.push_back(path.parse()?);
                }
                FileKind::File if language.has_file(name) => found.push(path.parse()?),
                FileKind::Directory | FileKind::File | FileKind::Symlink | FileKind::Other => {}
            }
        }
        if seen >= MOST_FOLDERS || found.len() >= MOST_FILES {
            tracing::info!(%root, "a project is too large for all of it to be searched");
            break;
        }
    }
    found.truncate(MOST_FILES);
    Ok(found)
}
