//! Events over Socket.IO, so that no SDK polls: websocket only, one name space, server to client.
//!
//! The upgrade comes without a credential, which is in the first packet: whoever has not shown a
//! good key in [`CONNECT_LIMIT`] is cut off. A key that is revoked or ends later is found out before
//! the next event leaves, and with each look at the clock. Connections are few for each owner and
//! in all; a client that reads too slowly loses its connection and comes again.
//!
//! A movement is told when it lasts: clients take each event for the state as of now, and one of
//! `starting` that arrives after the answer `started` would be wrong news.

mod packet;
mod pending;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::response::Response;
use axum::routing::get;
use infield_domain::{Error, Kind, Principal, Result};
use infield_engine::{SandboxEvent, SandboxEvents};
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until, timeout};

use self::packet::Packet;
use self::pending::Pending;
use super::convert::{self, Seen};
use crate::failure::Answer;
use crate::gate;
use crate::routes::{Route, route};
use crate::serve::{Connection, Context};

#[rustfmt::skip]
pub(super) const ROUTES: &[Route] = &[
    route("GET", "/socket.io/", || get(connect)),
];

/// How long a client may take to show its key.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// Between two questions whether the client is there, and how long it may take to say so.
const PING_EVERY: Duration = Duration::from_secs(25);
const PONG_LIMIT: Duration = Duration::from_secs(20);
/// Between two looks whether the key still opens anything.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How long one message may take to leave.
const SEND_LIMIT: Duration = Duration::from_secs(10);
/// Bytes of what a client may send at once: a key and some braces.
const MOST_BYTES: usize = 16 << 10;
/// Connections of one owner, and in all. Each client object of an SDK has one.
const MOST_OF_ONE: usize = 64;
const MOST: usize = 512;

/// The connections that there are, by owner; those who have not shown a key yet have none.
#[derive(Debug, Default)]
pub(crate) struct Sockets(Mutex<HashMap<String, usize>>);

/// One of them.
struct Place {
    sockets: Arc<Sockets>,
    owner: String,
}

impl Sockets {
    fn enter(self: &Arc<Self>, owner: &str) -> Result<Place> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let here = open.get(owner).copied().unwrap_or(0);
        if here >= MOST_OF_ONE || open.values().sum::<usize>() >= MOST {
            return Err(Error::new(Kind::Quota, "there are too many connections for events")
                .with_hint("close some clients"));
        }
        open.insert(owner.to_owned(), here + 1);
        Ok(Place { sockets: self.clone(), owner: owner.to_owned() })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.sockets.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(here) = open.get_mut(&self.owner) {
            *here -= 1;
            if *here == 0 {
                open.remove(&self.owner);
            }
        }
    }
}

async fn connect(
    State(context): State<Context>,
    Extension(connection): Extension<Connection>,
    seen: Seen,
    upgrade: WebSocketUpgrade,
) -> Answer<Response> {
    // Until it has shown a key, it is nobody's, and one of as many as one owner may have.
    let place = context.sockets.enter("")?;
    let (sender, upgraded) = oneshot::channel();
    let answer = upgrade
        .max_message_size(MOST_BYTES)
        .max_frame_size(MOST_BYTES)
        .on_upgrade(async move |socket| drop(sender.send(socket)));
    let id = context.doors.engine.new_request_id();
    let tasks = context.tasks.clone();
    tasks.spawn(async move {
        let Ok(Ok(socket)) = timeout(CONNECT_LIMIT, upgraded).await else { return };
        let shutdown = context.shutdown.clone();
        let mut session = Session { gate: Gate { context, connection }, seen, socket, id };
        let ended = tokio::select! {
            ended = session.serve(place) => ended,
            () = shutdown.cancelled() => Ok(()),
        };
        if let Err(error) = &ended {
            tracing::debug!(%error, "a connection for events ends");
        }
        session.close().await;
    });
    Ok(answer)
}

/// Who is let in.
struct Gate {
    context: Context,
    /// Counts the connection for as long as it lives.
    connection: Connection,
}

impl Gate {
    async fn admit(&self, token: &str, nobody: Place) -> Result<(SandboxEvents, Place)> {
        let who = self.who(token).await?;
        let events = self.context.doors.engine.sandbox_events(&who)?;
        drop(nobody);
        Ok((events, self.context.sockets.enter(&who.owner)?))
    }

    async fn who(&self, token: &str) -> Result<Principal> {
        gate::admit_token(&self.context, &self.connection, token).await
    }
}

struct Session {
    gate: Gate,
    seen: Seen,
    socket: WebSocket,
    id: String,
}

impl Session {
    async fn serve(&mut self, nobody: Place) -> Result<()> {
        let (ping, pong) = (PING_EVERY.as_millis(), PONG_LIMIT.as_millis());
        self.send(packet::open(&self.id, ping, pong, MOST_BYTES)).await?;
        let token = timeout(CONNECT_LIMIT, self.hear_token()).await;
        let token = token.map_err(|_| Error::timeout("no key came"))??;
        let admitted = self.gate.admit(&token, nobody).await;
        let (events, _place) = match admitted {
            Ok(admitted) => admitted,
            Err(error) => {
                self.send(packet::refused(error.message())).await?;
                return Err(error);
            }
        };
        self.send(packet::connected(&self.id)).await?;
        self.tell(&token, events).await
    }

    async fn hear_token(&mut self) -> Result<String> {
        loop {
            match self.hear().await? {
                Packet::Connect(token) => return Ok(token),
                Packet::Close => return Err(gone()),
                Packet::Pong | Packet::Other => {}
            }
        }
    }

    /// Tells of events until the client goes, is away, or its key opens nothing any more.
    async fn tell(&mut self, token: &str, mut events: SandboxEvents) -> Result<()> {
        let mut pending = Pending::default();
        let mut asked: Option<Instant> = None;
        let (mut ping_at, mut look_at) = (Instant::now() + PING_EVERY, Instant::now() + LOOK_EVERY);
        loop {
            let pong_by = asked.map_or(ping_at, |at| at + PONG_LIMIT);
            tokio::select! {
                packet = self.hear() => match packet? {
                    Packet::Close => return Ok(()),
                    Packet::Pong => {
                        asked = None;
                        ping_at = Instant::now() + PING_EVERY;
                    }
                    Packet::Connect(_) | Packet::Other => {}
                },
                event = events.next() => {
                    if let Some(event) = pending.take_in(event?, Instant::now()) {
                        self.tell_of(token, event).await?;
                    }
                }
                event = pending.next() => self.tell_of(token, event).await?,
                () = sleep_until(look_at) => {
                    self.gate.who(token).await?;
                    look_at = Instant::now() + LOOK_EVERY;
                }
                () = sleep_until(pong_by) => {
                    if asked.is_some() {
                        return Err(gone());
                    }
                    asked = Some(Instant::now());
                    self.send(packet::ping()).await?;
                }
            }
        }
    }

    async fn tell_of(&mut self, token: &str, event: SandboxEvent) -> Result<()> {
        // A key that was revoked a moment ago learns nothing more.
        self.gate.who(token).await?;
        for (name, payload) in words(event, &self.seen)? {
            self.send(packet::event(name, &payload)).await?;
        }
        Ok(())
    }

    async fn hear(&mut self) -> Result<Packet> {
        loop {
            match self.socket.recv().await {
                Some(Ok(Message::Text(text))) => return Ok(Packet::read(&text)),
                Some(Ok(Message::Binary(_))) => return Ok(Packet::Other),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Close(_)) | Err(_)) | None => return Err(gone()),
            }
        }
    }

    async fn send(&mut self, text: String) -> Result<()> {
        let sent = timeout(SEND_LIMIT, self.socket.send(Message::Text(text.into()))).await;
        sent.map_err(|_| Error::timeout("the client reads too slowly"))?.map_err(|_| gone())
    }

    /// Says good-bye to those who are there to hear it.
    async fn close(&mut self) {
        let frame = CloseFrame { code: close_code::AWAY, reason: "".into() };
        if self.send(packet::disconnect()).await.is_ok() {
            drop(timeout(SEND_LIMIT, self.socket.send(Message::Close(Some(frame)))).await);
        }
    }
}

/// The contract's events for a change.
fn words(event: SandboxEvent, seen: &Seen) -> Result<Vec<(&'static str, Value)>> {
    let (state, desired) = convert::words(event.sandbox.state);
    let sandbox = serde_json::to_value(convert::sandbox(event.sandbox, seen));
    let sandbox =
        sandbox.map_err(|error| Error::internal("a sandbox has no words").with_source(error))?;
    let Some((old_state, old_desired)) = event.before.map(convert::words) else {
        return Ok(vec![("sandbox.created", sandbox)]);
    };
    let mut events = Vec::new();
    if desired != old_desired {
        let payload = json!({
            "sandbox": sandbox,
            "oldDesiredState": old_desired,
            "newDesiredState": desired,
        });
        events.push(("sandbox.desired-state.updated", payload));
    }
    if state != old_state {
        let payload = json!({ "sandbox": sandbox, "oldState": old_state, "newState": state });
        events.push(("sandbox.state.updated", payload));
    }
    Ok(events)
}

fn gone() -> Error {
    Error::unavailable("the client is gone")
}
