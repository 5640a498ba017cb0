//! The daemon itself: is it well, of which build, on what host, and its end.

use axum::Json;
use axum::extract::State;
use infield_engine::Shutdown;

use crate::body;
use crate::failure::Answer;
use crate::gate::Who;
use crate::serve::Context;
use crate::wire;

pub(crate) async fn health(State(context): State<Context>) -> Answer<Json<wire::Health>> {
    (context.doors.settings.health)()?;
    Ok(Json(wire::Health { status: "ok".to_owned() }))
}

pub(crate) async fn build(State(context): State<Context>, _: Who) -> Json<wire::Build> {
    Json(context.doors.settings.build.clone())
}

pub(crate) async fn shutdown(
    State(context): State<Context>,
    Who(who): Who,
    body::Json(wish): body::Json<wire::Shutdown>,
) -> Answer<Json<wire::Done>> {
    let mode = match wish.sandboxes {
        wire::ShutdownSandboxes::Keep => Shutdown::LeaveSandboxes,
        wire::ShutdownSandboxes::Stop => Shutdown::StopSandboxes,
    };
    context.doors.engine.shutdown(&who, mode).await?;
    Ok(Json(wire::Done {}))
}

pub(crate) async fn host(
    State(context): State<Context>,
    Who(who): Who,
) -> Answer<Json<wire::Host>> {
    Ok(Json(context.doors.engine.probe_host(&who).await?))
}
