//! Sandboxes: made, listed, looked at, started, stopped, deleted.

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
    body::Json(wish): body::Json<wire::CreateSandbox>,
) -> Answer<(StatusCode, Json<wire::Sandbox>)> {
    let create = convert::create_sandbox(wish)?;
    let sandbox = context.doors.engine.create_sandbox(&who, create).await?;
    Ok((StatusCode::CREATED, Json(convert::sandbox(sandbox))))
}

pub(crate) async fn list(
    State(context): State<Context>,
    Who(who): Who,
    body::Query(query): body::Query<wire::ListSandboxes>,
) -> Answer<Json<wire::Page<wire::Sandbox>>> {
    let list = convert::list_sandboxes(query)?;
    let page = context.doors.engine.list_sandboxes(&who, list).await?;
    Ok(Json(convert::page(page, convert::sandbox)))
}

pub(crate) async fn get(
    State(context): State<Context>,
    Who(who): Who,
    body::Part(reference): body::Part,
) -> Answer<Json<wire::Sandbox>> {
    let sandbox = context.doors.engine.get_sandbox(&who, &reference).await?;
    Ok(Json(convert::sandbox(sandbox)))
}

pub(crate) async fn inspect(
    State(context): State<Context>,
    Who(who): Who,
    body::Part(reference): body::Part,
) -> Answer<Json<wire::Inspection>> {
    let inspection = context.doors.engine.inspect_sandbox(&who, &reference).await?;
    Ok(Json(convert::inspection(inspection)))
}

pub(crate) async fn start(
    State(context): State<Context>,
    Who(who): Who,
    body::Part(reference): body::Part,
) -> Answer<Json<wire::Sandbox>> {
    let sandbox = context.doors.engine.start_sandbox(&who, &reference).await?;
    Ok(Json(convert::sandbox(sandbox)))
}

pub(crate) async fn stop(
    State(context): State<Context>,
    Who(who): Who,
    body::Part(reference): body::Part,
) -> Answer<Json<wire::Sandbox>> {
    let sandbox = context.doors.engine.stop_sandbox(&who, &reference).await?;
    Ok(Json(convert::sandbox(sandbox)))
}

pub(crate) async fn pause(
    State(context): State<Context>,
    Who(who): Who,
    body::Part(reference): body::Part,
) -> Answer<Json<wire::Sandbox>> {
    let sandbox = context.doors.engine.pause_sandbox(&who, &reference).await?;
    Ok(Json(convert::sandbox(sandbox)))
}

pub(crate) async fn archive(
    State(context): State<Context>,
    Who(who): Who,
    body::Part(reference): body::Part,
) -> Answer<Json<wire::Sandbox>> {
    let sandbox = context.doors.engine.archive_sandbox(&who, &reference).await?;
    Ok(Json(convert::sandbox(sandbox)))
}

pub(crate) async fn delete(
    State(context): State<Context>,
    Who(who): Who,
    body::Part(reference): body::Part,
) -> Answer<Json<wire::Sandbox>> {
    let sandbox = context.doors.engine.delete_sandbox(&who, &reference).await?;
    Ok(Json(convert::sandbox(sandbox)))
}

pub(crate) async fn set_network(
    State(context): State<Context>,
    Who(who): Who,
    body::Part(reference): body::Part,
    body::Json(wish): body::Json<wire::Network>,
) -> Answer<Json<wire::Sandbox>> {
    let choice = convert::network(&wish)?;
    let sandbox = context.doors.engine.set_network(&who, &reference, choice).await?;
    Ok(Json(convert::sandbox(sandbox)))
}

pub(crate) async fn limit_network(
    State(context): State<Context>,
    Who(who): Who,
    body::Part(reference): body::Part,
    body::Json(wish): body::Json<wire::NetworkLimits>,
) -> Answer<Json<wire::Sandbox>> {
    let ceilings = convert::ceilings(wish);
    let sandbox = context.doors.engine.limit_network(&who, &reference, ceilings).await?;
    Ok(Json(convert::sandbox(sandbox)))
}

pub(crate) async fn usage(
    State(context): State<Context>,
    Who(who): Who,
    body::Part(reference): body::Part,
) -> Answer<Json<wire::Usage>> {
    Ok(Json(context.doors.engine.sandbox_usage(&who, &reference).await?))
}

pub(crate) async fn prune(
    State(context): State<Context>,
    Who(who): Who,
    body::Json(wish): body::Json<wire::Prune>,
) -> Answer<Json<wire::Pruned>> {
    let pruned = context.doors.engine.prune(&who, convert::prune(wish)).await?;
    Ok(Json(convert::pruned(pruned)))
}
