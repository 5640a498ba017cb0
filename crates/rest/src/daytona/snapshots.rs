//! Snapshots: the images that sandboxes are started from.

use axum::Json;
use axum::extract::State;
use axum::routing::get;
use infield_daytona::{NumberedPage, Snapshot};

use super::convert;
use crate::body::{Part, Query};
use crate::failure::Answer;
use crate::gate::Who;
use crate::routes::{Route, route};
use crate::serve::Context;

pub(super) const ROUTES: &[Route] =
    &[route("GET", "/snapshots", || get(list)), route("GET", "/snapshots/{id}", || get(get_one))];

async fn list(
    State(context): State<Context>,
    Who(who): Who,
    Query(query): Query<Vec<(String, String)>>,
) -> Answer<Json<NumberedPage<Snapshot>>> {
    let images = context.doors.engine.list_images(&who).await?;
    Ok(Json(convert::list_snapshots(images, &query)?))
}

async fn get_one(
    State(context): State<Context>,
    Who(who): Who,
    Part(name): Part,
) -> Answer<Json<Snapshot>> {
    let images = context.doors.engine.list_images(&who).await?;
    Ok(Json(convert::one_snapshot(images, &name)?))
}
