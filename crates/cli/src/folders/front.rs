//! The front's side: serves trees of the folders that its user allowed.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use infield_domain::guest::ByteStream;
use infield_domain::{Error, Result};
use infield_rest::stream::{FrameReader, FrameWriter};
use infield_rest::wire::McpFolders;
use tokio::io::{AsyncRead, AsyncWrite, ReadHalf, WriteHalf};
use tokio::task::JoinSet;

use super::{DATA, DONE, END, ERROR, LAND, Land, Landed, PACK, Pack};
use super::{empty, frame, lost, parse, told, unexpected};
use crate::client::{Client, Request};
use crate::error;
use crate::landing::{self, Folder};
use crate::transfer::{read_by, written_by};

/// Trees that move at once.
const AT_ONCE: usize = 4;

/// The folders that a user allowed, held open.
#[derive(Clone)]
pub(crate) struct Allowed {
    folders: Arc<Vec<Open>>,
    working_directory: Option<PathBuf>,
}

struct Open {
    folder: Folder,
    /// The paths under which callers may know it: as it was named, and without links.
    paths: Vec<PathBuf>,
}

impl Allowed {
    /// Opens the folders.
    pub(crate) fn open(paths: &[PathBuf]) -> Result<Self> {
        let mut folders = Vec::new();
        for path in paths {
            let named = std::path::absolute(path).map_err(|source| {
                Error::invalid(format!("`{}` is no folder", path.display())).with_source(source)
            })?;
            let folder = Folder::open(&named)?;
            let paths = [Some(named.clone()), named.canonicalize().ok()];
            folders.push(Open { folder, paths: paths.into_iter().flatten().collect() });
        }
        Ok(Self { folders: folders.into(), working_directory: std::env::current_dir().ok() })
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.folders.is_empty()
    }

    /// The folders as their user named them.
    pub(crate) fn names(&self) -> Vec<String> {
        self.folders.iter().map(|open| open.paths[0].display().to_string()).collect()
    }

    /// Keeps a connection at the daemon and serves what it asks for, until the daemon ends.
    pub(crate) async fn serve(self, client: Client, session: String) -> Result<()> {
        let mut under_way = JoinSet::new();
        loop {
            while under_way.len() >= AT_ONCE {
                under_way.join_next().await;
            }
            let hello = McpFolders { session: session.clone() };
            let connection = client.upgrade(Request::post("/v1/mcp/folders", &hello)?).await?;
            let mut line = Line::new(connection.bytes());
            let Some(request) = line.reader.next().await? else { return Ok(()) };
            let allowed = self.clone();
            under_way.spawn(async move {
                // A connection that broke has nobody left who could be told.
                drop(allowed.answer(line, request).await);
            });
        }
    }

    /// Serves one tree.
    async fn answer<T>(self, mut line: Line<T>, request: infield_rest::stream::Frame) -> Result<()>
    where
        T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let done = match request.kind {
            PACK => self.pack(&mut line.writer, parse(&request)?).await,
            LAND => {
                let landed = self.land(line.reader, parse(&request)?).await;
                match landed {
                    Ok(landed) => return line.writer.send(&frame(DONE, &landed)?).await,
                    Err(error) => Err(error),
                }
            }
            kind => Err(unexpected(kind)),
        };
        match done {
            Ok(()) => Ok(()),
            Err(error) => line.writer.send(&frame(ERROR, &error::to_detail(&error))?).await,
        }
    }

    async fn pack<T>(&self, writer: &mut FrameWriter<WriteHalf<T>>, ask: Pack) -> Result<()>
    where
        T: AsyncWrite + Send + Unpin + 'static,
    {
        let (index, relative) = self.find(&ask.path)?;
        let folders = Arc::clone(&self.folders);
        let mut archive = written_by(move |out| {
            landing::pack(&folders[index].folder, &relative, &ask.name, out).map(drop)
        });
        while let Some(piece) = archive.next().await {
            writer.send_bytes(DATA, piece?).await?;
        }
        writer.send(&empty(END)).await
    }

    async fn land<T>(&self, reader: FrameReader<ReadHalf<T>>, ask: Land) -> Result<Landed>
    where
        T: AsyncRead + Send + Unpin + 'static,
    {
        let (index, relative) = self.find(&ask.path)?;
        let folders = Arc::clone(&self.folders);
        let landed = read_by(pieces(reader), move |input| {
            landing::land(&folders[index].folder, &relative, input, landing::LIMITS)
        });
        Ok(Landed { entries: landed.await?.files })
    }

    /// Which folder a path is in, and where; by its words alone, since the way through the
    /// folder is checked when it is gone.
    fn find(&self, path: &str) -> Result<(usize, PathBuf)> {
        let path = match &self.working_directory {
            Some(folder) => folder.join(path),
            None => PathBuf::from(path),
        };
        // `absolute` takes out what is empty or `.`, and asks no file system.
        let path = std::path::absolute(&path).unwrap_or(path);
        let below = |known: &PathBuf| path.strip_prefix(known).ok().map(Path::to_owned);
        let found = self.folders.iter().enumerate().find_map(|(index, open)| {
            open.paths.iter().find_map(below).map(|relative| (index, relative))
        });
        found.ok_or_else(|| {
            Error::denied(format!("`{}` is in no folder that was allowed", path.display()))
                .with_hint(format!("use a path in {}", self.names().join(" or ")))
        })
    }
}

/// The bytes of a tree, up to its end; a connection that ends earlier is an error.
pub(super) fn pieces<R>(reader: FrameReader<R>) -> ByteStream
where
    R: AsyncRead + Send + Unpin + 'static,
{
    let next = async |reader: Option<FrameReader<R>>| -> Option<(Result<Bytes>, _)> {
        let mut reader = reader?;
        match reader.next().await {
            Ok(Some(frame)) if frame.kind == DATA => Some((Ok(frame.payload), Some(reader))),
            Ok(Some(frame)) if frame.kind == END => None,
            Ok(Some(frame)) if frame.kind == ERROR => Some((Err(told(&frame)), None)),
            Ok(Some(frame)) => Some((Err(unexpected(frame.kind)), None)),
            Ok(None) => Some((Err(lost()), None)),
            Err(error) => Some((Err(error), None)),
        }
    };
    Box::pin(stream::unfold(Some(reader), next))
}

/// Both directions of a connection.
pub(super) struct Line<T> {
    pub(super) reader: FrameReader<ReadHalf<T>>,
    pub(super) writer: FrameWriter<WriteHalf<T>>,
}

impl<T: AsyncRead + AsyncWrite> Line<T> {
    pub(super) fn new(io: T) -> Self {
        let (reader, writer) = tokio::io::split(io);
        Self { reader: FrameReader::new(reader), writer: FrameWriter::new(writer) }
    }
}

#[cfg(test)]
impl Allowed {
    /// Serves one connection that a test made.
    pub(super) async fn serve_one<T>(self, io: T) -> Result<()>
    where
        T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let mut line = Line::new(io);
        match line.reader.next().await? {
            Some(request) => self.answer(line, request).await,
            None => Ok(()),
        }
    }
}
