//! Interpreter contexts: made, listed, ended, and code that runs in them over a websocket.
//!
//! A client says in its one message what to run. What goes wrong with that is the close's reason;
//! what goes wrong in the code is a message of its own.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use axum::routing;
use futures_util::{Stream, StreamExt as _, stream};
use infield_daytona as wire;
use infield_domain::command::Stream as Output;
use infield_domain::language::Language;
use infield_domain::{Error, GuestPath, Principal, Result};
use infield_engine::Engine;
use infield_engine::toolbox::interpreters::{Context as Interpreter, News, RunInContext, Running};

use super::parts::Parts;
use super::socket::{self, Close, Say, Socket, Upgrade};
use crate::body::Part;
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
    route("GET", "/process/interpreter/context", || routing::get(list)),
    route("POST", "/process/interpreter/context", || routing::post(create)),
    route("DELETE", "/process/interpreter/context/{id}", || routing::delete(delete)),
    route("GET", "/process/interpreter/execute", || routing::get(execute)),
];

/// Bytes of a client's message: its code, which grows as JSON.
const MESSAGE_BYTES: usize = 16 << 20;
/// What code is closed with that took too long.
const TIMED_OUT: u16 = 4008;
/// The name of the error that says that a context is gone.
const GONE: &str = "ContextEnded";

async fn list(
    State(context): State<Context>,
    Who(who): Who,
    Part(sandbox): Part,
) -> Answer<Json<wire::ListContextsResponse>> {
    let contexts = context.doors.engine.list_contexts(&who, &sandbox)?;
    Ok(Json(wire::ListContextsResponse { contexts: contexts.into_iter().map(told).collect() }))
}

async fn create(
    State(context): State<Context>,
    Who(who): Who,
    Part(sandbox): Part,
    body::Json(wish): body::Json<wire::CreateContextRequest>,
) -> Answer<Json<wire::InterpreterContext>> {
    let folder = wish.cwd.filter(|cwd| !cwd.is_empty()).map(|cwd| cwd.parse::<GuestPath>());
    let language = wish.language.filter(|word| !word.is_empty());
    let language = language.map_or(Ok(Language::Python), |word| word.parse())?;
    let wish = (folder.transpose()?, language);
    Ok(Json(told(context.doors.engine.create_context(&who, &sandbox, wish).await?)))
}

async fn delete(
    State(context): State<Context>,
    Who(who): Who,
    Parts([sandbox, id]): Parts<2>,
) -> Answer<Json<BTreeMap<&'static str, String>>> {
    context.doors.engine.delete_context(&who, &sandbox, &id).await?;
    Ok(Json(BTreeMap::from([("message", "the context has ended".to_owned())])))
}

async fn execute(
    State(context): State<Context>,
    Who(who): Who,
    Part(sandbox): Part,
    upgrade: Option<Upgrade>,
) -> Answer<Response> {
    let engine = context.doors.engine.clone();
    engine.get_sandbox(&who, &sandbox).await?;
    let Some(upgrade) = upgrade else { return Err(socket::missing().into()) };
    let run =
        async move |mut socket: Socket| match begin(&engine, &who, &sandbox, &mut socket).await {
            Some(Ok(running)) => socket.serve(says(running).boxed(), None).await,
            Some(Err(error)) => socket.close(Close::because(&error)).await,
            None => tracing::debug!("a client has no code to run"),
        };
    Ok(upgrade.accept(&context, MESSAGE_BYTES, run))
}

/// Begins what the client asks for; none when it asks for nothing.
async fn begin(
    engine: &Engine,
    who: &Principal,
    sandbox: &str,
    socket: &mut Socket,
) -> Option<Result<Running>> {
    let message = socket.first().await?;
    Some(match wished(&message) {
        Ok(run) => engine.run_in_context(who, sandbox, run).await,
        Err(error) => Err(error),
    })
}

fn wished(message: &[u8]) -> Result<RunInContext> {
    let wish: wire::InterpreterRequest = serde_json::from_slice(message).map_err(|error| {
        Error::invalid("the message is not what this route takes")
            .with_hint("send `{\"code\": \"print(1)\"}`, for example")
            .with_source(error)
    })?;
    if wish.code.trim().is_empty() {
        return Err(Error::invalid("there is no code to run"));
    }
    let limit = wish.timeout.map(|seconds| {
        Duration::try_from_secs_f64(seconds)
            .map_err(|_| Error::invalid("`timeout` is a number of seconds"))
    });
    Ok(RunInContext {
        context: wish.context_id.filter(|id| !id.is_empty()),
        code: wish.code,
        environment: wish.envs.unwrap_or_default(),
        time_limit: limit.transpose()?,
    })
}

fn says(running: Running) -> impl Stream<Item = Say> + Send {
    stream::unfold(Some(running), |running| async {
        let mut running = running?;
        let news = running.next().await;
        let goes_on = matches!(news, Some(News::Output(..) | News::Failed(_)));
        Some((said(news), goes_on.then_some(running)))
    })
    .flat_map(stream::iter)
}

/// What a client is told, which is the last when the news are.
fn said(news: Option<News>) -> Vec<Say> {
    use wire::InterpreterMessage as Message;
    let message = match news {
        Some(News::Output(Output::Stdout, text)) => Message::Stdout { text },
        Some(News::Output(Output::Stderr, text)) => Message::Stderr { text },
        Some(News::Failed(fault)) => {
            let infield_engine::toolbox::interpreters::Fault { name, value, traceback } = fault;
            Message::Error { name, value, traceback }
        }
        Some(News::Completed) => {
            return vec![text(&Message::Control { text: "completed" }), Say::Close(Close::done())];
        }
        Some(News::TimedOut) => {
            let reason = "the code took longer than its time limit".to_owned();
            return vec![Say::Close(Close { code: TIMED_OUT, reason })];
        }
        gone @ (Some(News::Gone(_)) | None) => {
            let reason = match gone {
                Some(News::Gone(reason)) => reason,
                _ => "its context has ended".to_owned(),
            };
            let value = format!("{reason}; what the context kept is gone");
            let error = Message::Error { name: GONE.to_owned(), value, traceback: String::new() };
            return vec![text(&error), Say::Close(Close::done())];
        }
    };
    vec![text(&message)]
}

fn text(message: &wire::InterpreterMessage) -> Say {
    Say::Text(serde_json::to_string(message).expect("a shape of ours has no other keys than texts"))
}

fn told(context: Interpreter) -> wire::InterpreterContext {
    wire::InterpreterContext {
        id: context.id,
        cwd: context.working_directory.into(),
        created_at: time(context.created_at),
        active: context.is_active,
        language: context.language.as_str().to_owned(),
    }
}
