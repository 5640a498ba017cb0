//! The one place where an error becomes a status and a body, and where it is logged.
//!
//! Handlers give [`Failure`]s, which travel as an extension of an empty response to [`finish`],
//! the outermost step, because only there the request's id is known.

use std::error::Error as _;
use std::sync::Arc;

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use infield_domain::{Error, Kind};

use crate::daytona::{Dialect, daytona_answer};
use crate::wire::{ErrorBody, ErrorDetail};

/// What a handler gives.
pub(crate) type Answer<T> = Result<T, Failure>;

/// A failed request.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    error: Arc<Error>,
    code: Option<&'static str>,
    status: StatusCode,
    /// What failed besides, in the same request.
    others: Arc<[String]>,
}

impl Failure {
    /// A failure that programs tell from others of its kind by `code`.
    pub(crate) fn with_code(error: Error, code: &'static str) -> Self {
        Self { code: Some(code), ..Self::from(error) }
    }

    /// A failure for which HTTP has a status of its own.
    pub(crate) fn with_status(error: Error, status: StatusCode) -> Self {
        Self::from(error).under(status)
    }

    /// The same under another status.
    pub(crate) fn under(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    /// The same, with what failed besides.
    pub(crate) fn beside(self, others: Vec<String>) -> Self {
        Self { others: others.into(), ..self }
    }

    /// What failed besides.
    pub(crate) fn others(&self) -> &[String] {
        &self.others
    }

    pub(crate) fn error(&self) -> &Error {
        &self.error
    }

    pub(crate) fn code(&self) -> Option<&'static str> {
        self.code
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let status = status(error.kind());
        Self { error: Arc::new(error), code: None, status, others: Arc::default() }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Gives a failed response its body, in the words of the API that was asked; logs the failure.
pub(crate) fn finish(mut response: Response, dialect: &Dialect, request_id: &str) -> Response {
    if let Some(failure) = response.extensions_mut().remove::<Failure>() {
        log(&failure.error);
        let (kept, _) = response.into_parts();
        response = match dialect {
            Dialect::Own => (failure.status, Json(body(&failure, request_id))).into_response(),
            Dialect::Daytona { source, method, path } => {
                daytona_answer(&failure, *source, method, path)
            }
        };
        for (name, value) in &kept.headers {
            if name != header::CONTENT_LENGTH {
                response.headers_mut().insert(name, value.clone());
            }
        }
        if kept.status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Bearer");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
        }
    }
    response
}

/// The body of an error that is told within a stream; logs it.
pub(crate) fn in_stream(error: Error, request_id: &str) -> ErrorBody {
    log(&error);
    body(&Failure::from(error), request_id)
}

/// Logs an error with its causes, which no answer holds.
pub(crate) fn log(error: &Error) {
    let mut causes = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next {
        causes.push(cause.to_string());
        next = cause.source();
    }
    let (kind, causes) = (error.kind().as_str(), causes.join(": "));
    match error.kind() {
        Kind::Internal => tracing::error!(kind, causes, "{error}"),
        Kind::Unavailable | Kind::Timeout => tracing::warn!(kind, causes, "{error}"),
        Kind::NotFound
        | Kind::Conflict
        | Kind::Invalid
        | Kind::Unauthenticated
        | Kind::Denied
        | Kind::Quota
        | Kind::Unsupported => tracing::info!(kind, causes, "{error}"),
    }
}

fn body(failure: &Failure, request_id: &str) -> ErrorBody {
    let error = ErrorDetail {
        kind: failure.error.kind().as_str().to_owned(),
        message: failure.error.message().to_owned(),
        hint: failure.error.hint().map(str::to_owned),
        code: failure.code.map(str::to_owned),
    };
    ErrorBody { error, request_id: request_id.to_owned() }
}

fn status(kind: Kind) -> StatusCode {
    match kind {
        Kind::NotFound => StatusCode::NOT_FOUND,
        Kind::Conflict => StatusCode::CONFLICT,
        Kind::Invalid => StatusCode::BAD_REQUEST,
        Kind::Unauthenticated => StatusCode::UNAUTHORIZED,
        Kind::Denied => StatusCode::FORBIDDEN,
        Kind::Quota => StatusCode::TOO_MANY_REQUESTS,
        Kind::Unsupported => StatusCode::NOT_IMPLEMENTED,
        Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Kind::Timeout => StatusCode::GATEWAY_TIMEOUT,
        Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
