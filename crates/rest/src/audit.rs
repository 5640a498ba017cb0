//! The audit trail, read and recomputed.

use axum::Json;
use axum::extract::State;

use crate::failure::Answer;
use crate::gate::Who;
use crate::serve::Context;
use crate::{body, convert, wire};

pub(crate) async fn list(
    State(context): State<Context>,
    Who(who): Who,
    body::Query(query): body::Query<wire::AuditQuery>,
) -> Answer<Json<wire::Page<wire::Record>>> {
    let page = context.doors.engine.list_audit(&who, convert::audit_query(query)).await?;
    Ok(Json(convert::page(page, |record| record)))
}

pub(crate) async fn verify(
    State(context): State<Context>,
    Who(who): Who,
) -> Answer<Json<wire::AuditVerdict>> {
    let verdict = context.doors.engine.verify_audit(&who).await?;
    Ok(Json(wire::AuditVerdict { records: verdict.records, broken_at: verdict.broken_at }))
}
