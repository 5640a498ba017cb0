//! Every route: one table, from which the router is built and against which `docs/api.md` is held.

use axum::extract::{Request, State};
use axum::routing::{MethodRouter, any, delete, get, post, put};
use axum::{Router, middleware};
use http::StatusCode;
use infield_domain::Error;

use crate::daytona::with_daytona;
use crate::failure::{Answer, Failure};
use crate::hint;
use crate::serve::Context;
use crate::{
    audit, daemon, files, gate, images, keys, mcp, membership, organizations, ports, running,
    sandboxes, secrets, volumes,
};

#[cfg(test)]
mod tests;

/// One route.
pub struct Route {
    /// The method, or `ANY`.
    pub method: &'static str,
    /// The path; a part in braces stands for any text without a slash, percent-encoded.
    pub path: &'static str,
    handler: fn() -> MethodRouter<Context>,
}

impl Route {
    pub(crate) fn handler(&self) -> MethodRouter<Context> {
        (self.handler)()
    }
}

pub(crate) const fn route(
    method: &'static str,
    path: &'static str,
    handler: fn() -> MethodRouter<Context>,
) -> Route {
    Route { method, path, handler }
}

/// Every route there is.
#[rustfmt::skip]
pub const ROUTES: &[Route] = &[
    route("GET", "/api/health", || get(daemon::health)),
    route("ANY", "/mcp", || any(mcp::http)),
    route("POST", "/langswarm", || post(mcp::plain)),
    route("GET", "/langswarm/schema", || get(mcp::schema)),
    route("GET", "/v1/build", || get(daemon::build)),
    route("POST", "/v1/shutdown", || post(daemon::shutdown)),
    route("GET", "/v1/host", || get(daemon::host)),
    route("POST", "/v1/prune", || post(sandboxes::prune)),
    route("POST", "/v1/sandboxes", || post(sandboxes::create)),
    route("GET", "/v1/sandboxes", || get(sandboxes::list)),
    route("GET", "/v1/sandboxes/{ref}", || get(sandboxes::get)),
    route("DELETE", "/v1/sandboxes/{ref}", || delete(sandboxes::delete)),
    route("GET", "/v1/sandboxes/{ref}/inspection", || get(sandboxes::inspect)),
    route("POST", "/v1/sandboxes/{ref}/start", || post(sandboxes::start)),
    route("POST", "/v1/sandboxes/{ref}/stop", || post(sandboxes::stop)),
    route("POST", "/v1/sandboxes/{ref}/pause", || post(sandboxes::pause)),
    route("POST", "/v1/sandboxes/{ref}/archive", || post(sandboxes::archive)),
    route("GET", "/v1/sandboxes/{ref}/usage", || get(sandboxes::usage)),
    route("PUT", "/v1/sandboxes/{ref}/secrets", || put(secrets::give)),
    route("PUT", "/v1/sandboxes/{ref}/network", || put(sandboxes::set_network)),
    route("GET", "/v1/sandboxes/{ref}/ports", || get(ports::list)),
    route("PUT", "/v1/sandboxes/{ref}/ports/{port}", || put(ports::change)),
    route("POST", "/v1/sandboxes/{ref}/ports/{port}/link", || post(ports::link)),
    route("POST", "/v1/sandboxes/{ref}/ports/{port}/expire", || post(ports::expire)),
    route("POST", "/v1/sandboxes/{ref}/ports/{port}/connect", || post(ports::connect)),
    route("PUT", "/v1/sandboxes/{ref}/network/limits", || put(sandboxes::limit_network)),
    route("PUT", "/v1/sandboxes/{ref}/networks/{network}", || put(membership::join)),
    route("DELETE", "/v1/sandboxes/{ref}/networks/{network}", || delete(membership::leave)),
    route("POST", "/v1/run", || post(running::run)),
    route("POST", "/v1/sandboxes/{ref}/executions", || post(running::execute)),
    route("GET", "/v1/sandboxes/{ref}/executions", || get(running::list)),
    route("GET", "/v1/executions/{id}", || get(running::get)),
    route("DELETE", "/v1/executions/{id}", || delete(running::stop)),
    route("GET", "/v1/executions/{id}/output", || get(running::output)),
    route("POST", "/v1/executions/{id}/attach", || post(running::attach)),
    route("POST", "/v1/executions/{id}/signal", || post(running::signal)),
    route("GET", "/v1/sandboxes/{ref}/file", || get(files::read)),
    route("PUT", "/v1/sandboxes/{ref}/file", || put(files::write)),
    route("DELETE", "/v1/sandboxes/{ref}/file", || delete(files::delete)),
    route("POST", "/v1/sandboxes/{ref}/files/list", || post(files::list)),
    route("POST", "/v1/sandboxes/{ref}/files/stat", || post(files::stat)),
    route("POST", "/v1/sandboxes/{ref}/files/edit", || post(files::edit)),
    route("POST", "/v1/sandboxes/{ref}/files/move", || post(files::move_file)),
    route("POST", "/v1/sandboxes/{ref}/files/mkdir", || post(files::make_directory)),
    route("POST", "/v1/sandboxes/{ref}/files/search", || post(files::search)),
    route("GET", "/v1/sandboxes/{ref}/tree", || get(files::download_tree)),
    route("PUT", "/v1/sandboxes/{ref}/tree", || put(files::upload_tree)),
    route("POST", "/v1/sandboxes/{ref}/git", || post(files::git)),
    route("POST", "/v1/intent", || post(mcp::intent)),
    route("GET", "/v1/images", || get(images::list)),
    route("PUT", "/v1/images/{name}", || put(images::import)),
    route("DELETE", "/v1/images/{name}", || delete(images::remove)),
    route("GET", "/v1/keys", || get(keys::list)),
    route("POST", "/v1/keys", || post(keys::create)),
    route("DELETE", "/v1/keys/{id}", || delete(keys::revoke)),
    route("GET", "/v1/organizations", || get(organizations::list)),
    route("POST", "/v1/organizations", || post(organizations::create)),
    route("DELETE", "/v1/organizations/{name}", || delete(organizations::remove)),
    route("GET", "/v1/secrets", || get(secrets::list)),
    route("PUT", "/v1/secrets/{name}", || put(secrets::set)),
    route("DELETE", "/v1/secrets/{name}", || delete(secrets::remove)),
    route("GET", "/v1/volumes", || get(volumes::list)),
    route("POST", "/v1/volumes", || post(volumes::create)),
    route("GET", "/v1/volumes/{ref}", || get(volumes::inspect)),
    route("DELETE", "/v1/volumes/{ref}", || delete(volumes::remove)),
    route("GET", "/v1/audit", || get(audit::list)),
    route("GET", "/v1/audit/verify", || get(audit::verify)),
    route("POST", "/v1/mcp", || post(mcp::pipe)),
    route("POST", "/v1/mcp/folders", || post(mcp::folders)),
];

/// The router, behind the gate.
pub(crate) fn router(context: Context) -> Router {
    let mut router = Router::new();
    for route in ROUTES {
        router = router.route(route.path, route.handler());
    }
    with_daytona(router)
        .fallback(unknown)
        .method_not_allowed_fallback(wrong_method)
        .layer(middleware::from_fn_with_state(context.clone(), gate::enter))
        .with_state(context)
}

async fn unknown(State(_): State<Context>, request: Request) -> Answer<()> {
    let path = request.uri().path();
    let error = Error::not_found(format!("there is no route `{}`", hint::shown(path)));
    let near = hint::nearest(path, ROUTES.iter().map(|route| route.path));
    Err(error
        .with_hint(match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => "the routes begin with `/v1`, and `docs/api.md` lists them".to_owned(),
        })
        .into())
}

async fn wrong_method(State(_): State<Context>, request: Request) -> Failure {
    let method = request.method();
    let error = Error::invalid(format!("this route does not know the method `{method}`"))
        .with_hint("the header `Allow` lists the methods that it knows");
    Failure::with_status(error, StatusCode::METHOD_NOT_ALLOWED)
}
