//! Volumes: folders that several sandboxes share.

use axum::Json;
use axum::extract::State;
use axum::routing::{delete, get, post};
use infield_daytona::{CreateVolume, Volume};

use super::{body, convert};
use crate::body::Part;
use crate::failure::Answer;
use crate::gate::Who;
use crate::routes::{Route, route};
use crate::serve::Context;

pub(super) const ROUTES: &[Route] = &[
    route("GET", "/volumes", || get(list)),
    route("POST", "/volumes", || post(create)),
    route("GET", "/volumes/{volumeId}", || get(get_one)),
    route("DELETE", "/volumes/{volumeId}", || delete(remove)),
    route("GET", "/volumes/by-name/{name}", || get(by_name)),
];

/// What was deleted is gone, so that `includeDeleted` adds nothing.
async fn list(State(context): State<Context>, Who(who): Who) -> Answer<Json<Vec<Volume>>> {
    let volumes = context.doors.engine.list_volumes(&who).await?;
    Ok(Json(volumes.into_iter().map(convert::volume).collect()))
}

async fn create(
    State(context): State<Context>,
    Who(who): Who,
    body::Json(wish): body::Json<CreateVolume>,
) -> Answer<Json<Volume>> {
    let create = convert::create_volume(&wish)?;
    Ok(Json(convert::volume(context.doors.engine.create_volume(&who, create).await?)))
}

async fn get_one(
    State(context): State<Context>,
    Who(who): Who,
    Part(volume): Part,
) -> Answer<Json<Volume>> {
    Ok(Json(convert::volume(context.doors.engine.get_volume(&who, &volume).await?)))
}

/// Not found makes clients create it.
async fn by_name(
    State(context): State<Context>,
    Who(who): Who,
    Part(name): Part,
) -> Answer<Json<Volume>> {
    Ok(Json(convert::volume(context.doors.engine.get_volume_by_name(&who, &name).await?)))
}

async fn remove(State(context): State<Context>, Who(who): Who, Part(volume): Part) -> Answer<()> {
    context.doors.engine.delete_volume(&who, &volume).await?;
    Ok(())
}
