//! Secrets: set, listed, given to sandboxes, removed. A value comes in, and never goes out.

use axum::Json;
use axum::extract::State;

use crate::failure::Answer;
use crate::gate::Who;
use crate::serve::Context;
use crate::{body, convert, wire};

pub(crate) async fn set(
    State(context): State<Context>,
    Who(who): Who,
    body::Part(name): body::Part,
    body::Json(wish): body::Json<wire::SetSecret>,
) -> Answer<Json<wire::Secret>> {
    let set = convert::set_secret(&name, wish)?;
    let secret = context.doors.engine.set_secret(&who, set).await?;
    Ok(Json(convert::secret(secret)))
}

pub(crate) async fn list(
    State(context): State<Context>,
    Who(who): Who,
) -> Answer<Json<wire::Page<wire::Secret>>> {
    let secrets = context.doors.engine.list_secrets(&who).await?;
    Ok(Json(convert::whole(secrets, convert::secret)))
}

pub(crate) async fn remove(
    State(context): State<Context>,
    Who(who): Who,
    body::Part(name): body::Part,
) -> Answer<Json<wire::Secret>> {
    let secret = context.doors.engine.remove_secret(&who, &name).await?;
    Ok(Json(convert::secret(secret)))
}

/// What a sandbox had and is not given is taken away.
pub(crate) async fn give(
    State(context): State<Context>,
    Who(who): Who,
    body::Part(sandbox): body::Part,
    body::Json(wish): body::Json<wire::GiveSecrets>,
) -> Answer<Json<wire::Sandbox>> {
    let wanted = convert::wanted_secrets(&wish.secrets)?;
    let sandbox = context.doors.engine.give_secrets(&who, &sandbox, &wanted).await?;
    Ok(Json(convert::sandbox((*sandbox).clone())))
}
