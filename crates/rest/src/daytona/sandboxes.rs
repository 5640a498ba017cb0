//! Sandboxes: made, looked at, started, stopped, deleted.
//!
//! Every answer has the final state: an SDK that sees another one asks again each second.

use axum::Json;
use axum::extract::State;
use axum::routing;
use http::StatusCode;
use infield_daytona::{CreateSandbox, Sandbox, ToolboxProxyUrl};
use infield_domain::Kind;
use infield_engine::{is_unknown_secret, is_unknown_volume};

use super::body;
use super::convert::{self, Seen};
use super::failure::IMAGE_NOT_FOUND;
use crate::body::Part;
use crate::failure::{Answer, Failure};
use crate::gate::Who;
use crate::routes::{Route, route};
use crate::serve::Context;

#[rustfmt::skip]
pub(super) const ROUTES: &[Route] = &[
    route("POST", "/sandbox", || routing::post(create)),
    route("GET", "/sandbox/{sandboxIdOrName}", || routing::get(get)),
    route("DELETE", "/sandbox/{sandboxIdOrName}", || routing::delete(delete)),
    route("POST", "/sandbox/{sandboxIdOrName}/start", || routing::post(start)),
    route("POST", "/sandbox/{sandboxIdOrName}/stop", || routing::post(stop)),
    route("GET", "/sandbox/{sandboxId}/toolbox-proxy-url", || routing::get(toolbox_proxy_url)),
];

/// SDKs take 200 alone.
async fn create(
    State(context): State<Context>,
    Who(who): Who,
    seen: Seen,
    body::Json(wish): body::Json<CreateSandbox>,
) -> Answer<Json<Sandbox>> {
    let create = convert::create_sandbox(wish)?;
    match context.doors.engine.create_sandbox(&who, create).await {
        Ok(sandbox) => Ok(Json(convert::sandbox(sandbox, &seen))),
        // A sandbox that is not there yet cannot be what was not found: it is an image, or something
        // that the sandbox was to have.
        Err(error) if is_unknown_volume(&error) || is_unknown_secret(&error) => Err(error.into()),
        Err(error) if error.kind() == Kind::NotFound => {
            Err(Failure::with_code(error, IMAGE_NOT_FOUND).under(StatusCode::BAD_REQUEST))
        }
        Err(error) => Err(error.into()),
    }
}

async fn get(
    State(context): State<Context>,
    Who(who): Who,
    seen: Seen,
    Part(reference): Part,
) -> Answer<Json<Sandbox>> {
    let sandbox = context.doors.engine.get_sandbox(&who, &reference).await?;
    Ok(Json(convert::sandbox(sandbox, &seen)))
}

async fn start(
    State(context): State<Context>,
    Who(who): Who,
    seen: Seen,
    Part(reference): Part,
) -> Answer<Json<Sandbox>> {
    let sandbox = context.doors.engine.start_sandbox(&who, &reference).await?;
    Ok(Json(convert::sandbox(sandbox, &seen)))
}

async fn stop(
    State(context): State<Context>,
    Who(who): Who,
    seen: Seen,
    Part(reference): Part,
) -> Answer<Json<Sandbox>> {
    let sandbox = context.doors.engine.stop_sandbox(&who, &reference).await?;
    Ok(Json(convert::sandbox(sandbox, &seen)))
}

async fn delete(
    State(context): State<Context>,
    Who(who): Who,
    seen: Seen,
    Part(reference): Part,
) -> Answer<Json<Sandbox>> {
    let sandbox = context.doors.engine.delete_sandbox(&who, &reference).await?;
    Ok(Json(convert::sandbox(sandbox, &seen)))
}

async fn toolbox_proxy_url(
    State(context): State<Context>,
    Who(who): Who,
    seen: Seen,
    Part(reference): Part,
) -> Answer<Json<ToolboxProxyUrl>> {
    context.doors.engine.get_sandbox(&who, &reference).await?;
    Ok(Json(ToolboxProxyUrl { url: seen.toolbox() }))
}
