//! Where the MCP door is reached. What it says is its own affair.

use axum::Json;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use http_body_util::Limited;
use infield_domain::{Error, Result};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::door::Mcp;
use crate::failure::Answer;
use crate::gate::Who;
use crate::serve::Context;
use crate::upgrade::{self, MaybeUpgrade};
use crate::{body, wire};

/// Letters of the word that pairs a front's two connections.
const SESSION_LETTERS: std::ops::RangeInclusive<usize> = 16..=64;

pub(crate) async fn http(State(context): State<Context>, request: Request) -> Answer<Response> {
    let mcp = door(&context)?;
    let limit = context.doors.settings.limits.code_bytes;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let request = request.map(|body| Body::new(Limited::new(body, limit)));
    match mcp.http.clone().oneshot(request).await {
        Ok(response) => Ok(response),
        Err(never) => match never {},
    }
}

/// `POST /langswarm`.
pub(crate) async fn plain(
    State(context): State<Context>,
    Who(who): Who,
    body::Json(message): body::Json<Value>,
) -> Answer<Json<Value>> {
    let plain = door(&context)?.plain.clone();
    Ok(Json(plain(who, message).await))
}

/// `POST /v1/intent`.
pub(crate) async fn intent(
    State(context): State<Context>,
    Who(who): Who,
    body::Json(request): body::Json<wire::Intent>,
) -> Answer<Json<Value>> {
    let intent = door(&context)?.intent.clone();
    Ok(Json(intent(who, request).await?))
}

/// `GET /langswarm/schema`: the tools, as a list of them is answered.
pub(crate) async fn schema(State(context): State<Context>, Who(who): Who) -> Answer<Json<Value>> {
    let plain = door(&context)?.plain.clone();
    let mut answer = plain(who, json!({ "method": "tools/list" })).await;
    Ok(Json(answer["result"].take()))
}

pub(crate) async fn pipe(
    State(context): State<Context>,
    Who(who): Who,
    upgrade: MaybeUpgrade,
    body::Json(hello): body::Json<wire::McpHello>,
) -> Answer<Response> {
    let upgrade = upgrade.required()?;
    check_session(&hello.session)?;
    let pipe = door(&context)?.pipe.clone();
    Ok(upgrade::pipe(&context, upgrade, pipe, (who, hello)))
}

pub(crate) async fn folders(
    State(context): State<Context>,
    Who(who): Who,
    upgrade: MaybeUpgrade,
    body::Json(hello): body::Json<wire::McpFolders>,
) -> Answer<Response> {
    let upgrade = upgrade.required()?;
    check_session(&hello.session)?;
    let pipe = door(&context)?.folders.clone();
    Ok(upgrade::pipe(&context, upgrade, pipe, (who, hello)))
}

fn door(context: &Context) -> Result<&Mcp> {
    context.doors.mcp.as_ref().ok_or_else(|| Error::not_found("this server has no MCP door"))
}

fn check_session(session: &str) -> Result<()> {
    let letters = session.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if letters && SESSION_LETTERS.contains(&session.len()) {
        return Ok(());
    }
    Err(Error::invalid("`session`: not 16 to 64 letters and digits")
        .with_hint("draw it at random for each start of `infield mcp`"))
}
