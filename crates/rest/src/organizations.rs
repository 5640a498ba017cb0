//! Organizations: made, listed, removed.

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
    body::Json(wish): body::Json<wire::CreateOrganization>,
) -> Answer<(StatusCode, Json<wire::Organization>)> {
    let made = context.doors.engine.create_organization(&who, &wish.name).await?;
    Ok((StatusCode::CREATED, Json(made)))
}

pub(crate) async fn list(
    State(context): State<Context>,
    Who(who): Who,
) -> Answer<Json<wire::Page<wire::Organization>>> {
    let all = context.doors.engine.list_organizations(&who).await?;
    Ok(Json(convert::whole(all, std::convert::identity)))
}

pub(crate) async fn remove(
    State(context): State<Context>,
    Who(who): Who,
    body::Part(name): body::Part,
) -> Answer<Json<wire::Organization>> {
    Ok(Json(context.doors.engine.remove_organization(&who, &name).await?))
}
