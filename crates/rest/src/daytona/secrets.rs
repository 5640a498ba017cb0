//! Secrets: values that sandboxes can use and never have. None of these answers has one.

use axum::Json;
use axum::extract::State;
use axum::routing;
use http::StatusCode;
use infield_daytona as wire;
use infield_domain::secret::Value;

use super::body;
use super::convert::{self, ListSecrets, Seen};
use crate::body::{Part, Query};
use crate::failure::Answer;
use crate::gate::Who;
use crate::routes::{Route, route};
use crate::serve::Context;

#[rustfmt::skip]
pub(super) const ROUTES: &[Route] = &[
    route("POST", "/secret", || routing::post(create)),
    route("GET", "/secret", || routing::get(list)),
    route("GET", "/secret/paginated", || routing::get(page)),
    route("GET", "/secret/{secretId}", || routing::get(get)),
    route("PATCH", "/secret/{secretId}", || routing::patch(update)),
    route("DELETE", "/secret/{secretId}", || routing::delete(delete)),
    route("GET", "/sandbox/{sandboxId}/secrets", || routing::get(held)),
    route("PUT", "/sandbox/{sandboxIdOrName}/secrets", || routing::put(give)),
];

async fn create(
    State(context): State<Context>,
    Who(who): Who,
    body::Json(wish): body::Json<wire::CreateSecret<Value>>,
) -> Answer<(StatusCode, Json<wire::Secret>)> {
    let create = convert::create_secret(wish)?;
    let secret = context.doors.engine.create_secret(&who, create).await?;
    Ok((StatusCode::CREATED, Json(convert::secret(secret))))
}

async fn list(State(context): State<Context>, Who(who): Who) -> Answer<Json<Vec<wire::Secret>>> {
    let secrets = context.doors.engine.list_secrets(&who).await?;
    Ok(Json(secrets.into_iter().map(convert::secret).collect()))
}

async fn page(
    State(context): State<Context>,
    Who(who): Who,
    Query(list): Query<ListSecrets>,
) -> Answer<Json<wire::SecretPage>> {
    let secrets = context.doors.engine.list_secrets(&who).await?;
    Ok(Json(convert::secret_page(secrets, list)?))
}

async fn get(
    State(context): State<Context>,
    Who(who): Who,
    Part(secret): Part,
) -> Answer<Json<wire::Secret>> {
    Ok(Json(convert::secret(context.doors.engine.get_secret(&who, &secret).await?)))
}

async fn update(
    State(context): State<Context>,
    Who(who): Who,
    Part(secret): Part,
    body::Json(wish): body::Json<wire::UpdateSecret<Value>>,
) -> Answer<Json<wire::Secret>> {
    let change = convert::change_secret(wish)?;
    Ok(Json(convert::secret(context.doors.engine.change_secret(&who, &secret, change).await?)))
}

async fn delete(
    State(context): State<Context>,
    Who(who): Who,
    Part(secret): Part,
) -> Answer<StatusCode> {
    context.doors.engine.remove_secret(&who, &secret).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn held(
    State(context): State<Context>,
    Who(who): Who,
    Part(sandbox): Part,
) -> Answer<Json<Vec<wire::SandboxSecret>>> {
    let held = context.doors.engine.sandbox_secrets(&who, &sandbox).await?;
    Ok(Json(held.into_iter().map(convert::held_secret).collect()))
}

/// What is taken away can be used no more when this is answered.
async fn give(
    State(context): State<Context>,
    Who(who): Who,
    seen: Seen,
    Part(sandbox): Part,
    body::Json(wish): body::Json<wire::UpdateSandboxSecrets>,
) -> Answer<Json<wire::Sandbox>> {
    let wanted = convert::wanted_secrets(&wish.secrets)?;
    let sandbox = context.doors.engine.give_secrets(&who, &sandbox, &wanted).await?;
    Ok(Json(convert::sandbox((*sandbox).clone(), &seen)))
}
