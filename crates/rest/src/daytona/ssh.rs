//! Tokens that let a client of SSH into a sandbox.

use axum::Json;
use axum::extract::State;
use axum::routing;
use infield_daytona::{Sandbox, SshAccess, SshAccessValidation};
use infield_domain::Error;
use infield_engine::CreateSshAccess;

use super::convert::{self, Seen};
use crate::body::{Part, Query};
use crate::failure::Answer;
use crate::gate::Who;
use crate::routes::{Route, route};
use crate::serve::Context;

#[rustfmt::skip]
pub(super) const ROUTES: &[Route] = &[
    route("POST", "/sandbox/{sandboxIdOrName}/ssh-access", || routing::post(create)),
    route("DELETE", "/sandbox/{sandboxIdOrName}/ssh-access", || routing::delete(revoke)),
    route("GET", "/sandbox/ssh-access/validate", || routing::get(validate)),
];

async fn create(
    State(context): State<Context>,
    Who(who): Who,
    Part(reference): Part,
    Query(query): Query<Vec<(String, String)>>,
) -> Answer<Json<SshAccess>> {
    let create = CreateSshAccess { minutes: convert::ssh_minutes(&query)? };
    let made = context.doors.engine.create_ssh_access(&who, &reference, create).await?;
    Ok(Json(convert::ssh_access(made)))
}

async fn revoke(
    State(context): State<Context>,
    Who(who): Who,
    seen: Seen,
    Part(reference): Part,
    Query(query): Query<Vec<(String, String)>>,
) -> Answer<Json<Sandbox>> {
    let token = token(&query);
    let sandbox = context.doors.engine.revoke_ssh_access(&who, &reference, token).await?;
    Ok(Json(convert::sandbox(sandbox, &seen)))
}

async fn validate(
    State(context): State<Context>,
    Who(who): Who,
    Query(query): Query<Vec<(String, String)>>,
) -> Answer<Json<SshAccessValidation>> {
    let token = token(&query).ok_or_else(|| {
        Error::invalid("there is no `token` to look at").with_hint("add `?token=TOKEN`")
    })?;
    let sandbox = context.doors.engine.validate_ssh_access(&who, token).await?;
    Ok(Json(SshAccessValidation {
        valid: sandbox.is_some(),
        sandbox_id: sandbox.map_or(String::new(), |id| id.to_string()),
    }))
}

fn token(query: &[(String, String)]) -> Option<&str> {
    let given = query.iter().find(|(name, _)| name == "token");
    given.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
}
