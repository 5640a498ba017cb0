//! Whose page had a browser send a request.
//!
//! `SameSite=Lax` keeps our cookie out of requests of other sites. Previews below one host name
//! are the same site, though, so that a page in one sandbox could have its reader's browser act in
//! another: our cookie counts only for pages of the preview's own origin, and for links that are
//! followed.

use http::request::Parts;
use http::{HeaderValue, Method, header};

#[cfg(test)]
mod tests;

/// Whether a cookie that came along may count.
pub(super) fn may_use_cookie(parts: &Parts, host: &HeaderValue) -> bool {
    let word = |name: &str| parts.headers.get(name).map(|value| value.as_bytes());
    let reads = matches!(parts.method, Method::GET | Method::HEAD);
    match word("sec-fetch-site") {
        Some(b"same-origin" | b"none") => true,
        Some(_) => reads && word("sec-fetch-mode") == Some(b"navigate"),
        // Browsers say it only over TLS and to loopback names; else `Origin` must do.
        None => parts.headers.get_all(header::ORIGIN).iter().all(|origin| is_own(origin, host)),
    }
}

fn is_own(origin: &HeaderValue, host: &HeaderValue) -> bool {
    let place = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
    let host = host.to_str().ok();
    place.zip(host).is_some_and(|((_, place), host)| place.eq_ignore_ascii_case(host))
}

/// Whether a person follows a link, who can be sent on, and not a program that fetches something.
pub(super) fn is_navigation(parts: &Parts) -> bool {
    if !matches!(parts.method, Method::GET | Method::HEAD) {
        return false;
    }
    if let Some(mode) = parts.headers.get("sec-fetch-mode") {
        return mode == "navigate";
    }
    let accepted = parts.headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    let switches = parts.headers.contains_key(header::UPGRADE);
    !switches && accepted.is_some_and(|accepted| accepted.contains("text/html"))
}
