//! Links to ports of a sandbox.

use axum::Json;
use axum::extract::State;
use axum::routing::{get, post};
use http::StatusCode;
use infield_daytona::{PreviewUrl, SignedPreviewUrl};
use infield_domain::preview::Change;
use infield_engine::{Lifetime, LinkPreview};

use super::body::Words;
use super::convert::{self, PortNumber};
use crate::body::Query;
use crate::failure::Answer;
use crate::gate::Who;
use crate::routes::{Route, route};
use crate::serve::Context;

#[rustfmt::skip]
pub(super) const ROUTES: &[Route] = &[
    route("GET", "/sandbox/{sandboxIdOrName}/ports/{port}/preview-url", || get(link)),
    route("GET", "/sandbox/{sandboxIdOrName}/ports/{port}/signed-preview-url", || get(signed)),
    route("POST", "/sandbox/{sandboxIdOrName}/ports/{port}/signed-preview-url/{token}/expire", || post(expire)),
];

async fn link(
    State(context): State<Context>,
    Who(who): Who,
    Words([reference, port]): Words<2>,
) -> Answer<Json<PreviewUrl>> {
    let wish = LinkPreview { port: PortNumber::read(&port)?.0, lifetime: Lifetime::Unlimited };
    let made = context.doors.engine.link_preview(&who, &reference, &wish)?;
    Ok(Json(convert::preview_url(made)?))
}

async fn signed(
    State(context): State<Context>,
    Who(who): Who,
    Words([reference, port]): Words<2>,
    Query(query): Query<Vec<(String, String)>>,
) -> Answer<Json<SignedPreviewUrl>> {
    let lifetime = convert::lifetime(&query)?;
    let wish = LinkPreview { port: PortNumber::read(&port)?.0, lifetime };
    let made = context.doors.engine.link_preview(&who, &reference, &wish)?;
    Ok(Json(convert::signed_preview_url(made)?))
}

/// Links of one port end together: what was given out beside this one ends with it.
async fn expire(
    State(context): State<Context>,
    Who(who): Who,
    Words([reference, port, _]): Words<3>,
) -> Answer<StatusCode> {
    let change = (PortNumber::read(&port)?.0, Change::Expire);
    context.doors.engine.change_preview(&who, &reference, change).await?;
    Ok(StatusCode::OK)
}
