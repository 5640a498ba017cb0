//! The websockets of a toolbox: what all of them have in common, whatever goes over them.
//!
//! The gate has let the request in like any other. From then on a client is bounded: its messages
//! in size, its silence by pings that it must answer, its reading by a limit for each message that
//! it is sent, and its writing by whoever takes what it says. The task of a socket is the server's,
//! which tells the client when it ends.

use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::response::Response;
use bytes::Bytes;
use futures_util::{Sink, SinkExt as _, Stream, StreamExt as _};
use http::request::Parts;
use http::{HeaderValue, header};
use infield_domain::Error;
use infield_domain::command::ProcessInput;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::failure::{Answer, Failure, log};
use crate::serve::{Connection, Context};

#[cfg(test)]
mod tests;

/// Between the answer 101 and the first byte of the socket.
const SWITCH_LIMIT: Duration = Duration::from_secs(10);
/// For a client's first message, where the socket begins with one.
const FIRST_LIMIT: Duration = Duration::from_secs(30);
/// Bytes that a socket buffers each way before it reads or writes.
const BUFFER_BYTES: usize = 16 << 10;
/// Bytes of the reason of a close: a control frame has 125, RFC 6455 section 5.5.
const REASON_BYTES: usize = 123;
/// The beginning of a sub-protocol that carries values, which are not to be repeated.
pub(super) const VALUES: &str = "X-Daytona-Pty-Envs~";

/// All is said.
pub(super) const DONE: u16 = 1000;
/// The server ends.
const ENDING: u16 = 1001;
/// The client does what it may not do, or does not keep up.
const POLICY: u16 = 1008;
/// Something here failed.
const FAILED: u16 = 1011;

/// How much time a client gets.
#[derive(Clone, Copy)]
struct Patience {
    /// Between two pings.
    ping: Duration,
    /// Without a message, not even the answer to a ping.
    silence: Duration,
    /// For one message that it is sent, and for one of its own that nobody takes.
    stall: Duration,
    /// For the closing of a socket by both sides.
    farewell: Duration,
}

const PATIENCE: Patience = Patience {
    ping: Duration::from_secs(20),
    silence: Duration::from_secs(120),
    stall: Duration::from_secs(60),
    farewell: Duration::from_secs(2),
};

/// A client's wish to go on as a websocket.
pub(super) struct Upgrade {
    wish: WebSocketUpgrade,
    connection: Connection,
}

impl OptionalFromRequestParts<Context> for Upgrade {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, context: &Context) -> Answer<Option<Self>> {
        if !parts.headers.contains_key(header::UPGRADE) {
            return Ok(None);
        }
        let connection = parts.extensions.get::<Connection>().cloned();
        let wish = WebSocketUpgrade::from_request_parts(parts, context).await;
        match (wish, connection) {
            (Ok(wish), Some(connection)) => Ok(Some(Self { wish, connection })),
            (Err(rejection), _) => Err(missing().with_source(rejection).into()),
            (Ok(_), None) => Err(Error::internal("a request has no connection").into()),
        }
    }
}

/// The answer of a route that has no other than a websocket, to a request that is none.
pub(super) fn missing() -> Error {
    Error::invalid("this route answers with a websocket alone")
        .with_hint("send a websocket handshake over HTTP/1.1")
}

impl Upgrade {
    /// The sub-protocols that the client offers.
    pub(super) fn offered(&self) -> impl Iterator<Item = &str> {
        self.wish.requested_protocols().filter_map(|offered| offered.to_str().ok())
    }

    /// Answers 101, and hands the socket to a task of the server's. Messages of the client have so
    /// many bytes at most.
    pub(super) fn accept<F, W>(self, context: &Context, bytes: usize, work: F) -> Response
    where
        F: FnOnce(Socket) -> W + Send + 'static,
        W: Future<Output = ()> + Send,
    {
        // Clients of some libraries give up when they offered something and nothing comes back.
        let spoken = self.offered().find(|offered| !offered.starts_with(VALUES));
        let spoken = spoken.or_else(|| self.offered().next());
        let spoken = spoken.and_then(|spoken| HeaderValue::from_str(spoken).ok());
        let Self { mut wish, connection } = self;
        if let Some(spoken) = spoken {
            wish.set_selected_protocol(spoken);
        }
        let (give, given) = oneshot::channel();
        let shutdown = context.shutdown.clone();
        let task = async move {
            match timeout(SWITCH_LIMIT, given).await {
                Ok(Ok(socket)) => work(Socket { socket, shutdown }).await,
                Ok(Err(_)) | Err(_) => tracing::debug!("a websocket did not come about"),
            }
            // Until here the connection counts among those of the server.
            drop(connection);
        };
        context.tasks.spawn(task.in_current_span());
        wish.read_buffer_size(BUFFER_BYTES)
            .write_buffer_size(BUFFER_BYTES)
            .max_frame_size(bytes)
            .max_message_size(bytes)
            .on_upgrade(async move |socket| drop(give.send(socket)))
    }
}

/// What is told a client.
pub(super) enum Say {
    Text(String),
    Binary(Bytes),
    /// The last of all.
    Close(Close),
}

/// How a socket is closed.
pub(super) struct Close {
    pub(super) code: u16,
    pub(super) reason: String,
}

impl Close {
    /// The end of what has come to its end.
    pub(super) fn done() -> Self {
        Self { code: DONE, reason: String::new() }
    }

    /// That of something that cannot go on; logs why.
    pub(super) fn because(error: &Error) -> Self {
        log(error);
        let code = match error.kind() {
            infield_domain::Kind::Internal | infield_domain::Kind::Unavailable => FAILED,
            _ => POLICY,
        };
        Self { code, reason: error.message().to_owned() }
    }

    fn policy(reason: &str) -> Self {
        Self { code: POLICY, reason: reason.to_owned() }
    }
}

/// A websocket with its client.
pub(super) struct Socket {
    socket: WebSocket,
    shutdown: CancellationToken,
}

impl Socket {
    /// The client's first message; none when the client is gone or does not say anything.
    pub(super) async fn first(&mut self) -> Option<Bytes> {
        let first = async {
            loop {
                match self.socket.recv().await?.ok()? {
                    Message::Text(text) => return Some(Bytes::from(text)),
                    Message::Binary(bytes) => return Some(bytes),
                    Message::Ping(_) | Message::Pong(_) => {}
                    Message::Close(_) => return None,
                }
            }
        };
        tokio::select! {
            first = timeout(FIRST_LIMIT, first) => first.ok().flatten(),
            () = self.shutdown.cancelled() => None,
        }
    }

    /// Tells the client all of this, and hands on what it says, until either side has ended it.
    pub(super) async fn serve(
        self,
        says: impl Stream<Item = Say> + Send,
        ear: Option<mpsc::Sender<ProcessInput>>,
    ) {
        let Self { socket, shutdown } = self;
        pump(socket, std::pin::pin!(says), Pump { ear, shutdown, patience: PATIENCE }).await;
    }

    /// Closes it.
    pub(super) async fn close(self, close: Close) {
        self.serve(futures_util::stream::iter([Say::Close(close)]), None).await;
    }
}

/// What a socket has besides what it tells.
struct Pump {
    /// Who takes what the client says.
    ear: Option<mpsc::Sender<ProcessInput>>,
    shutdown: CancellationToken,
    patience: Patience,
}

/// Carries both ways, and says farewell.
async fn pump<W, E>(mut wire: W, says: impl Stream<Item = Say> + Unpin, pump: Pump)
where
    W: Stream<Item = Result<Message, E>> + Sink<Message> + Unpin,
{
    let Some(close) = carry(&mut wire, says, &pump).await else { return };
    let frame = CloseFrame { code: close.code, reason: clipped(close.reason).into() };
    let farewell = async {
        if wire.send(Message::Close(Some(frame))).await.is_ok() {
            // A connection that is closed with something unread is reset, and the client may lose
            // what it has not read.
            while let Some(Ok(_)) = wire.next().await {}
        }
    };
    if timeout(pump.patience.farewell, farewell).await.is_err() {
        tracing::debug!("a client does not close its websocket");
    }
}

/// Carries until one side has ended it; gives how to close it, unless the client is gone.
async fn carry<W, E>(
    wire: &mut W,
    mut says: impl Stream<Item = Say> + Unpin,
    pump: &Pump,
) -> Option<Close>
where
    W: Stream<Item = Result<Message, E>> + Sink<Message> + Unpin,
{
    let Pump { ear, shutdown, patience } = pump;
    let mut pings = tokio::time::interval_at(Instant::now() + patience.ping, patience.ping);
    pings.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut heard_at = Instant::now();
    // What the client said and nobody took; it says nothing more until then.
    let mut held: Option<Bytes> = None;
    loop {
        let message = tokio::select! {
            said = says.next() => match said {
                Some(Say::Text(text)) => Message::Text(text.into()),
                Some(Say::Binary(bytes)) => Message::Binary(bytes),
                Some(Say::Close(close)) => return Some(close),
                None => return Some(Close::done()),
            },
            heard = wire.next(), if held.is_none() => {
                heard_at = Instant::now();
                match heard {
                    Some(Ok(Message::Text(text))) => held = ear.is_some().then(|| text.into()),
                    Some(Ok(Message::Binary(bytes))) => held = ear.is_some().then_some(bytes),
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                }
                held.take_if(|held| held.is_empty());
                continue;
            }
            took = take(ear.as_ref()), if held.is_some() => {
                let (Some(permit), Some(bytes)) = (took, held.take()) else { continue };
                permit.send(ProcessInput::Stdin(bytes));
                heard_at = Instant::now();
                continue;
            }
            _ = pings.tick() => {
                if held.is_some() && heard_at.elapsed() > patience.stall {
                    return Some(Close::policy("nobody takes what you send"));
                }
                if heard_at.elapsed() > patience.silence {
                    return Some(Close::policy("you answer no pings"));
                }
                Message::Ping(Bytes::new())
            }
            () = shutdown.cancelled() => {
                return Some(Close { code: ENDING, reason: "the server is ending".to_owned() });
            }
        };
        match timeout(patience.stall, wire.send(message)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return None,
            Err(_) => return Some(Close::policy("you read too slowly")),
        }
    }
}

/// Room for one message; none when nobody listens any more.
async fn take(ear: Option<&mpsc::Sender<ProcessInput>>) -> Option<mpsc::Permit<'_, ProcessInput>> {
    ear?.reserve().await.ok()
}

fn clipped(mut reason: String) -> String {
    let end = (0..=REASON_BYTES.min(reason.len())).rev().find(|at| reason.is_char_boundary(*at));
    reason.truncate(end.unwrap_or_default());
    reason
}
