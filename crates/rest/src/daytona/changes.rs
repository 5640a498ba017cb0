//! What is settled about a sandbox after it was made.

use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::routing::{post, put};
use http::StatusCode;
use http::request::Parts;
use infield_daytona::{NetworkSettings, ResizeSandbox, Sandbox, SandboxLabels};
use infield_domain::Principal;
use infield_engine::SandboxChange;

use super::body::{self, Words};
use super::convert::{self, Interval, Seen, Switch};
use crate::body::Part;
use crate::failure::{Answer, Failure};
use crate::gate::Who;
use crate::routes::{Route, route};
use crate::serve::Context;

#[rustfmt::skip]
pub(super) const ROUTES: &[Route] = &[
    route("PUT", "/sandbox/{sandboxIdOrName}/labels", || put(labels)),
    route("POST", "/sandbox/{sandboxIdOrName}/autostop/{interval}", || post(auto_stop)),
    route("POST", "/sandbox/{sandboxIdOrName}/autopause/{interval}", || post(auto_pause)),
    route("POST", "/sandbox/{sandboxIdOrName}/autoarchive/{interval}", || post(auto_archive)),
    route("POST", "/sandbox/{sandboxIdOrName}/autodelete/{interval}", || post(auto_delete)),
    route("POST", "/sandbox/{sandboxIdOrName}/ttl/{ttlMinutes}", || post(time_to_live)),
    route("POST", "/sandbox/{sandboxIdOrName}/public/{isPublic}", || post(public)),
    route("POST", "/sandbox/{sandboxIdOrName}/resize", || post(resize)),
    route("POST", "/sandbox/{sandboxIdOrName}/network-settings", || post(network)),
    route("POST", "/sandbox/{sandboxId}/last-activity", || post(last_activity)),
];

/// A change that the path says whole: of which sandbox, and to what.
struct Asked {
    context: Context,
    who: Principal,
    seen: Seen,
    sandbox: String,
    to: String,
}

impl FromRequestParts<Context> for Asked {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, context: &Context) -> Answer<Self> {
        let Who(who) = Who::from_request_parts(parts, context).await?;
        let seen = Seen::from_request_parts(parts, context).await?;
        let Words([sandbox, to]) = Words::from_request_parts(parts, context).await?;
        Ok(Self { context: context.clone(), who, seen, sandbox, to })
    }
}

impl Asked {
    async fn change(self, change: SandboxChange) -> Answer<Json<Sandbox>> {
        let engine = &self.context.doors.engine;
        let sandbox = engine.change_sandbox(&self.who, &self.sandbox, change).await?;
        Ok(Json(convert::sandbox(sandbox, &self.seen)))
    }
}

/// SDKs take the labels of the answer for theirs.
async fn labels(
    State(context): State<Context>,
    Who(who): Who,
    Part(reference): Part,
    body::Json(SandboxLabels { labels }): body::Json<SandboxLabels>,
) -> Answer<Json<SandboxLabels>> {
    let change = SandboxChange::Labels(labels);
    let sandbox = context.doors.engine.change_sandbox(&who, &reference, change).await?;
    Ok(Json(SandboxLabels { labels: sandbox.spec.labels }))
}

async fn auto_stop(asked: Asked) -> Answer<Json<Sandbox>> {
    let ms = Interval::read(&asked.to)?.unless_zero()?;
    asked.change(SandboxChange::StopAfterIdle(ms)).await
}

async fn auto_pause(asked: Asked) -> Answer<Json<Sandbox>> {
    let ms = Interval::read(&asked.to)?.unless_zero()?;
    asked.change(SandboxChange::PauseAfterIdle(ms)).await
}

/// The contract's 0 is the longest interval.
async fn auto_archive(asked: Asked) -> Answer<Json<Sandbox>> {
    let ms = Interval::read(&asked.to)?.unless_zero()?;
    asked.change(SandboxChange::ArchiveAfterStop(ms)).await
}

async fn auto_delete(asked: Asked) -> Answer<Json<Sandbox>> {
    let ms = Interval::read(&asked.to)?.unless_negative();
    asked.change(SandboxChange::DeleteAfterStop(ms)).await
}

async fn time_to_live(asked: Asked) -> Answer<Json<Sandbox>> {
    let ms = Interval::read(&asked.to)?.unless_zero()?;
    asked.change(SandboxChange::TimeToLive(ms)).await
}

async fn public(asked: Asked) -> Answer<Json<Sandbox>> {
    let access = Switch::read("isPublic", &asked.to)?.access();
    asked.change(SandboxChange::Previews(access)).await
}

async fn resize(
    State(context): State<Context>,
    Who(who): Who,
    seen: Seen,
    Part(reference): Part,
    body::Json(wish): body::Json<ResizeSandbox>,
) -> Answer<Json<Sandbox>> {
    let change = SandboxChange::Resize(convert::resize(&wish)?);
    let sandbox = context.doors.engine.change_sandbox(&who, &reference, change).await?;
    Ok(Json(convert::sandbox(sandbox, &seen)))
}

async fn network(
    State(context): State<Context>,
    Who(who): Who,
    seen: Seen,
    Part(reference): Part,
    body::Json(wish): body::Json<NetworkSettings>,
) -> Answer<Json<Sandbox>> {
    let choice = convert::set_network(&wish)?;
    let sandbox = context.doors.engine.set_network(&who, &reference, choice).await?;
    Ok(Json(convert::sandbox(sandbox, &seen)))
}

async fn last_activity(
    State(context): State<Context>,
    Who(who): Who,
    Part(reference): Part,
) -> Answer<StatusCode> {
    context.doors.engine.touch_sandbox(&who, &reference).await?;
    Ok(StatusCode::CREATED)
}
