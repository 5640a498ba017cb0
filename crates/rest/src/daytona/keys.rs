//! API keys of the caller's organization.

use axum::Json;
use axum::extract::State;
use axum::routing::{delete, get, post};
use http::StatusCode;
use infield_daytona::{ApiKey, ApiKeyMade, CreateApiKey};
use infield_domain::Error;

use super::body::{self, Words};
use super::convert;
use crate::body::Part;
use crate::failure::Answer;
use crate::gate::Who;
use crate::routes::{Route, route};
use crate::serve::Context;

pub(super) const ROUTES: &[Route] = &[
    route("POST", "/api-keys", || post(create)),
    route("GET", "/api-keys", || get(list)),
    route("GET", "/api-keys/current", || get(current)),
    route("GET", "/api-keys/{name}", || get(get_one)),
    route("DELETE", "/api-keys/{name}", || delete(revoke)),
    route("DELETE", "/api-keys/{userId}/{name}", || delete(revoke_of)),
];

async fn create(
    State(context): State<Context>,
    Who(who): Who,
    body::Json(wish): body::Json<CreateApiKey>,
) -> Answer<(StatusCode, Json<ApiKeyMade>)> {
    let create = convert::create_key(wish)?;
    let made = context.doors.engine.create_own_key(&who, create).await?;
    Ok((StatusCode::CREATED, Json(convert::api_key_made(made))))
}

async fn list(State(context): State<Context>, Who(who): Who) -> Answer<Json<Vec<ApiKey>>> {
    let keys = context.doors.engine.list_own_keys(&who).await?;
    Ok(Json(keys.into_iter().map(convert::api_key).collect()))
}

async fn current(State(context): State<Context>, Who(who): Who) -> Answer<Json<ApiKey>> {
    Ok(Json(convert::api_key(context.doors.engine.current_key(&who).await?)))
}

async fn get_one(
    State(context): State<Context>,
    Who(who): Who,
    Part(name): Part,
) -> Answer<Json<ApiKey>> {
    Ok(Json(convert::api_key(context.doors.engine.get_own_key(&who, &name).await?)))
}

async fn revoke(
    State(context): State<Context>,
    Who(who): Who,
    Part(name): Part,
) -> Answer<StatusCode> {
    context.doors.engine.revoke_own_key(&who, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// There is one user, who is called like the organization.
async fn revoke_of(
    State(context): State<Context>,
    Who(who): Who,
    Words([user, name]): Words<2>,
) -> Answer<StatusCode> {
    if user != who.owner {
        let shown = crate::hint::shown(&user);
        return Err(Error::not_found(format!("there is no user `{shown}`"))
            .with_hint("`GET /api/users/me` says who you are")
            .into());
    }
    context.doors.engine.revoke_own_key(&who, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}
