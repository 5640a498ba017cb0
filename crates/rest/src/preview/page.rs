//! What visitors are told instead of an answer from inside: a plain page, and never a redirect.

use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use http_body_util::{BodyExt, Full};
use infield_domain::{Error, Kind};

use super::{Body, Response};
use crate::failure;

/// Tells programs our pages from those of a server inside.
const WHY: &str = "infield-preview-error";

/// Pages that nobody may frame, keep, or run anything in.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'";

/// The page of an error; logs it.
pub(super) fn of(error: &Error) -> Response {
    failure::log(error);
    let status = match error.kind() {
        Kind::Unauthenticated => StatusCode::UNAUTHORIZED,
        Kind::Denied => StatusCode::FORBIDDEN,
        Kind::Invalid => StatusCode::BAD_REQUEST,
        // The sandbox rests, or all of its places are taken.
        Kind::Conflict | Kind::Quota => StatusCode::SERVICE_UNAVAILABLE,
        Kind::Timeout => StatusCode::GATEWAY_TIMEOUT,
        Kind::NotFound | Kind::Unavailable | Kind::Unsupported => StatusCode::BAD_GATEWAY,
        Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    };
    with_status(error, status)
}

/// The page of an error for which HTTP has a status of its own.
pub(super) fn with_status(error: &Error, status: StatusCode) -> Response {
    let hint = error.hint().map_or(String::new(), |hint| format!("<p>{}</p>", escaped(hint)));
    let text = format!(
        "<!doctype html><meta charset=utf-8><title>{status}</title>\
         <style>body{{font:16px/1.5 system-ui;margin:4em auto;max-width:40em;padding:0 1em}}</style>\
         <h1>{}</h1>{hint}<p><small>infield, {status}</small></p>\n",
        escaped(error.message())
    );
    let mut response = Response::new(full(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    let kind = HeaderValue::from_static(error.kind().as_str());
    for (name, value) in [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (header::HeaderName::from_static(WHY), kind),
    ] {
        headers.insert(name, value);
    }
    ours(&mut response);
    response
}

/// Headers of every answer that is ours and not one from inside.
pub(super) fn ours(response: &mut Response) {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
}

/// A body that is known as a whole.
pub(super) fn full(text: impl Into<Bytes>) -> Body {
    Full::new(text.into()).map_err(|never| match never {}).boxed_unsync()
}

/// Text as HTML shows it.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests;
