//! What is settled about a sandbox after it was made.

use axum::Json;
use axum::extract::State;
use axum::routing::{post, put};
use http::StatusCode;
use infield_daytona::{NetworkSettings, ResizeSandbox, Sandbox, SandboxLabels};
use infield_engine::SandboxChange;

use super::body::{self, Words};
use super::convert::{self, Interval, Seen, Switch};
use crate::body::Part;
use crate::failure::Answer;
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

/// Where a change is asked for: whose words, and of which server.
struct Asked<'a> {
    context: &'a Context,
    who: &'a infield_domain::Principal,
    seen: &'a Seen,
}

impl Asked<'_> {
    async fn change(&self, reference: &str, change: SandboxChange) -> Answer<Json<Sandbox>> {
        let engine = &self.context.doors.engine;
        let sandbox = engine.change_sandbox(self.who, reference, change).await?;
        Ok(Json(convert::sandbox(sandbox, self.seen)))
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

async fn auto_stop(
    State(context): State<Context>,
    Who(who): Who,
    seen: Seen,
    Words([reference, interval]): Words<2>,
) -> Answer<Json<Sandbox>> {
    let ms = Interval::read(&interval)?.unless_zero()?;
    let asked = Asked { context: &context, who: &who, seen: &seen };
    asked.change(&reference, SandboxChange::StopAfterIdle(ms)).await
}

async fn auto_pause(
    State(context): State<Context>,
    Who(who): Who,
    seen: Seen,
    Words([reference, interval]): Words<2>,
) -> Answer<Json<Sandbox>> {
    let ms = Interval::read(&interval)?.unless_zero()?;
    let asked = Asked { context: &context, who: &who, seen: &seen };
    asked.change(&reference, SandboxChange::PauseAfterIdle(ms)).await
}

/// The contract's 0 is the longest interval.
async fn auto_archive(
    State(context): State<Context>,
    Who(who): Who,
    seen: Seen,
    Words([reference, interval]): Words<2>,
) -> Answer<Json<Sandbox>> {
    let ms = Interval::read(&interval)?.unless_zero()?;
    let asked = Asked { context: &context, who: &who, seen: &seen };
    asked.change(&reference, SandboxChange::ArchiveAfterStop(ms)).await
}

async fn auto_delete(
    State(context): State<Context>,
    Who(who): Who,
    seen: Seen,
    Words([reference, interval]): Words<2>,
) -> Answer<Json<Sandbox>> {
    let ms = Interval::read(&interval)?.unless_negative();
    let asked = Asked { context: &context, who: &who, seen: &seen };
    asked.change(&reference, SandboxChange::DeleteAfterStop(ms)).await
}

async fn time_to_live(
    State(context): State<Context>,
    Who(who): Who,
    seen: Seen,
    Words([reference, minutes]): Words<2>,
) -> Answer<Json<Sandbox>> {
    let ms = Interval::read(&minutes)?.unless_zero()?;
    let asked = Asked { context: &context, who: &who, seen: &seen };
    asked.change(&reference, SandboxChange::TimeToLive(ms)).await
}

async fn public(
    State(context): State<Context>,
    Who(who): Who,
    seen: Seen,
    Words([reference, word]): Words<2>,
) -> Answer<Json<Sandbox>> {
    let access = Switch::read("isPublic", &word)?.access();
    let asked = Asked { context: &context, who: &who, seen: &seen };
    asked.change(&reference, SandboxChange::Previews(access)).await
}

async fn resize(
    State(context): State<Context>,
    Who(who): Who,
    seen: Seen,
    Part(reference): Part,
    body::Json(wish): body::Json<ResizeSandbox>,
) -> Answer<Json<Sandbox>> {
    let change = SandboxChange::Resize(convert::resize(&wish)?);
    let asked = Asked { context: &context, who: &who, seen: &seen };
    asked.change(&reference, change).await
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
