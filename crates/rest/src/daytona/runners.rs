//! What the runners of a Daytona cloud ask their control plane. There are none here: this server
//! makes its sandboxes itself.

use axum::routing::{get, put};
use infield_domain::Error;

use super::failure::RUNNERS_ONLY;
use crate::failure::{Answer, Failure};
use crate::gate::Who;
use crate::routes::{Route, route};

pub(super) const ROUTES: &[Route] = &[
    route("GET", "/sandbox/for-runner", || get(refuse)),
    route("PUT", "/sandbox/{sandboxId}/state", || put(refuse)),
];

async fn refuse(Who(_): Who) -> Answer<()> {
    let error = Error::denied("only the runners of a Daytona cloud may ask for this")
        .with_hint("`GET /sandbox` lists sandboxes, and `/start` and `/stop` move one");
    Err(Failure::with_code(error, RUNNERS_ONLY))
}
