//! Many files over one connection: a round trip for each of them would be most of the time.

use futures_util::stream;
use infield_domain::guest::{FileIn, FileOut, FilesIn, FilesOut, Written};
use infield_domain::{Error, GuestPath, Result};

use super::files::{Broken, answer_to, end, next, pour_piece, put};
use super::wire::{PROGRESS, Sink, Wire, nonsense};
use super::{Client, convert};
use crate::message::{Event, Input, Request};

/// Bytes of the paths that one request names; a frame holds one megabyte.
const PATHS_BYTES: usize = 512 << 10;

/// Failed files that are heard of.
const NAMED: usize = 1_000;

pub(super) async fn write_all(client: &Client, files: FilesIn) -> Result<Written> {
    let Wire { mut events, mut sink } = client.open_files(Request::WriteAll).await?;
    let mut event = answer_to(&mut events, pour(&mut sink, files)).await?;
    let mut refused = Vec::new();
    loop {
        event = match event {
            Event::Count(count) => return Ok(Written { count, refused }),
            Event::Refused(failure) if refused.len() < NAMED => {
                refused.push(convert::failure(failure));
                events.next_within(PROGRESS).await?
            }
            _ => return Err(nonsense()),
        };
    }
}

async fn pour(sink: &mut Sink, mut files: FilesIn) -> std::result::Result<(), Broken> {
    while let Some(piece) = next(sink, &mut files).await? {
        match piece {
            FileIn::Begin { path, permissions } => {
                put(sink, &Input::File { path: path.into(), permissions }).await?;
            }
            FileIn::Data(bytes) => pour_piece(sink, &bytes).await?,
        }
    }
    end(sink).await
}

/// What is left to read, and the file that is being read.
struct Reading {
    client: Client,
    /// Requests, the next one last.
    ahead: Vec<Vec<String>>,
    wire: Option<Wire>,
    /// Files of the present request that have not begun.
    files: usize,
    current: Option<Current>,
}

/// A file that is being read.
struct Current {
    /// Bytes that may still come; none when its size says nothing.
    left: Option<u64>,
}

pub(super) async fn read_all(client: &Client, paths: Vec<GuestPath>) -> Result<FilesOut> {
    let ahead = requests(paths);
    let client = client.clone();
    let reading = Reading { client, ahead, wire: None, files: 0, current: None };
    Ok(Box::pin(stream::unfold(Some(reading), |state| async {
        let mut reading = state?;
        match reading.next().await {
            Ok(Some(piece)) => Some((Ok(piece), Some(reading))),
            Ok(None) => None,
            Err(error) => Some((Err(error), None)),
        }
    })))
}

fn requests(paths: Vec<GuestPath>) -> Vec<Vec<String>> {
    let mut requests = vec![Vec::new()];
    let mut bytes = 0;
    for path in paths {
        let path = String::from(path);
        bytes += path.len() + 4;
        if bytes > PATHS_BYTES {
            bytes = path.len() + 4;
            requests.push(Vec::new());
        }
        if let Some(last) = requests.last_mut() {
            last.push(path);
        }
    }
    requests.retain(|paths| !paths.is_empty());
    requests.reverse();
    requests
}

impl Reading {
    async fn next(&mut self) -> Result<Option<FileOut>> {
        loop {
            let Some(wire) = &mut self.wire else {
                let Some(paths) = self.ahead.pop() else { return Ok(None) };
                self.files = paths.len();
                self.wire = Some(self.client.open_files(Request::ReadAll(paths)).await?);
                continue;
            };
            let event = wire.events.next_within(PROGRESS).await?;
            if let (Event::Finished { .. }, 0, None) = (&event, self.files, &self.current) {
                self.wire = None;
                continue;
            }
            return self.take(event).map(Some);
        }
    }

    fn take(&mut self, event: Event) -> Result<FileOut> {
        match (event, &mut self.current) {
            (Event::Entry(entry), None) => {
                self.begin()?;
                self.current = Some(Current { left: Some(entry.size).filter(|size| *size > 0) });
                Ok(FileOut::Begin(convert::entry(entry)?))
            }
            (Event::Refused(failure), None) => {
                self.begin()?;
                Ok(FileOut::Refused(convert::failure(failure)))
            }
            (Event::Data(data), Some(current)) => {
                if let Some(left) = &mut current.left {
                    let length = u64::try_from(data.0.len()).map_err(|_| nonsense())?;
                    *left = left.checked_sub(length).ok_or_else(nonsense)?;
                }
                Ok(FileOut::Data(data.0.into()))
            }
            (Event::Done, Some(Current { left })) => {
                if left.is_some_and(|left| left > 0) {
                    return Err(Error::conflict("a file became shorter while it was read")
                        .with_hint("read it again"));
                }
                self.current = None;
                Ok(FileOut::End)
            }
            _ => Err(nonsense()),
        }
    }

    fn begin(&mut self) -> Result<()> {
        self.files = self.files.checked_sub(1).ok_or_else(nonsense)?;
        Ok(())
    }
}
