//! Terminals: made, looked at, resized and ended.
//!
//! What a client's websocket says first of all is that it is connected; at the end, how the shell
//! ended, in a message to those who asked for one, and to all in the reason of the close.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use axum::routing;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::{Stream, StreamExt as _, stream};
use http::StatusCode;
use infield_daytona as wire;
use infield_domain::command::TerminalSize;
use infield_domain::{Error, GuestPath, Result};
use infield_engine::toolbox::terminals::{
    OpenTerminal, Seen, Starts, Terminal, TerminalEnd, Viewer,
};
use serde::Serialize;

use super::parts::Parts;
use super::socket::{self, Close, DONE, Say, Upgrade, VALUES};
use crate::body::{Part, Query};
use crate::daytona::body;
use crate::daytona::convert::time;
use crate::failure::Answer;
use crate::gate::Who;
use crate::routes::{Route, route};
use crate::serve::Context;

#[cfg(test)]
mod tests;

#[rustfmt::skip]
pub(in crate::daytona) const ROUTES: &[Route] = &[
    route("GET", "/process/pty", || routing::get(list)),
    route("POST", "/process/pty", || routing::post(create)),
    route("GET", "/process/pty/create-connect", || routing::get(create_connect)),
    route("GET", "/process/pty/{sessionId}", || routing::get(get)),
    route("DELETE", "/process/pty/{sessionId}", || routing::delete(delete)),
    route("GET", "/process/pty/{sessionId}/connect", || routing::get(connect)),
    route("POST", "/process/pty/{sessionId}/resize", || routing::post(resize)),
];

/// Bytes of one piece of input.
const INPUT_BYTES: usize = 1 << 20;
/// What a client offers that wants to be told the end in a message.
const EXIT_CONTROL: &str = "X-Daytona-Pty-Exit-Control";

async fn list(
    State(context): State<Context>,
    Who(who): Who,
    Part(sandbox): Part,
) -> Answer<Json<wire::PtyListResponse>> {
    let terminals = context.doors.engine.list_terminals(&who, &sandbox)?;
    Ok(Json(wire::PtyListResponse { sessions: terminals.into_iter().map(told).collect() }))
}

async fn create(
    State(context): State<Context>,
    Who(who): Who,
    Part(sandbox): Part,
    body::Json(wish): body::Json<wire::PtyCreateRequest>,
) -> Answer<(StatusCode, Json<wire::PtyCreateResponse>)> {
    let session_id = wish.id.clone();
    context.doors.engine.open_terminal(&who, &sandbox, wished(wish)?).await?;
    Ok((StatusCode::CREATED, Json(wire::PtyCreateResponse { session_id })))
}

async fn create_connect(
    State(context): State<Context>,
    Who(who): Who,
    Part(sandbox): Part,
    Query(mut wish): Query<wire::PtyCreateRequest>,
    upgrade: Option<Upgrade>,
) -> Answer<Response> {
    let Some(upgrade) = upgrade else {
        context.doors.engine.get_sandbox(&who, &sandbox).await?;
        return Err(socket::missing().into());
    };
    wish.envs = upgrade
        .offered()
        .find_map(|offered| offered.strip_prefix(VALUES))
        .map(values)
        .transpose()?;
    let open = wished(wish)?;
    let viewer = context.doors.engine.open_viewed_terminal(&who, &sandbox, open).await?;
    Ok(show(&context, upgrade, viewer))
}

async fn get(
    State(context): State<Context>,
    Who(who): Who,
    Parts([sandbox, id]): Parts<2>,
) -> Answer<Json<wire::PtySession>> {
    Ok(Json(told(context.doors.engine.get_terminal(&who, &sandbox, &id)?)))
}

async fn delete(
    State(context): State<Context>,
    Who(who): Who,
    Parts([sandbox, id]): Parts<2>,
) -> Answer<Json<BTreeMap<&'static str, String>>> {
    context.doors.engine.close_terminal(&who, &sandbox, &id).await?;
    Ok(Json(BTreeMap::from([("message", "the terminal has ended".to_owned())])))
}

async fn connect(
    State(context): State<Context>,
    Who(who): Who,
    Parts([sandbox, id]): Parts<2>,
    upgrade: Option<Upgrade>,
) -> Answer<Response> {
    let Some(upgrade) = upgrade else {
        context.doors.engine.get_terminal(&who, &sandbox, &id)?;
        return Err(socket::missing().into());
    };
    let viewer = context.doors.engine.view_terminal(&who, &sandbox, &id)?;
    Ok(show(&context, upgrade, viewer))
}

async fn resize(
    State(context): State<Context>,
    Who(who): Who,
    Parts([sandbox, id]): Parts<2>,
    body::Json(wish): body::Json<wire::PtyResizeRequest>,
) -> Answer<Json<wire::PtySession>> {
    let size = TerminalSize { columns: wish.cols, rows: wish.rows };
    Ok(Json(told(context.doors.engine.resize_terminal(&who, &sandbox, (&id, size))?)))
}

fn show(context: &Context, upgrade: Upgrade, viewer: Viewer) -> Response {
    let wants_exit = upgrade.offered().any(|offered| offered == EXIT_CONTROL);
    let ear = viewer.input();
    let says = stream::iter([control(wire::PtyStatus::Connected)]);
    let says = says.chain(shown(viewer, wants_exit.then_some(exited)));
    upgrade.accept(context, INPUT_BYTES, |socket| socket.serve(says, Some(ear)))
}

/// What a viewer sees, and then how it ended, by `exited` too where it was asked for.
fn shown(viewer: Viewer, exited: Option<fn(&TerminalEnd) -> Say>) -> impl Stream<Item = Say> {
    stream::unfold(Some(viewer), move |viewer| async move {
        let mut viewer = viewer?;
        match viewer.next().await {
            Ok(Seen::Bytes(bytes)) => Some((vec![Say::Binary(bytes)], Some(viewer))),
            Ok(Seen::Ended(end)) => {
                let close = Close { code: DONE, reason: text(&exit(&end)) };
                let said = exited.map(|exited| exited(&end));
                Some((said.into_iter().chain([Say::Close(close)]).collect(), None))
            }
            Err(error) => Some((vec![Say::Close(Close::because(&error))], None)),
        }
    })
    .flat_map(stream::iter)
}

fn exited(end: &TerminalEnd) -> Say {
    control(wire::PtyStatus::Exited(exit(end)))
}

fn exit(end: &TerminalEnd) -> wire::PtyExit {
    // It must fit into the reason of a close.
    let reason = end.reason.as_ref().map(|reason| reason.chars().take(40).collect());
    wire::PtyExit { exit_code: end.exit_code, exit_reason: reason }
}

fn control(status: wire::PtyStatus) -> Say {
    Say::Text(text(&wire::PtyControl { status }))
}

fn text(shape: &impl Serialize) -> String {
    serde_json::to_string(shape).expect("a shape of ours has no other keys than texts")
}

fn told(terminal: Terminal) -> wire::PtySession {
    wire::PtySession {
        id: terminal.id,
        cwd: terminal.working_directory.into(),
        envs: terminal.environment,
        cols: terminal.size.columns,
        rows: terminal.size.rows,
        created_at: time(terminal.created_at),
        active: terminal.is_active,
        lazy_start: terminal.starts == Starts::WithFirstViewer,
    }
}

fn wished(wish: wire::PtyCreateRequest) -> Result<OpenTerminal> {
    let folder = wish.cwd.filter(|cwd| !cwd.is_empty()).map(|cwd| cwd.parse::<GuestPath>());
    let side = |side: Option<u16>, usual| side.filter(|side| *side > 0).unwrap_or(usual);
    Ok(OpenTerminal {
        id: wish.id,
        size: Some(TerminalSize { columns: side(wish.cols, 80), rows: side(wish.rows, 24) }),
        working_directory: folder.transpose()?,
        environment: wish.envs.unwrap_or_default(),
        starts: match wish.lazy_start {
            Some(true) => Starts::WithFirstViewer,
            Some(false) | None => Starts::Now,
        },
    })
}

/// Variables in a sub-protocol: JSON as base64.
fn values(text: &str) -> Result<BTreeMap<String, String>> {
    let bytes = URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok();
    let values = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    values.ok_or_else(|| {
        Error::invalid(format!("the sub-protocol `{VALUES}` holds no variables"))
            .with_hint("it holds a JSON object of texts as base64url")
    })
}
