//! One connection: frames out, events in, with a limit on every wait.

use std::io::{self, ErrorKind, Write};
use std::time::Duration;

use infield_domain::{Error, Result};
use serde::Serialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::{sleep, timeout};

use super::{Connect, convert};
use crate::frame::{self, DATA_BYTES, Decoder};
use crate::message::{Event, GENERATION, Opening, Request};

/// To connect and to hand the request over.
const CONNECT: Duration = Duration::from_secs(5);

/// Between two attempts to connect to an agent for which too many wait.
const PAUSE: Duration = Duration::from_millis(5);

/// For the next event of an operation that makes progress.
pub(super) const PROGRESS: Duration = Duration::from_secs(75);

/// Bytes that one read takes: few at first, since most operations say little, and more once a read
/// was full.
const READ_BYTES: [usize; 2] = [4 << 10, 64 << 10];

/// A connection that carries one operation.
pub(super) struct Wire {
    pub(super) events: Events,
    pub(super) sink: Sink,
}

/// What the agent says.
pub(super) struct Events {
    half: OwnedReadHalf,
    decoder: Decoder,
    buffer: Vec<u8>,
}

/// What the agent is told.
pub(super) struct Sink {
    half: OwnedWriteHalf,
    /// Frames that were gathered and not sent.
    gathered: Vec<u8>,
}

impl Wire {
    /// Connects and sends the request. It is written before the reactor knows the connection:
    /// to wait until a new one is writable, which it always is, would be a second round trip.
    pub(super) async fn open(connect: &Connect, request: Request) -> Result<Self> {
        let opening = Opening { generation: GENERATION, request };
        let mut frame = Vec::new();
        encode(&opening, &mut frame)?;
        timeout(CONNECT, async {
            let mut stream = loop {
                match connect() {
                    Err(error) if error.kind() == ErrorKind::WouldBlock => sleep(PAUSE).await,
                    connected => break connected?,
                }
            };
            let written = match stream.write(&frame) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
                written => written?,
            };
            let (read, mut write) = UnixStream::from_std(stream)?.into_split();
            write.write_all(&frame[written..]).await?;
            let buffer = vec![0; READ_BYTES[0]];
            let events = Events { half: read, decoder: Decoder::default(), buffer };
            Ok(Self { events, sink: Sink { half: write, gathered: Vec::new() } })
        })
        .await
        .unwrap_or_else(|_| Err(ErrorKind::TimedOut.into()))
        .map_err(|error: io::Error| match error.kind() {
            ErrorKind::TimedOut => slow("the sandbox takes no request"),
            _ => gone(error),
        })
    }
}

fn encode<T: Serialize>(message: &T, out: &mut Vec<u8>) -> Result<()> {
    frame::encode(message, out).map_err(|error| {
        Error::invalid("the request is larger than one megabyte").with_source(error)
    })
}

impl Events {
    /// Takes no more than so many bytes with one read from now on.
    pub(super) fn read_at_most(&mut self, bytes: usize) {
        self.buffer.truncate(bytes);
    }

    /// The next event, whenever it comes; a failure is an error.
    pub(super) async fn next(&mut self) -> Result<Event> {
        loop {
            if let Some(body) = self.decoder.next_body().map_err(garbage)? {
                return match frame::decode(body).map_err(garbage)? {
                    Event::Failed(failure) => Err(convert::failure(failure)),
                    event => Ok(event),
                };
            }
            let count = self.half.read(&mut self.buffer).await.map_err(gone)?;
            if count == 0 {
                return Err(gone(io::ErrorKind::UnexpectedEof.into()));
            }
            self.decoder.push(&self.buffer[..count]);
            if count == self.buffer.len() {
                self.buffer.resize(READ_BYTES[1], 0);
            }
        }
    }

    /// The next event, which must come in time.
    pub(super) async fn next_within(&mut self, limit: Duration) -> Result<Event> {
        timeout(limit, self.next())
            .await
            .unwrap_or_else(|_| Err(slow("the sandbox did not finish in time")))
    }
}

impl Wire {
    /// The connection itself, and what the agent said after its last event.
    pub(super) fn into_bytes(self) -> Result<(UnixStream, Vec<u8>)> {
        let Self { events, sink } = self;
        let stream = events.half.reunite(sink.half).map_err(garbage)?;
        Ok((stream, events.decoder.into_rest()))
    }
}

impl Sink {
    /// Sends one message, behind those that were gathered; waits while the agent does not read.
    pub(super) async fn send<T: Serialize>(&mut self, message: &T) -> Result<()> {
        encode(message, &mut self.gathered)?;
        self.flush().await
    }

    /// Keeps a message until there are so many that sending them is worth it. Whoever gathers
    /// flushes before it waits for anything else.
    pub(super) async fn gather<T: Serialize>(&mut self, message: &T) -> Result<()> {
        encode(message, &mut self.gathered)?;
        if self.gathered.len() < DATA_BYTES { Ok(()) } else { self.flush().await }
    }

    /// Sends what was gathered.
    pub(super) async fn flush(&mut self) -> Result<()> {
        self.half.write_all(&self.gathered).await.map_err(gone)?;
        self.gathered.clear();
        Ok(())
    }
}

/// The agent is not there, or not any more.
fn gone(error: io::Error) -> Error {
    Error::unavailable("the sandbox is not running, or ended just now")
        .with_hint("start the sandbox and try again")
        .with_source(error)
}

fn slow(message: &str) -> Error {
    Error::timeout(message).with_hint("stop and start the sandbox when this happens again")
}

/// The agent says what no agent of ours would.
pub(super) fn garbage(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    nonsense().with_source(error)
}

/// As [`garbage`], where a well-formed event makes no sense.
pub(super) fn nonsense() -> Error {
    Error::unavailable("the sandbox's answer makes no sense")
        .with_hint("stop and start the sandbox; what runs in it may have broken it")
}
