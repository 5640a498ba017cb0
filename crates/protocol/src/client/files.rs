//! Files: asked for, read, written and carried as whole trees.

use futures_util::{FutureExt, Stream, StreamExt, stream};
use infield_domain::files::{Edit, FileEntry, List, Listing, Match, Range, Search, Write};
use infield_domain::guest::ByteStream;
use infield_domain::{GuestPath, Result};

use super::wire::{Events, PROGRESS, Sink, Wire, nonsense};
use super::{Client, convert};
use crate::frame::DATA_BYTES;
use crate::message::{Blob, Event, Input, Request};

/// Bytes of a tree that comes out at most: more than any sandbox may hold.
const TREE_BYTES: u64 = 1 << 40;

async fn ask(client: &Client, request: Request) -> Result<Event> {
    client.open_files(request).await?.events.next_within(PROGRESS).await
}

/// An operation without an answer but that it is done.
pub(super) async fn done(client: &Client, request: Request) -> Result<()> {
    match ask(client, request).await? {
        Event::Done => Ok(()),
        _ => Err(nonsense()),
    }
}

pub(super) async fn stat(client: &Client, path: GuestPath) -> Result<FileEntry> {
    match ask(client, Request::Stat(path.into())).await? {
        Event::Entry(entry) => convert::entry(entry),
        _ => Err(nonsense()),
    }
}

pub(super) async fn edit(client: &Client, edit: Edit) -> Result<u64> {
    let Edit { path, old, new, all } = edit;
    match ask(client, Request::Edit { path: path.into(), old, new, all }).await? {
        Event::Count(count) => Ok(count),
        _ => Err(nonsense()),
    }
}

pub(super) async fn list(client: &Client, list: List) -> Result<Listing<FileEntry>> {
    let List { path, depth, limit } = list;
    let mut wire = client.open_files(Request::List { path: path.into(), depth, limit }).await?;
    let mut entries = Vec::new();
    loop {
        match wire.events.next_within(PROGRESS).await? {
            Event::Entries(some) => {
                within(entries.len() + some.len(), limit)?;
                for entry in some {
                    entries.push(convert::entry(entry)?);
                }
            }
            Event::Finished { truncated } => return Ok(Listing { entries, truncated }),
            _ => return Err(nonsense()),
        }
    }
}

pub(super) async fn search(client: &Client, search: Search) -> Result<Listing<Match>> {
    let Search { path, name, content, limit } = search;
    let mut wire =
        client.open_files(Request::Search { path: path.into(), name, content, limit }).await?;
    let mut entries = Vec::new();
    loop {
        match wire.events.next_within(PROGRESS).await? {
            Event::Matches(some) => {
                within(entries.len() + some.len(), limit)?;
                for found in some {
                    entries.push(convert::found(found)?);
                }
            }
            Event::Finished { truncated } => return Ok(Listing { entries, truncated }),
            _ => return Err(nonsense()),
        }
    }
}

fn within(count: usize, limit: u32) -> Result<()> {
    if u32::try_from(count).is_ok_and(|count| count <= limit) { Ok(()) } else { Err(nonsense()) }
}

pub(super) async fn read(
    client: &Client,
    path: GuestPath,
    range: Range,
) -> Result<(FileEntry, ByteStream)> {
    let Range { offset, length } = range;
    let mut wire = client.open_files(Request::Read { path: path.into(), offset, length }).await?;
    let Event::Entry(entry) = wire.events.next_within(PROGRESS).await? else {
        return Err(nonsense());
    };
    let entry = convert::entry(entry)?;
    Ok((entry, bytes(wire, length.unwrap_or(TREE_BYTES))))
}

pub(super) async fn archive_out(client: &Client, path: GuestPath) -> Result<ByteStream> {
    let mut wire = client.open_files(Request::ArchiveOut(path.into())).await?;
    // What is wrong with the path itself is told at once, not as part of the stream.
    match wire.events.next_within(PROGRESS).await? {
        Event::Started => Ok(bytes(wire, TREE_BYTES)),
        _ => Err(nonsense()),
    }
}

/// What comes until it is done, `left` bytes at most.
fn bytes(wire: Wire, left: u64) -> ByteStream {
    Box::pin(stream::unfold(Some((wire, left)), |state| async move {
        let (mut wire, left) = state?;
        match wire.events.next_within(PROGRESS).await {
            Ok(Event::Done) => None,
            Ok(Event::Data(data)) => {
                let length = u64::try_from(data.0.len()).ok();
                match length.and_then(|length| left.checked_sub(length)) {
                    Some(left) => Some((Ok(data.0.into()), Some((wire, left)))),
                    None => Some((Err(nonsense()), None)),
                }
            }
            Ok(_) => Some((Err(nonsense()), None)),
            Err(error) => Some((Err(error), None)),
        }
    }))
}

pub(super) async fn write(client: &Client, write: Write, content: ByteStream) -> Result<FileEntry> {
    let Write { path, mode, permissions } = write;
    let mode = convert::write_mode(mode);
    let request = Request::Write { path: path.into(), mode, permissions };
    match send(client.open_files(request).await?, content).await? {
        Event::Entry(entry) => convert::entry(entry),
        _ => Err(nonsense()),
    }
}

pub(super) async fn archive_in(
    client: &Client,
    path: GuestPath,
    archive: ByteStream,
) -> Result<u64> {
    match send(client.open_files(Request::ArchiveIn(path.into())).await?, archive).await? {
        Event::Count(count) => Ok(count),
        _ => Err(nonsense()),
    }
}

/// Sends a stream and gives the answer. The agent may answer early, to refuse the rest.
async fn send(wire: Wire, content: ByteStream) -> Result<Event> {
    let Wire { mut events, mut sink } = wire;
    let sending = pour(&mut sink, content);
    answer_to(&mut events, sending).await
}

/// The answer to what is being sent, which may come early.
pub(super) async fn answer_to(
    events: &mut Events,
    sending: impl Future<Output = std::result::Result<(), Broken>>,
) -> Result<Event> {
    tokio::pin!(sending);
    tokio::select! {
        biased;
        event = events.next() => event,
        sent = &mut sending => match sent {
            Ok(()) => events.next_within(PROGRESS).await,
            // The refusal may be there already when the connection broke.
            Err(Broken::Wire(error)) => match events.next_within(PROGRESS).await {
                Err(told) => Err(told),
                Ok(_) => Err(error),
            },
            Err(Broken::Content(error)) => Err(error),
        },
    }
}

/// What broke a transfer: the connection, or the source of the bytes.
pub(super) enum Broken {
    Wire(infield_domain::Error),
    Content(infield_domain::Error),
}

async fn pour(sink: &mut Sink, mut content: ByteStream) -> std::result::Result<(), Broken> {
    while let Some(piece) = next(sink, &mut content).await? {
        pour_piece(sink, &piece).await?;
    }
    end(sink).await
}

/// The next piece of what is being sent. What was gathered goes out before anybody waits for it.
pub(super) async fn next<T>(
    sink: &mut Sink,
    source: &mut (impl Stream<Item = Result<T>> + Unpin),
) -> std::result::Result<Option<T>, Broken> {
    let piece = match source.next().now_or_never() {
        Some(piece) => piece,
        None => {
            in_time(sink.flush()).await?;
            source.next().await
        }
    };
    piece.transpose().map_err(Broken::Content)
}

/// Sends some bytes of a file, perhaps together with what comes next.
pub(super) async fn pour_piece(sink: &mut Sink, piece: &[u8]) -> std::result::Result<(), Broken> {
    for part in piece.chunks(DATA_BYTES) {
        put(sink, &Input::Data(Blob(part.to_vec()))).await?;
    }
    Ok(())
}

/// Sends an input to an agent that takes it in time, perhaps together with what comes next.
pub(super) async fn put(sink: &mut Sink, input: &Input) -> std::result::Result<(), Broken> {
    in_time(sink.gather(input)).await
}

/// Says that nothing more comes.
pub(super) async fn end(sink: &mut Sink) -> std::result::Result<(), Broken> {
    in_time(sink.send(&Input::End)).await
}

async fn in_time(sending: impl Future<Output = Result<()>>) -> std::result::Result<(), Broken> {
    let sent = tokio::time::timeout(PROGRESS, sending);
    sent.await.unwrap_or_else(|_| Err(stuck())).map_err(Broken::Wire)
}

fn stuck() -> infield_domain::Error {
    infield_domain::Error::timeout("the sandbox takes no more bytes")
        .with_hint("look at its limits on disk and memory")
}
