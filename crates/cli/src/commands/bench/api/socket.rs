//! What comes over websockets: a line of a log, and the echo of a terminal.

use std::time::{Duration, Instant, UNIX_EPOCH};

use futures_util::{SinkExt as _, StreamExt as _};
use infield_domain::{Error, Result};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::ClientRequestBuilder;
use tokio_tungstenite::tungstenite::{self, Message};

use super::door::Door;
use crate::client::Request;
use crate::commands::bench::random;

/// Lines and letters of one round; the figure is their median.
const TIMES: usize = 50;
/// How long anything may take to come.
const PATIENCE: Duration = Duration::from_secs(20);
/// Without a byte, until a terminal counts as at rest.
const STILL: Duration = Duration::from_millis(300);
/// Writes the time in nanoseconds, again and again. A sandbox has the host's clock.
const CLOCK: &str = "python3 -u -c 'import time
for _ in range(50): print(time.time_ns()); time.sleep(0.01)'";

/// A websocket of the sandbox's toolbox.
struct Socket(WebSocketStream<TcpStream>);

impl Socket {
    async fn open(door: &Door, path: &str) -> Result<Self> {
        let stream = TcpStream::connect(&door.address).await.map_err(|source| {
            Error::unavailable(format!("nothing listens on `{}`", door.address)).with_source(source)
        })?;
        let uri = format!("ws://{}{path}", door.address).parse().map_err(|source| {
            Error::invalid("the address is none for a websocket").with_source(source)
        })?;
        let wish = ClientRequestBuilder::new(uri)
            .with_header("Authorization", format!("Bearer {}", door.bearer));
        let (socket, _) = tokio_tungstenite::client_async(wish, stream).await.map_err(broken)?;
        Ok(Self(socket))
    }

    async fn say(&mut self, typed: &str) -> Result<()> {
        self.0.send(Message::binary(typed.as_bytes().to_vec())).await.map_err(broken)
    }

    /// The next bytes; none when the server has ended it.
    async fn hear(&mut self) -> Result<Option<Vec<u8>>> {
        // Pings of the server come in any case, and do not make the wait longer.
        timeout(PATIENCE, self.next())
            .await
            .map_err(|_| Error::timeout("a websocket of the bench stays silent"))?
    }

    async fn next(&mut self) -> Result<Option<Vec<u8>>> {
        loop {
            match self.0.next().await.transpose().map_err(broken)? {
                Some(Message::Binary(bytes)) => return Ok(Some(bytes.into())),
                Some(Message::Close(_)) | None => return Ok(None),
                Some(_) => {}
            }
        }
    }

    /// Everything that comes until nothing has come for a while.
    async fn settle(&mut self) -> Result<String> {
        let mut shown = String::new();
        while let Ok(heard) = timeout(STILL, self.next()).await {
            let Some(bytes) = heard? else { return Err(silent()) };
            shown.push_str(&String::from_utf8_lossy(&bytes));
        }
        Ok(shown)
    }
}

/// From the moment when a program writes a line until a client has it that follows the log.
pub(super) async fn log_line(door: &Door) -> Result<Duration> {
    let session = format!("bench-{}", random()?);
    let target = door.toolbox("process/session");
    door.user.status(Request::post(target, &json!({ "sessionId": session }))?).await?;
    let target = door.toolbox(&format!("process/session/{session}"));
    let wish = json!({ "command": CLOCK, "runAsync": true });
    let begun: Value = door.user.json(Request::post(format!("{target}/exec"), &wish)?).await?;
    let command = begun["cmdId"].as_str().unwrap_or_default();
    let mut socket =
        Socket::open(door, &format!("{target}/command/{command}/logs?follow=true")).await?;
    let mut took = Vec::new();
    while let Some(bytes) = socket.hear().await? {
        let now = UNIX_EPOCH.elapsed().unwrap_or_default();
        // Three bytes say of which stream the rest is.
        let text = String::from_utf8_lossy(bytes.get(3..).unwrap_or_default()).into_owned();
        let written = text.lines().filter_map(|line| line.parse().ok()).map(Duration::from_nanos);
        took.extend(written.map(|written| now.saturating_sub(written)));
    }
    door.user.status(Request::delete(target)).await?;
    median(took)
}

/// From a letter that is typed until the terminal has shown it.
pub(super) async fn echo(door: &Door) -> Result<Duration> {
    let id = format!("bench-{}", random()?);
    let target = door.toolbox("process/pty");
    let path = format!("{target}/create-connect?id={id}&cols=80&rows=24");
    let mut socket = Socket::open(door, &path).await?;
    // Of a program that leaves the echo to the terminal, and not of a shell that edits its line.
    socket.settle().await?;
    socket.say("exec cat\n").await?;
    socket.settle().await?;
    socket.say("ready\n").await?;
    let shown = socket.settle().await?;
    if shown.matches("ready").count() != 2 {
        return Err(Error::internal(format!("the terminal of the bench shows {shown:?}")));
    }
    let mut took = Vec::new();
    for _ in 0..TIMES {
        let start = Instant::now();
        socket.say("x").await?;
        if socket.hear().await?.is_none() {
            return Err(silent());
        }
        took.push(start.elapsed());
    }
    door.user.status(Request::delete(format!("{target}/{id}"))).await?;
    median(took)
}

fn median(mut took: Vec<Duration>) -> Result<Duration> {
    took.sort_unstable();
    match took.get(took.len() / 2) {
        Some(median) if took.len() >= TIMES => Ok(*median),
        _ => Err(Error::internal(format!("{} of {TIMES} came", took.len()))),
    }
}

fn silent() -> Error {
    Error::internal("the terminal of the bench has ended")
}

fn broken(source: tungstenite::Error) -> Error {
    Error::unavailable("a websocket of the bench broke").with_source(source)
}
