//! Images: listed, imported from a tar stream, removed.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use infield_domain::ImageName;
use infield_domain::provider::ImageSource;

use crate::failure::Answer;
use crate::gate::Who;
use crate::serve::Context;
use crate::{body, convert, wire};

pub(crate) async fn list(
    State(context): State<Context>,
    Who(who): Who,
) -> Answer<Json<wire::Page<wire::Image>>> {
    let images = context.doors.engine.list_images(&who).await?;
    Ok(Json(convert::whole(images, |image| image)))
}

pub(crate) async fn import(
    State(context): State<Context>,
    Who(who): Who,
    body::Part(name): body::Part,
    upload: body::Upload,
) -> Answer<(StatusCode, Json<wire::Image>)> {
    let name: ImageName = name.parse()?;
    let limits = &context.doors.settings.limits;
    let archive = upload.into_stream(limits.image_bytes, limits.body_stall);
    let source = ImageSource::Archive(archive);
    let image = context.doors.engine.import_image(&who, &name, source).await?;
    Ok((StatusCode::CREATED, Json(image)))
}

pub(crate) async fn remove(
    State(context): State<Context>,
    Who(who): Who,
    body::Part(name): body::Part,
) -> Answer<Json<wire::Done>> {
    let name: ImageName = name.parse()?;
    context.doors.engine.remove_image(&who, &name).await?;
    Ok(Json(wire::Done {}))
}
