//! Sessions: living shells, their commands, and what those write.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing;
use bytes::Bytes;
use futures_util::{Stream as AsyncStream, stream};
use http::StatusCode;
use infield_daytona as wire;
use infield_domain::command::Stream;
use infield_domain::{Error, Kind};
use infield_engine::toolbox::sessions::{
    Echo, Follow, Piece, RunInSession, Session, SessionCommand, WaitFor,
};

use super::parts::Parts;
use super::socket::{Close, Say, Upgrade};
use crate::body::Part;
use crate::daytona::body;
use crate::daytona::failure::{COMMAND_ALREADY_COMPLETED, SESSION_ENDED};
use crate::failure::{Answer, Failure};
use crate::gate::Who;
use crate::routes::{Route, route};
use crate::serve::Context;

#[cfg(test)]
mod tests;

#[rustfmt::skip]
pub(in crate::daytona) const ROUTES: &[Route] = &[
    route("GET", "/process/session", || routing::get(list)),
    route("POST", "/process/session", || routing::post(create)),
    route("GET", "/process/session/entrypoint", || routing::get(entrypoint)),
    route("GET", "/process/session/entrypoint/logs", || routing::get(entrypoint_logs)),
    route("GET", "/process/session/{sessionId}", || routing::get(get)),
    route("DELETE", "/process/session/{sessionId}", || routing::delete(delete)),
    route("POST", "/process/session/{sessionId}/exec", || routing::post(execute)),
    route("GET", "/process/session/{sessionId}/command/{commandId}", || routing::get(command)),
    route("POST", "/process/session/{sessionId}/command/{commandId}/input", || routing::post(input)),
    route("GET", "/process/session/{sessionId}/command/{commandId}/logs", || routing::get(logs)),
];

/// The session that the contract gives every sandbox: what its image starts by itself.
const ENTRYPOINT: &str = "entrypoint";
/// Bytes of what a client says who follows logs, to whom nobody listens.
const SAID_BYTES: usize = 4 << 10;

async fn list(
    State(context): State<Context>,
    Who(who): Who,
    Part(sandbox): Part,
) -> Answer<Json<Vec<wire::Session>>> {
    let sessions = context.doors.engine.list_sessions(&who, &sandbox)?;
    Ok(Json(sessions.into_iter().map(session).collect()))
}

async fn create(
    State(context): State<Context>,
    Who(who): Who,
    Part(sandbox): Part,
    body::Json(wish): body::Json<wire::CreateSessionRequest>,
) -> Answer<StatusCode> {
    if wish.session_id == ENTRYPOINT {
        let error = Error::conflict("the session `entrypoint` is the image's own");
        return Err(error.with_hint("choose another id").into());
    }
    context.doors.engine.create_session(&who, &sandbox, &wish.session_id).await?;
    Ok(StatusCode::CREATED)
}

async fn get(
    State(context): State<Context>,
    Who(who): Who,
    Parts([sandbox, id]): Parts<2>,
) -> Answer<Json<wire::Session>> {
    Ok(Json(session(context.doors.engine.get_session(&who, &sandbox, &id)?)))
}

async fn delete(
    State(context): State<Context>,
    Who(who): Who,
    Parts([sandbox, id]): Parts<2>,
) -> Answer<StatusCode> {
    context.doors.engine.delete_session(&who, &sandbox, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Images start nothing by themselves here, so it has no commands.
async fn entrypoint(
    State(context): State<Context>,
    Who(who): Who,
    Part(sandbox): Part,
) -> Answer<Json<wire::Session>> {
    context.doors.engine.get_sandbox(&who, &sandbox).await?;
    Ok(Json(wire::Session { session_id: ENTRYPOINT.to_owned(), commands: Vec::new() }))
}

async fn entrypoint_logs(
    State(context): State<Context>,
    Who(who): Who,
    Part(sandbox): Part,
    upgrade: Option<Upgrade>,
) -> Answer<Response> {
    context.doors.engine.get_sandbox(&who, &sandbox).await?;
    let Some(upgrade) = upgrade else {
        return Ok(Json(wire::SessionLogs::default()).into_response());
    };
    Ok(upgrade.accept(&context, SAID_BYTES, |socket| socket.close(Close::done())))
}

async fn execute(
    State(context): State<Context>,
    Who(who): Who,
    Parts([sandbox, id]): Parts<2>,
    body::Json(wish): body::Json<wire::SessionExecuteRequest>,
) -> Answer<Response> {
    let is_async = wish.run_async.or(wish.is_async).unwrap_or(false);
    let run = RunInSession {
        command: wish.command,
        wait: if is_async { WaitFor::Turn } else { WaitFor::End },
        echo: match wish.suppress_input_echo {
            Some(true) => Echo::Suppressed,
            Some(false) | None => Echo::Shown,
        },
    };
    let ran = context.doors.engine.run_in_session(&who, (&sandbox, &id), run).await;
    let (command, pieces) = ran.map_err(|error| gone(error, SESSION_ENDED))?;
    let (status, logs) = match is_async {
        true => (StatusCode::ACCEPTED, None),
        false => (StatusCode::OK, Some(texts(&pieces))),
    };
    let exit_code = command.exit_code.filter(|_| !is_async);
    let answer = wire::SessionExecuteResponse { cmd_id: command.id, logs, exit_code };
    Ok((status, Json(answer)).into_response())
}

async fn command(
    State(context): State<Context>,
    Who(who): Who,
    Parts([sandbox, id, command]): Parts<3>,
) -> Answer<Json<wire::SessionCommand>> {
    let command = context.doors.engine.get_session_command(&who, &sandbox, (&id, &command))?;
    Ok(Json(session_command(command)))
}

async fn input(
    State(context): State<Context>,
    Who(who): Who,
    Parts([sandbox, id, command]): Parts<3>,
    body::Json(wish): body::Json<wire::SessionInputRequest>,
) -> Answer<StatusCode> {
    let (engine, data) = (&context.doors.engine, Bytes::from(wish.data));
    let sent = engine.send_session_input(&who, &sandbox, (&id, &command), data).await;
    sent.map_err(|error| gone(error, COMMAND_ALREADY_COMPLETED))?;
    Ok(StatusCode::NO_CONTENT)
}

async fn logs(
    State(context): State<Context>,
    Who(who): Who,
    Parts([sandbox, id, command]): Parts<3>,
    upgrade: Option<Upgrade>,
) -> Answer<Response> {
    let (engine, place) = (&context.doors.engine, (id.as_str(), command.as_str()));
    let Some(upgrade) = upgrade else {
        let pieces = engine.session_logs(&who, &sandbox, place).await?;
        return Ok(Json(texts(&pieces)).into_response());
    };
    let follow = engine.follow_session_logs(&who, &sandbox, place)?;
    Ok(upgrade.accept(&context, SAID_BYTES, |socket| socket.serve(frames(follow), None)))
}

/// What a command writes, as it comes. Each frame says which stream it is of, so that what a
/// command writes can be taken for such a mark only until the next one.
fn frames(follow: Follow) -> impl AsyncStream<Item = Say> {
    stream::unfold(Some(follow), |follow| async {
        let mut follow = follow?;
        match follow.next().await {
            Ok(Some(piece)) => Some((Say::Binary(marked(&piece)), Some(follow))),
            Ok(None) => None,
            Err(error) => Some((Say::Close(Close::because(&error)), None)),
        }
    })
}

fn marked(piece: &Piece) -> Bytes {
    let mark = match piece.stream {
        Stream::Stdout => [1; 3],
        Stream::Stderr => [2; 3],
    };
    [&mark[..], &piece.data].concat().into()
}

/// What is over stays over: 410 in place of 409.
fn gone(error: Error, code: &'static str) -> Failure {
    match error.kind() {
        Kind::Conflict => Failure::with_code(error, code).under(StatusCode::GONE),
        _ => error.into(),
    }
}

fn session(session: Session) -> wire::Session {
    wire::Session {
        session_id: session.id,
        commands: session.commands.into_iter().map(session_command).collect(),
    }
}

fn session_command(command: SessionCommand) -> wire::SessionCommand {
    let SessionCommand { id, command, exit_code } = command;
    wire::SessionCommand { id, command, exit_code }
}

/// The streams apart and together. A character may lie in two pieces, so bytes come first.
fn texts(pieces: &[Piece]) -> wire::SessionLogs {
    let (mut output, mut stdout, mut stderr) = (Vec::new(), Vec::new(), Vec::new());
    for piece in pieces {
        output.extend_from_slice(&piece.data);
        match piece.stream {
            Stream::Stdout => stdout.extend_from_slice(&piece.data),
            Stream::Stderr => stderr.extend_from_slice(&piece.data),
        }
    }
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    wire::SessionLogs { output: text(output), stdout: text(stdout), stderr: text(stderr) }
}
