//! What was done under the name of the caller's organization.

use axum::Json;
use axum::extract::State;
use axum::routing::get;
use infield_daytona::AuditPage;

use super::{accounts, convert};
use crate::body::{Part, Query};
use crate::failure::Answer;
use crate::gate::Who;
use crate::routes::{Route, route};
use crate::serve::Context;

pub(super) const ROUTES: &[Route] =
    &[route("GET", "/audit/organizations/{organizationId}", || get(list))];

async fn list(
    State(context): State<Context>,
    Who(who): Who,
    Part(id): Part,
    Query(query): Query<Vec<(String, String)>>,
) -> Answer<Json<AuditPage>> {
    accounts::own(&who, &id)?;
    let list = convert::list_own_audit(&query)?;
    let (page, limit) = (list.page, list.limit);
    let found = context.doors.engine.list_own_audit(&who, list).await?;
    Ok(Json(convert::audit_page(found, (page, limit))))
}
