//! Sandboxes that are held, put away, and brought back from an error.

use axum::Json;
use axum::extract::State;
use axum::routing::post;
use http::StatusCode;
use infield_daytona::Sandbox;
use infield_domain::{Error, Kind};
use infield_engine::AfterRecovery;
use serde::Deserialize;

use super::convert::{self, Seen};
use crate::body::{Part, Query};
use crate::failure::{Answer, Failure};
use crate::gate::Who;
use crate::routes::{Route, route};
use crate::serve::Context;

#[rustfmt::skip]
pub(super) const ROUTES: &[Route] = &[
    route("POST", "/sandbox/{sandboxIdOrName}/pause", || post(pause)),
    route("POST", "/sandbox/{sandboxIdOrName}/archive", || post(archive)),
    route("POST", "/sandbox/{sandboxIdOrName}/recover", || post(recover)),
];

/// What follows a recovery.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Recovery {
    skip_start: Option<String>,
}

async fn pause(
    State(context): State<Context>,
    Who(who): Who,
    seen: Seen,
    Part(reference): Part,
) -> Answer<Json<Sandbox>> {
    let sandbox = context.doors.engine.pause_sandbox(&who, &reference).await?;
    Ok(Json(convert::sandbox(sandbox, &seen)))
}

async fn archive(
    State(context): State<Context>,
    Who(who): Who,
    seen: Seen,
    Part(reference): Part,
) -> Answer<Json<Sandbox>> {
    let archived = context.doors.engine.archive_sandbox(&who, &reference).await;
    Ok(Json(convert::sandbox(archived.map_err(unfit)?, &seen)))
}

async fn recover(
    State(context): State<Context>,
    Who(who): Who,
    seen: Seen,
    Part(reference): Part,
    Query(Recovery { skip_start }): Query<Recovery>,
) -> Answer<Json<Sandbox>> {
    let then = match skip_start.as_deref() {
        Some("true") => AfterRecovery::Rest,
        Some(_) | None => AfterRecovery::Run,
    };
    let recovered = context.doors.engine.recover_sandbox(&who, &reference, then).await;
    Ok(Json(convert::sandbox(recovered.map_err(unfit)?, &seen)))
}

/// The contract answers 400 where a sandbox stands in a state without a way.
fn unfit(error: Error) -> Failure {
    let is_unfit = error.kind() == Kind::Conflict;
    let failure = Failure::from(error);
    if is_unfit { failure.under(StatusCode::BAD_REQUEST) } else { failure }
}
