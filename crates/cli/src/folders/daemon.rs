//! The daemon's side: finds the connections of a front, and asks over them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use infield_domain::guest::ByteStream;
use infield_domain::{Error, Result};
use infield_mcp::Folders;
use infield_rest::PipeIo;
use tokio::sync::{Mutex as AsyncMutex, mpsc};
use tokio::time::timeout;

use super::front::{Line, pieces};
use super::{DATA, DONE, END, ERROR, LAND, Land, Landed, PACK, Pack};
use super::{empty, frame, lost, parse, told, unexpected};

/// Idle connections that a front may keep.
const IDLE: usize = 8;

/// How long a front may take to open its next connection.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a front may take to write a tree out after the last byte was sent.
const LANDING: Duration = Duration::from_secs(300);

/// Every front that has folders, by the word of its hello.
#[derive(Clone, Default)]
pub(crate) struct Fronts(Arc<Mutex<HashMap<String, mpsc::Sender<PipeIo>>>>);

impl Fronts {
    /// Takes a front's hello. Its connections are found for as long as the seat is kept.
    pub(crate) fn seat(&self, session: &str, names: Vec<String>) -> Result<Seat> {
        let (sender, connections) = mpsc::channel(IDLE);
        let mut fronts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if fronts.contains_key(session) {
            return Err(Error::conflict("another front has the same session word"));
        }
        fronts.insert(session.to_owned(), sender);
        let folders = Arc::new(Remote { names, connections: AsyncMutex::new(connections) });
        Ok(Seat { fronts: self.clone(), session: session.to_owned(), folders })
    }

    /// Takes a connection of a front.
    pub(crate) async fn connect(&self, session: &str, io: PipeIo) -> Result<()> {
        let found = {
            let fronts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            fronts.get(session).cloned()
        };
        let front = found.ok_or_else(|| Error::not_found("no front has this session word"))?;
        front.try_send(io).map_err(|_| {
            Error::new(infield_domain::Kind::Quota, "this front has idle connections enough")
        })
    }
}

/// A front that is known, until this is dropped.
pub(crate) struct Seat {
    fronts: Fronts,
    session: String,
    folders: Arc<Remote>,
}

impl Seat {
    /// Its folders.
    pub(crate) fn folders(&self) -> Arc<dyn Folders> {
        Arc::clone(&self.folders) as Arc<dyn Folders>
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut fronts = self.fronts.0.lock().unwrap_or_else(PoisonError::into_inner);
        fronts.remove(&self.session);
    }
}

/// The folders of a front, over its connections.
struct Remote {
    names: Vec<String>,
    connections: AsyncMutex<mpsc::Receiver<PipeIo>>,
}

impl Remote {
    async fn line(&self) -> Result<Line<PipeIo>> {
        let mut connections =
            timeout(PATIENCE, self.connections.lock()).await.map_err(|_| lost())?;
        match timeout(PATIENCE, connections.recv()).await {
            Ok(Some(io)) => Ok(Line::new(io)),
            Ok(None) | Err(_) => Err(lost()),
        }
    }

    async fn pack(&self, ask: Pack) -> Result<ByteStream> {
        let mut line = self.line().await?;
        line.writer.send(&frame(PACK, &ask)?).await?;
        // The half that writes stays with the stream: the front takes its end for a hang-up.
        let writer = line.writer;
        let archive = pieces(line.reader).inspect(move |_| {
            let _open = &writer;
        });
        Ok(Box::pin(archive))
    }

    async fn land(&self, ask: Land, mut archive: ByteStream) -> Result<u64> {
        let Line { mut reader, mut writer } = self.line().await?;
        writer.send(&frame(LAND, &ask)?).await?;
        let mut broken = None;
        let send = async {
            while let Some(piece) = archive.next().await {
                match piece {
                    Ok(piece) => writer.send_bytes(DATA, piece).await?,
                    Err(error) => {
                        broken = Some(error);
                        return Ok(());
                    }
                }
            }
            writer.send(&empty(END)).await
        };
        // An early answer is a refusal, and there is no use in sending the rest.
        let (early, unsent) = tokio::select! {
            sent = send => (None, sent.err()),
            answer = reader.next() => (Some(answer?), None),
        };
        if let Some(error) = broken {
            return Err(error);
        }
        let answer = match early {
            Some(answer) => answer,
            None => {
                let answer = timeout(LANDING, reader.next()).await.map_err(|_| {
                    Error::timeout("the front does not say whether it wrote the files")
                })?;
                match (answer, unsent) {
                    (Ok(Some(frame)), _) => Some(frame),
                    // A front that refuses closes the line, and its reason may still be in there.
                    (Ok(None) | Err(_), Some(error)) => return Err(error),
                    (answer, None) => answer?,
                }
            }
        };
        match answer {
            Some(frame) if frame.kind == DONE => Ok(parse::<Landed>(&frame)?.entries),
            Some(frame) if frame.kind == ERROR => Err(told(&frame)),
            Some(frame) => Err(unexpected(frame.kind)),
            None => Err(lost()),
        }
    }
}

impl Folders for Remote {
    fn names(&self) -> Vec<String> {
        self.names.clone()
    }

    fn pack<'a>(&'a self, path: &'a str, name: &'a str) -> BoxFuture<'a, Result<ByteStream>> {
        let ask = Pack { path: path.to_owned(), name: name.to_owned() };
        Box::pin(self.pack(ask))
    }

    fn land<'a>(&'a self, path: &'a str, archive: ByteStream) -> BoxFuture<'a, Result<u64>> {
        Box::pin(self.land(Land { path: path.to_owned() }, archive))
    }
}
