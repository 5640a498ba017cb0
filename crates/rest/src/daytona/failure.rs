//! Errors in the words of Daytona's SDKs.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{Method, StatusCode};
use infield_daytona::{ErrorBody, Source};
use infield_domain::Kind;

use crate::failure::Failure;

/// The code of a route that is not built.
pub(super) const NOT_IMPLEMENTED: &str = "NOT_IMPLEMENTED";
/// The code of a route that is for the runners of a cloud.
pub(super) const RUNNERS_ONLY: &str = "RUNNERS_ONLY";
/// The code of a sandbox that is asked for with an image that nobody imported.
pub(super) const IMAGE_NOT_FOUND: &str = "IMAGE_NOT_FOUND";
/// The code of a command that took too long.
pub(super) const PROCESS_EXECUTION_TIMEOUT: &str = "PROCESS_EXECUTION_TIMEOUT";
/// The code of a session whose shell has ended.
pub(super) const SESSION_ENDED: &str = "SESSION_ENDED";
/// The code of input for a command that takes none any more.
pub(super) const COMMAND_ALREADY_COMPLETED: &str = "COMMAND_ALREADY_COMPLETED";
/// The code of a language server that does not run, or that the sandbox does not have.
pub(super) const LSP_SERVER_NOT_INITIALIZED: &str = "LSP_SERVER_NOT_INITIALIZED";

/// The one route below `/api` that is ours.
const HEALTH: &str = "/api/health";

/// Whose words the answer to a request uses.
pub(crate) enum Dialect {
    /// Our own.
    Own,
    /// Daytona's.
    Daytona { source: Source, method: Method, path: String },
}

impl Dialect {
    /// That of the API which a path belongs to.
    pub(crate) fn of(method: &Method, path: &str) -> Self {
        // What every client asks, before it says whose API it speaks.
        if path == HEALTH {
            return Self::Own;
        }
        let source = match path.split('/').nth(1) {
            Some("api") => Source::DaytonaApi,
            Some("toolbox") => Source::DaytonaDaemon,
            Some(_) | None => return Self::Own,
        };
        Self::Daytona { source, method: method.clone(), path: path.to_owned() }
    }
}

/// The answer to a request of this source that failed.
pub(crate) fn answer(failure: &Failure, source: Source, method: &Method, path: &str) -> Response {
    let status = status(failure, source);
    let message = match failure.error().hint() {
        Some(hint) => format!("{}; {hint}", failure.error().message()),
        None => failure.error().message().to_owned(),
    };
    let body = ErrorBody {
        status_code: status.as_u16(),
        // Python reads nothing else of an upload that failed.
        errors: path.ends_with("/files/bulk-upload").then(|| {
            std::iter::once(message.clone()).chain(failure.others().iter().cloned()).collect()
        }),
        message,
        error: status.canonical_reason().unwrap_or_default().to_owned(),
        code: failure.code().map_or_else(|| code(failure.error().kind()), str::to_owned),
        source,
        path: path.to_owned(),
        method: method.to_string(),
        timestamp: jiff::Timestamp::now().to_string(),
    };
    (status, Json(body)).into_response()
}

/// Commands that take too long have a status of their own here, which the exception's class
/// depends on.
fn status(failure: &Failure, source: Source) -> StatusCode {
    match (failure.error().kind(), source) {
        (Kind::Timeout, Source::DaytonaDaemon) => StatusCode::REQUEST_TIMEOUT,
        _ => failure.status(),
    }
}

fn code(kind: Kind) -> String {
    kind.as_str().to_ascii_uppercase()
}
