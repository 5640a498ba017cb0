//! Files and git.

use infield_domain::files::{Edit, List, Search, Write, WriteMode};
use infield_domain::{Error, GuestPath, Result};
use infield_engine::toolbox::files::MoveFile;
use infield_engine::toolbox::git::{GitOperation, GitOutcome, GitRequest};

use super::{parse, parse_some, shown};
use crate::wire;

/// The folder that commands start in, when a request names none.
const HERE: &str = ".";

/// Entries of a listing when nobody says otherwise, and at most.
const LIST_ENTRIES: (u32, u32) = (1_000, 100_000);

/// Matches of a search when nobody says otherwise, and at most.
const SEARCH_MATCHES: (u32, u32) = (200, 10_000);

/// How long git may take when nobody says otherwise.
const GIT_MS: u64 = 300_000;

/// Commits of a log when nobody says otherwise.
const LOG_COMMITS: u32 = 20;

/// How to write a file.
pub(crate) fn write(query: &wire::WriteQuery) -> Result<Write> {
    Ok(Write {
        path: parse("path", &query.path)?,
        mode: query.mode.unwrap_or(WriteMode::Replace),
        permissions: query.permissions.as_deref().map(permissions).transpose()?,
    })
}

fn permissions(text: &str) -> Result<u32> {
    let bits = u32::from_str_radix(text, 8).ok().filter(|bits| *bits <= 0o777);
    bits.ok_or_else(|| {
        Error::invalid("`permissions`: not three octal digits")
            .with_hint("write it like `755`; set-id bits are refused")
    })
}

/// What to list.
pub(crate) fn list(wish: &wire::ListFiles) -> Result<List> {
    Ok(List {
        path: folder(wish.path.as_deref())?,
        depth: wish.depth.unwrap_or(1),
        limit: wish.limit.unwrap_or(LIST_ENTRIES.0).min(LIST_ENTRIES.1),
    })
}

/// What to replace.
pub(crate) fn edit(wish: wire::EditFile) -> Result<Edit> {
    let path = parse("path", &wish.path)?;
    Ok(Edit { path, old: wish.old, new: wish.new, all: wish.all })
}

/// What to move.
pub(crate) fn move_file(wish: &wire::MoveFile) -> Result<MoveFile> {
    Ok(MoveFile { from: parse("from", &wish.from)?, to: parse("to", &wish.to)? })
}

/// What to search for.
pub(crate) fn search(wish: wire::SearchFiles) -> Result<Search> {
    if wish.name.is_none() && wish.content.is_none() {
        return Err(Error::invalid("a search has `name`, `content` or both")
            .with_hint("send `{\"name\": \"*.py\"}`, for example"));
    }
    Ok(Search {
        path: folder(wish.path.as_deref())?,
        name: wish.name,
        content: wish.content,
        limit: wish.limit.unwrap_or(SEARCH_MATCHES.0).min(SEARCH_MATCHES.1),
    })
}

fn folder(path: Option<&str>) -> Result<GuestPath> {
    parse("path", path.unwrap_or(HERE))
}

/// What git shall do.
pub(crate) fn git(wish: wire::Git) -> Result<GitRequest> {
    Ok(GitRequest {
        operation: git_operation(wish.operation)?,
        working_directory: parse_some("working_directory", wish.working_directory.as_ref())?,
        timeout_ms: wish.timeout_ms.unwrap_or(GIT_MS),
    })
}

fn git_operation(operation: wire::GitOperation) -> Result<GitOperation> {
    use wire::GitOperation as Wire;
    Ok(match operation {
        Wire::Clone { url, branch, path } => {
            GitOperation::Clone { url, branch, path: parse_some("path", path.as_ref())? }
        }
        Wire::Pull { remote, branch } => GitOperation::Pull { remote, branch },
        Wire::Push { remote, branch } => GitOperation::Push { remote, branch },
        Wire::Status {} => GitOperation::Status,
        Wire::Commit { message, all } => GitOperation::Commit { message, all },
        Wire::Checkout { reference, create } => GitOperation::Checkout { reference, create },
        Wire::Branch { name } => GitOperation::Branch { name },
        Wire::Log { limit } => GitOperation::Log { limit: limit.unwrap_or(LOG_COMMITS) },
        Wire::Diff { staged } => GitOperation::Diff { staged },
        Wire::Add { paths } => GitOperation::Add {
            paths: paths.iter().map(|path| parse("paths", path)).collect::<Result<_>>()?,
        },
        Wire::Init {} => GitOperation::Init,
    })
}

/// What git said.
pub(crate) fn git_answer(outcome: GitOutcome) -> wire::GitAnswer {
    wire::GitAnswer {
        success: outcome.success,
        exit_code: outcome.exit_code,
        stdout: shown(outcome.stdout),
        stderr: shown(outcome.stderr),
    }
}
