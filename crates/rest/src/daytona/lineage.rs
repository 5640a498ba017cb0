//! Where a sandbox comes from. Nothing here forks one, so that none has a parent or a child; and
//! none is built, so that none has a log of it.

use axum::Json;
use axum::extract::State;
use axum::routing::get;
use infield_daytona::Sandbox;
use infield_domain::Error;

use crate::body::Part;
use crate::failure::Answer;
use crate::gate::Who;
use crate::routes::{Route, route};
use crate::serve::Context;

#[rustfmt::skip]
pub(super) const ROUTES: &[Route] = &[
    route("GET", "/sandbox/{sandboxIdOrName}/forks", || get(nobody)),
    route("GET", "/sandbox/{sandboxIdOrName}/ancestors", || get(nobody)),
    route("GET", "/sandbox/{sandboxIdOrName}/parent", || get(parent)),
    route("GET", "/sandbox/{sandboxIdOrName}/build-logs", || get(build_logs)),
    route("GET", "/sandbox/{sandboxIdOrName}/build-logs-url", || get(build_logs)),
];

async fn nobody(
    State(context): State<Context>,
    Who(who): Who,
    Part(reference): Part,
) -> Answer<Json<Vec<Sandbox>>> {
    context.doors.engine.get_sandbox(&who, &reference).await?;
    Ok(Json(Vec::new()))
}

/// The contract has no word for none but that there is no such thing.
async fn parent(
    State(context): State<Context>,
    Who(who): Who,
    Part(reference): Part,
) -> Answer<Json<Sandbox>> {
    let sandbox = context.doors.engine.get_sandbox(&who, &reference).await?;
    let text = format!("sandbox `{}` was forked from none", sandbox.id);
    Err(Error::not_found(text).with_hint("it is the first of its line").into())
}

async fn build_logs(
    State(context): State<Context>,
    Who(who): Who,
    Part(reference): Part,
) -> Answer<Json<()>> {
    let sandbox = context.doors.engine.get_sandbox(&who, &reference).await?;
    let text = format!("sandbox `{}` was not built, and has no log of it", sandbox.id);
    Err(Error::not_found(text).with_hint("it was started from an image that is there").into())
}
