//! What the server says of itself.

use axum::Json;
use axum::extract::State;
use axum::routing::get;
use serde_json::{Value, json};

use super::convert::{self, Seen};
use crate::failure::Answer;
use crate::routes::{Route, route};
use crate::serve::Context;

pub(super) const ROUTES: &[Route] =
    &[route("GET", "/config", || get(config)), route("GET", "/health/ready", || get(ready))];

/// Answers 503 with the reason while nothing can be made.
async fn ready(State(context): State<Context>) -> Answer<Json<Value>> {
    (context.doors.settings.health)()?;
    let well = json!({ "sandboxes": { "status": "up" } });
    Ok(Json(json!({ "status": "ok", "info": well, "error": {}, "details": well })))
}

/// What clients set themselves up with. There is no login and no cloud behind it.
async fn config(State(context): State<Context>, seen: Seen) -> Json<Value> {
    Json(json!({
        "version": context.doors.settings.build.version,
        "oidc": { "issuer": "", "clientId": "", "audience": "", "provider": "" },
        "linkedAccountsEnabled": false,
        "announcements": {},
        "proxyTemplateUrl": "",
        "proxyToolboxUrl": seen.toolbox(),
        "defaultSnapshot": infield_domain::ImageName::HOST,
        "dashboardUrl": "",
        "maxAutoArchiveInterval": convert::MOST_ARCHIVE_MINUTES,
        "maintananceMode": false,
        "environment": "self-hosted",
    }))
}
