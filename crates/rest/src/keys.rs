//! Keys: made, listed, revoked.

use axum::Json;
use axum::extract::State;
use http::StatusCode;

use crate::failure::Answer;
use crate::gate::Who;
use crate::serve::Context;
use crate::{body, convert, wire};

pub(crate) async fn create(
    State(context): State<Context>,
    Who(who): Who,
    body::Json(wish): body::Json<wire::CreateKey>,
) -> Answer<(StatusCode, Json<wire::KeyMade>)> {
    let made = context.doors.engine.create_key(&who, convert::create_key(wish)).await?;
    Ok((StatusCode::CREATED, Json(convert::key_made(made))))
}

pub(crate) async fn list(
    State(context): State<Context>,
    Who(who): Who,
) -> Answer<Json<wire::Page<wire::Key>>> {
    let keys = context.doors.engine.list_keys(&who).await?;
    Ok(Json(convert::whole(keys, convert::key)))
}

pub(crate) async fn revoke(
    State(context): State<Context>,
    Who(who): Who,
    body::Part(reference): body::Part,
) -> Answer<Json<wire::Key>> {
    let key = context.doors.engine.revoke_key(&who, &reference).await?;
    Ok(Json(convert::key(key)))
}
