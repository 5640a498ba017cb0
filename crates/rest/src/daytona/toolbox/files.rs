//! Files: listed, looked at, made, moved, removed, searched and changed. Whole contents come and go
//! in `transfer`.

use axum::Json;
use axum::extract::State;
use axum::routing;
use http::StatusCode;
use infield_daytona as wire;
use infield_domain::files::{FileEntry, FileKind, List, Listing, Search};
use infield_domain::{Error, GuestPath, Kind, Result};
use infield_engine::is_unknown_sandbox;
use infield_engine::toolbox::files::{DeleteFile, MoveFile};
use infield_engine::toolbox::permissions::SetPermissions;
use infield_engine::toolbox::replace::Replace;
use serde::Deserialize;

use crate::body::{Part, Query};
use crate::daytona::body;
use crate::failure::{Answer, Failure};
use crate::gate::Who;
use crate::routes::{Route, route};
use crate::serve::Context;

#[cfg(test)]
mod tests;

#[rustfmt::skip]
pub(in crate::daytona) const ROUTES: &[Route] = &[
    route("GET", "/files", || routing::get(list)),
    route("DELETE", "/files", || routing::delete(delete)),
    route("POST", "/files/folder", || routing::post(make_folder)),
    route("GET", "/files/info", || routing::get(look)),
    route("POST", "/files/move", || routing::post(move_file)),
    route("POST", "/files/permissions", || routing::post(set_permissions)),
    route("GET", "/files/find", || routing::get(find)),
    route("GET", "/files/search", || routing::get(search)),
    route("POST", "/files/replace", || routing::post(replace)),
];

/// Entries and matches of one answer.
const MOST: u32 = 10_000;
/// The folder that relative paths begin at.
const HERE: &str = ".";

#[derive(Deserialize)]
struct ListQuery {
    path: Option<String>,
    depth: Option<u32>,
}

#[derive(Deserialize)]
pub(super) struct PathQuery {
    pub(super) path: String,
}

#[derive(Deserialize)]
struct DeleteQuery {
    path: String,
    #[serde(default)]
    recursive: bool,
}

#[derive(Deserialize)]
struct FolderQuery {
    path: String,
    mode: Option<String>,
}

#[derive(Deserialize)]
struct MoveQuery {
    source: String,
    destination: String,
}

#[derive(Deserialize)]
struct PermissionsQuery {
    path: String,
    mode: Option<String>,
    owner: Option<String>,
    group: Option<String>,
}

#[derive(Deserialize)]
struct SearchQuery {
    path: String,
    pattern: String,
}

async fn list(
    State(context): State<Context>,
    Who(who): Who,
    Part(sandbox): Part,
    Query(query): Query<ListQuery>,
) -> Answer<Json<Vec<wire::FileFacts>>> {
    let folder = query.path.filter(|path| !path.is_empty()).unwrap_or_else(|| HERE.to_owned());
    let depth = query.depth.unwrap_or(1);
    if depth == 0 {
        return Err(Error::invalid("`depth` is 1 or more").into());
    }
    let list = List { path: guest_path(&folder)?, depth, limit: MOST };
    let listing = context.doors.engine.list_files(&who, &sandbox, list).await.map_err(coded)?;
    note_cut("list", &folder, &listing);
    Ok(Json(listing.entries.into_iter().map(|entry| described(&folder, entry)).collect()))
}

async fn look(
    State(context): State<Context>,
    Who(who): Who,
    Part(sandbox): Part,
    Query(query): Query<PathQuery>,
) -> Answer<Json<wire::FileFacts>> {
    let path = guest_path(&query.path)?;
    let found = context.doors.engine.stat_behind_links(&who, &sandbox, &path).await;
    let entry = FileEntry { path: String::new(), ..found.map_err(coded)? };
    Ok(Json(described(&query.path, entry)))
}

async fn delete(
    State(context): State<Context>,
    Who(who): Who,
    Part(sandbox): Part,
    Query(query): Query<DeleteQuery>,
) -> Answer<StatusCode> {
    let delete = DeleteFile { path: guest_path(&query.path)?, recursive: query.recursive };
    match context.doors.engine.delete_file(&who, &sandbox, delete).await {
        Ok(()) => Ok(StatusCode::NO_CONTENT),
        // A folder with something in it, which the contract counts as a wrong request.
        Err(error) if error.kind() == Kind::Conflict => {
            Err(Failure::from(error).under(StatusCode::BAD_REQUEST))
        }
        Err(error) => Err(coded(error)),
    }
}

async fn make_folder(
    State(context): State<Context>,
    Who(who): Who,
    Part(sandbox): Part,
    Query(query): Query<FolderQuery>,
) -> Answer<StatusCode> {
    let path = guest_path(&query.path)?;
    let mode = query.mode.as_deref().filter(|mode| !mode.is_empty()).map_or(Ok(0o755), mode)?;
    let made = context.doors.engine.make_directory_with(&who, &sandbox, (&path, mode)).await;
    made.map_err(coded)?;
    Ok(StatusCode::CREATED)
}

async fn move_file(
    State(context): State<Context>,
    Who(who): Who,
    Part(sandbox): Part,
    Query(query): Query<MoveQuery>,
) -> Answer<StatusCode> {
    let files = MoveFile { from: guest_path(&query.source)?, to: guest_path(&query.destination)? };
    context.doors.engine.move_file(&who, &sandbox, files).await.map_err(coded)?;
    Ok(StatusCode::OK)
}

async fn set_permissions(
    State(context): State<Context>,
    Who(who): Who,
    Part(sandbox): Part,
    Query(query): Query<PermissionsQuery>,
) -> Answer<StatusCode> {
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    let set = SetPermissions {
        path: guest_path(&query.path)?,
        mode: given(query.mode).as_deref().map(mode).transpose()?,
        owner: given(query.owner),
        group: given(query.group),
    };
    match context.doors.engine.set_permissions(&who, &sandbox, set).await {
        Ok(()) => Ok(StatusCode::OK),
        Err(error) if error.kind() == Kind::Invalid => Err(error.into()),
        Err(error) => Err(coded(error)),
    }
}

async fn find(
    State(context): State<Context>,
    Who(who): Who,
    Part(sandbox): Part,
    Query(query): Query<SearchQuery>,
) -> Answer<Json<Vec<wire::Match>>> {
    let content = Some(literally(&query.pattern));
    let search = Search { path: guest_path(&query.path)?, name: None, content, limit: MOST };
    let found = context.doors.engine.search_files(&who, &sandbox, search).await.map_err(coded)?;
    note_cut("find", &query.path, &found);
    let matches = found.entries.into_iter().map(|found| wire::Match {
        file: below(&query.path, &found.path),
        line: found.line.unwrap_or_default(),
        content: found.text.unwrap_or_default(),
    });
    Ok(Json(matches.collect()))
}

async fn search(
    State(context): State<Context>,
    Who(who): Who,
    Part(sandbox): Part,
    Query(query): Query<SearchQuery>,
) -> Answer<Json<wire::FoundFiles>> {
    // Every folder is searched, which is what `**/` asks for.
    let name = query.pattern.strip_prefix("**/").unwrap_or(&query.pattern).to_owned();
    let (path, name) = (guest_path(&query.path)?, Some(name));
    let search = Search { path, name, content: None, limit: MOST };
    let found = context.doors.engine.search_files(&who, &sandbox, search).await.map_err(coded)?;
    note_cut("search", &query.path, &found);
    let files = found.entries.into_iter().map(|found| below(&query.path, &found.path)).collect();
    Ok(Json(wire::FoundFiles { files }))
}

async fn replace(
    State(context): State<Context>,
    Who(who): Who,
    Part(sandbox): Part,
    body::Json(wish): body::Json<wire::ReplaceRequest>,
) -> Answer<Json<Vec<wire::ReplaceResult>>> {
    let files = wish.files.iter().map(|path| guest_path(path)).collect::<Answer<Vec<_>>>()?;
    let replace = Replace { files, old: wish.pattern, new: wish.new_value };
    let results = context.doors.engine.replace_in_files(&who, &sandbox, replace).await?;
    let results = wish.files.into_iter().zip(results).map(|(file, result)| wire::ReplaceResult {
        file,
        success: result.is_ok(),
        error: result.err().map(|error| error.message().to_owned()),
    });
    Ok(Json(results.collect()))
}

/// Says in the log that an answer is not whole, for which the contract has no word.
fn note_cut<T>(what: &'static str, path: &str, answer: &Listing<T>) {
    if answer.truncated {
        tracing::warn!(what, path, most = MOST, "an answer was cut at its bound");
    }
}

/// A path of the request.
pub(super) fn guest_path(text: &str) -> Answer<GuestPath> {
    text.parse().map_err(coded)
}

/// A failure at a path, with the code by which SDKs choose their exception.
pub(super) fn coded(error: Error) -> Failure {
    match code(&error) {
        Some(code) => Failure::with_code(error, code),
        None => error.into(),
    }
}

/// The code of an error at a path.
pub(super) fn code(error: &Error) -> Option<&'static str> {
    match error.kind() {
        Kind::NotFound if is_unknown_sandbox(error) => None,
        Kind::NotFound => Some("FILE_NOT_FOUND"),
        Kind::Denied => Some("FILE_ACCESS_DENIED"),
        Kind::Invalid => Some("INVALID_FILE_PATH"),
        Kind::Conflict
        | Kind::Unauthenticated
        | Kind::Quota
        | Kind::Unsupported
        | Kind::Unavailable
        | Kind::Timeout
        | Kind::Internal => None,
    }
}

/// Permission bits that are written in octal, such as `644`.
fn mode(text: &str) -> Result<u32> {
    let bits = u32::from_str_radix(text.trim_start_matches("0o"), 8).ok();
    bits.filter(|bits| *bits <= 0o7777).ok_or_else(|| {
        Error::invalid("`mode` is no permission bits in octal").with_hint("write it like `755`")
    })
}

/// A regular expression for the text itself.
fn literally(text: &str) -> String {
    let mut expression = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_ascii_punctuation() {
            expression.push('\\');
        }
        expression.push(letter);
    }
    expression
}

/// The path of what was found below a folder, as the caller named the folder.
fn below(folder: &str, path: &str) -> String {
    let folder = folder.trim_end_matches('/');
    match (folder, path) {
        ("", "") => "/".to_owned(),
        (folder, "") => folder.to_owned(),
        (HERE, path) => path.to_owned(),
        // What was searched is a file, whose own name was found.
        (file, name) if file.rsplit('/').next() == Some(name) && !file.ends_with('/') => {
            file.to_owned()
        }
        (folder, path) => format!("{folder}/{path}"),
    }
}

fn described(folder: &str, entry: FileEntry) -> wire::FileFacts {
    let path = below(folder, &entry.path);
    let at = i64::try_from(entry.modified_at).ok();
    let at = at.and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok()).unwrap_or_default();
    let name = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_owned();
    wire::FileFacts {
        name: if name.is_empty() { path.clone() } else { name },
        path,
        size: entry.size,
        mode: shown_mode(entry.kind, entry.mode),
        permissions: format!("{:04o}", entry.mode & 0o777),
        mod_time: at.strftime("%Y-%m-%d %H:%M:%S%.f +0000 UTC").to_string(),
        modified_at: at.to_string(),
        is_dir: entry.kind == FileKind::Directory,
        owner: entry.uid.to_string(),
        group: entry.gid.to_string(),
    }
}

/// As `ls -l` shows it.
fn shown_mode(kind: FileKind, mode: u32) -> String {
    let mut shown = String::with_capacity(10);
    shown.push(match kind {
        FileKind::File => '-',
        FileKind::Directory => 'd',
        FileKind::Symlink => 'L',
        FileKind::Other => '?',
    });
    for place in (0..9).rev() {
        let letter = ['x', 'w', 'r'][place % 3];
        shown.push(if mode & (1 << place) == 0 { '-' } else { letter });
    }
    shown
}
