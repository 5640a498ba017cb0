//! Every route of both specifications, built or not.

use axum::Router;
use axum::routing::{MethodFilter, on};
use http::Method;
use infield_domain::Error;

use super::{
    accounts, changes, failure, keys, later, lineage, listing, previews, runners, sandboxes,
    secrets, server, signed, snapshots, socket, ssh, states, toolbox, trail, volumes,
};
use crate::failure::{Answer, Failure};
use crate::routes::Route;
use crate::serve::Context;

#[cfg(test)]
mod tests;

/// The control API, below `/api`, family by family. `/api/health` is among our own.
pub const API_ROUTES: &[&[Route]] = &[
    server::ROUTES,
    sandboxes::ROUTES,
    states::ROUTES,
    socket::ROUTES,
    listing::ROUTES,
    changes::ROUTES,
    previews::ROUTES,
    signed::ROUTES,
    ssh::ROUTES,
    snapshots::ROUTES,
    volumes::ROUTES,
    secrets::ROUTES,
    runners::ROUTES,
    accounts::ROUTES,
    trail::ROUTES,
    lineage::ROUTES,
    keys::ROUTES,
];

/// The toolbox of each sandbox, below `/toolbox/{sandboxId}`.
pub const TOOLBOX_ROUTES: &[&[Route]] = &[
    toolbox::environment::ROUTES,
    toolbox::execute::ROUTES,
    toolbox::sessions::ROUTES,
    toolbox::terminals::ROUTES,
    toolbox::interpreters::ROUTES,
    toolbox::files::ROUTES,
    toolbox::transfer::ROUTES,
    toolbox::git::ROUTES,
    toolbox::lsp::ROUTES,
    toolbox::system::ROUTES,
];

/// Routes of the control API that are specified and not built: method and path.
pub const API_LATER: &[(&str, &str)] = later::API;

/// The same of the toolbox.
pub const TOOLBOX_LATER: &[(&str, &str)] = later::TOOLBOX;

/// Adds both APIs to a router.
pub(crate) fn with_daytona(mut router: Router<Context>) -> Router<Context> {
    let apis = [
        ("/api", API_ROUTES, later::API),
        ("/toolbox/{sandboxId}", TOOLBOX_ROUTES, later::TOOLBOX),
    ];
    for (base, built, later) in apis {
        for route in built.iter().copied().flatten() {
            router = router.route(&pattern(base, route.path), route.handler());
        }
        for (method, path) in later {
            let filter = Method::from_bytes(method.as_bytes())
                .ok()
                .and_then(|method| MethodFilter::try_from(method).ok())
                .expect("the table has methods of HTTP");
            router = router.route(&pattern(base, path), on(filter, not_built));
        }
    }
    router
}

/// The router wants one name for what different routes have at one place: here, its number.
fn pattern(base: &str, path: &str) -> String {
    let part = |(at, part): (usize, &str)| match part.strip_prefix('{') {
        Some(_) => format!("{{{at}}}"),
        None => part.to_owned(),
    };
    format!("{base}{path}").split('/').enumerate().map(part).collect::<Vec<_>>().join("/")
}

async fn not_built() -> Answer<()> {
    let error = Error::unsupported("this server does not have this route yet")
        .with_hint("`docs/compatibility.md` lists what it has");
    Err(Failure::with_code(error, failure::NOT_IMPLEMENTED))
}
