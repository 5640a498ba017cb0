//! File operations, as plain blocking code in a process of its own.
//!
//! Paths are resolved inside, as the sandbox's root, like any program would. Nothing is opened
//! that could wait: pipes and devices are looked at and not read. Whoever stops listening for a
//! minute, or is gone, ends the operation.

mod archive_in;
mod archive_out;
mod change;
mod glob;
mod line;
mod list;
mod many;
mod open;
mod read;
mod search;
mod tar;
mod write;

use std::io;
use std::os::fd::OwnedFd;

use infield_protocol::frame::Decoder;
use infield_protocol::message::{Code, Event, Request};

use crate::failure::Failure;
use crate::files::line::Line;
use crate::spawn;

/// Where paths begin that are not absolute.
pub(crate) struct Place<'a> {
    /// Relative ones.
    pub(crate) workspace: &'a str,
    /// Those with `~`.
    pub(crate) home: &'a str,
}

/// Serves one operation.
pub(crate) fn serve(
    connection: OwnedFd,
    decoder: Decoder,
    request: Result<Request, Failure>,
    place: &Place<'_>,
) -> io::Result<()> {
    let mut line = Line::new(connection, decoder)?;
    let answer = request.and_then(|request| answer(&mut line, request, place));
    line.tell(&answer.unwrap_or_else(|failure| Event::Failed(failure.0)))?;
    line.flush()
}

/// Does it; what comes before the last event is told on the way.
fn answer(line: &mut Line, request: Request, place: &Place<'_>) -> Result<Event, Failure> {
    let at = |path: &str| spawn::resolve(path, place.workspace, place.home);
    match request {
        Request::Stat(path) => list::stat(&at(&path)),
        Request::List { path, depth, limit } => list::list(line, &at(&path), depth, limit),
        Request::Read { path, offset, length } => read::read(line, &at(&path), offset, length),
        Request::Write { path, mode, permissions } => {
            write::write(line, &at(&path), mode, permissions)
        }
        Request::Edit { path, old, new, all } => {
            let which = if all { change::Which::All } else { change::Which::One };
            change::edit(&at(&path), &old, &new, which)
        }
        Request::MakeDirectory(path) => change::make_directory(&at(&path)),
        Request::Remove { path, recursive: true } => change::remove_tree(&at(&path)),
        Request::Remove { path, recursive: false } => change::remove(&at(&path)),
        Request::Rename { from, to } => change::rename(&at(&from), &at(&to)),
        Request::Search { path, name, content, limit } => {
            let wanted = search::Wanted::new(name.as_deref(), content.as_deref())?;
            search::search(line, &at(&path), &wanted, limit)
        }
        Request::ArchiveOut(path) => archive_out::archive_out(line, &at(&path)),
        Request::ArchiveIn(path) => archive_in::archive_in(line, &at(&path)),
        Request::WriteAll => many::write_all(line, at),
        Request::ReadAll(paths) => many::read_all(line, paths.iter().map(|path| at(path))),
        Request::Spawn(_)
        | Request::Attach { .. }
        | Request::ReadOutput { .. }
        | Request::Signal { .. }
        | Request::Executions
        | Request::FindProgram(_)
        | Request::As { .. }
        | Request::Dial(_) => {
            Err(Failure::new(Code::Internal, "a request of another kind came to the files"))
        }
    }
}
