//! The wire's words to the domain's and back; what comes from the guest is checked.

use infield_domain::command::{
    Ending, Execution, OnDisconnect, Signal, StoppedBy, Stream, TerminalSize,
};
use infield_domain::files::{FileEntry, FileKind, Match, WriteMode};
use infield_domain::{Error, Kind, Result};

use super::wire::nonsense;
use crate::message as wire;

/// Characters of a failure's text.
const MESSAGE: usize = 600;

/// Bytes of a path, PATH_MAX, with what lossy decoding may add.
const PATH: usize = 3 * 4096;

/// Bytes of a matching line, with what lossy decoding may add.
const LINE: usize = 3 * 512;

/// Characters of a remembered command.
const WORDS: usize = 200;

/// A failure as the domain's error; its words are made fit to be shown.
pub(super) fn failure(failure: wire::Failure) -> Error {
    let kind = match failure.code {
        wire::Code::Internal => Kind::Internal,
        wire::Code::NotFound => Kind::NotFound,
        wire::Code::Conflict => Kind::Conflict,
        wire::Code::Invalid => Kind::Invalid,
        wire::Code::Denied => Kind::Denied,
        wire::Code::Quota => Kind::Quota,
        wire::Code::Unsupported => Kind::Unsupported,
        wire::Code::Unavailable => Kind::Unavailable,
        wire::Code::Timeout => Kind::Timeout,
    };
    let error = Error::new(kind, shown(&failure.message));
    match failure.hint {
        Some(hint) => error.with_hint(shown(&hint)),
        None => error,
    }
}

fn shown(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(MESSAGE).collect()
}

pub(super) fn ending(ending: wire::Ending) -> Ending {
    Ending {
        exit_code: ending.exit_code,
        signal: ending.signal,
        stopped_by: ending.stopped_by.map(|by| match by {
            wire::StoppedBy::Timeout => StoppedBy::Timeout,
            wire::StoppedBy::Caller => StoppedBy::Caller,
            wire::StoppedBy::OutOfMemory => StoppedBy::OutOfMemory,
        }),
        wall_ms: ending.wall_ms,
    }
}

pub(super) fn execution(execution: wire::Execution) -> Result<Execution> {
    Ok(Execution {
        id: execution.id.parse().map_err(|_| nonsense())?,
        command: execution.command.chars().take(WORDS).collect(),
        started_at: execution.started_at,
        ending: execution.ending.map(ending),
        stdout_bytes: execution.stdout_bytes,
        stderr_bytes: execution.stderr_bytes,
    })
}

pub(super) fn entry(entry: wire::FileEntry) -> Result<FileEntry> {
    let target_fits = entry.target.as_ref().is_none_or(|target| target.len() <= PATH);
    if entry.path.len() > PATH || !target_fits {
        return Err(nonsense());
    }
    Ok(FileEntry {
        path: entry.path,
        kind: match entry.kind {
            wire::FileKind::File => FileKind::File,
            wire::FileKind::Directory => FileKind::Directory,
            wire::FileKind::Symlink => FileKind::Symlink,
            wire::FileKind::Other => FileKind::Other,
        },
        size: entry.size,
        mode: entry.mode & 0o7777,
        uid: entry.uid,
        gid: entry.gid,
        modified_at: entry.modified_at,
        target: entry.target,
    })
}

pub(super) fn found(found: wire::Match) -> Result<Match> {
    if found.path.len() > PATH || found.text.as_ref().is_some_and(|text| text.len() > LINE) {
        return Err(nonsense());
    }
    Ok(Match { path: found.path, line: found.line, text: found.text })
}

/// An absolute path, as the guest has it.
pub(super) fn program(path: Option<String>) -> Result<Option<String>> {
    match path {
        Some(path) if !path.starts_with('/') || path.len() > PATH => Err(nonsense()),
        path => Ok(path),
    }
}

pub(super) fn stream_in(stream: wire::Stream) -> Stream {
    match stream {
        wire::Stream::Stdout => Stream::Stdout,
        wire::Stream::Stderr => Stream::Stderr,
    }
}

pub(super) fn stream(stream: Stream) -> wire::Stream {
    match stream {
        Stream::Stdout => wire::Stream::Stdout,
        Stream::Stderr => wire::Stream::Stderr,
    }
}

pub(super) fn signal(signal: Signal) -> wire::Signal {
    match signal {
        Signal::Interrupt => wire::Signal::Interrupt,
        Signal::Terminate => wire::Signal::Terminate,
        Signal::Kill => wire::Signal::Kill,
        Signal::Hangup => wire::Signal::Hangup,
    }
}

pub(super) fn on_disconnect(what: OnDisconnect) -> wire::OnDisconnect {
    match what {
        OnDisconnect::Continue => wire::OnDisconnect::Continue,
        OnDisconnect::Kill => wire::OnDisconnect::Kill,
    }
}

pub(super) fn size(size: TerminalSize) -> wire::TerminalSize {
    wire::TerminalSize { columns: size.columns, rows: size.rows }
}

pub(super) fn write_mode(mode: WriteMode) -> wire::WriteMode {
    match mode {
        WriteMode::Replace => wire::WriteMode::Replace,
        WriteMode::Append => wire::WriteMode::Append,
        WriteMode::New => wire::WriteMode::New,
    }
}
