//! Named networks: a sandbox joins one, and leaves it.

use axum::Json;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::request::Parts;
use infield_domain::{Error, NetworkName};

use crate::failure::{Answer, Failure};
use crate::gate::Who;
use crate::serve::Context;
use crate::{convert, wire};

/// The two parts of the path: a sandbox and a named network.
pub(crate) struct Place(String, NetworkName);

impl<S: Send + Sync> FromRequestParts<S> for Place {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Answer<Self> {
        let path = Path::<(String, String)>::from_request_parts(parts, state).await;
        let Ok(Path((reference, network))) = path else {
            return Err(Error::invalid("a name in the path is not UTF-8").into());
        };
        Ok(Self(reference, convert::network_name(&network)?))
    }
}

pub(crate) async fn join(
    State(context): State<Context>,
    Who(who): Who,
    Place(reference, network): Place,
) -> Answer<Json<wire::Sandbox>> {
    let sandbox = context.doors.engine.join_network(&who, &reference, network).await?;
    Ok(Json(convert::sandbox(sandbox)))
}

pub(crate) async fn leave(
    State(context): State<Context>,
    Who(who): Who,
    Place(reference, network): Place,
) -> Answer<Json<wire::Sandbox>> {
    let sandbox = context.doors.engine.leave_network(&who, &reference, network).await?;
    Ok(Json(convert::sandbox(sandbox)))
}
