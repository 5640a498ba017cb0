//! Volumes: made, listed, looked at, deleted.

use axum::Json;
use axum::extract::State;

use crate::failure::Answer;
use crate::gate::Who;
use crate::serve::Context;
use crate::{body, convert, wire};

pub(crate) async fn create(
    State(context): State<Context>,
    Who(who): Who,
    body::Json(wish): body::Json<wire::CreateVolume>,
) -> Answer<Json<wire::Volume>> {
    let create = convert::create_volume(&wish)?;
    let volume = context.doors.engine.create_volume(&who, create).await?;
    Ok(Json(convert::volume(volume)))
}

pub(crate) async fn list(
    State(context): State<Context>,
    Who(who): Who,
) -> Answer<Json<wire::Page<wire::Volume>>> {
    let volumes = context.doors.engine.list_volumes(&who).await?;
    Ok(Json(convert::whole(volumes, convert::volume)))
}

pub(crate) async fn inspect(
    State(context): State<Context>,
    Who(who): Who,
    body::Part(reference): body::Part,
) -> Answer<Json<wire::VolumeInspection>> {
    let inspection = context.doors.engine.inspect_volume(&who, &reference).await?;
    Ok(Json(convert::volume_inspection(inspection)))
}

pub(crate) async fn remove(
    State(context): State<Context>,
    Who(who): Who,
    body::Part(reference): body::Part,
) -> Answer<Json<wire::Volume>> {
    let volume = context.doors.engine.delete_volume(&who, &reference).await?;
    Ok(Json(convert::volume(volume)))
}
