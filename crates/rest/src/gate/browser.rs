//! What keeps web pages out.
//!
//! A page can make its reader's browser send requests to a loopback address. Three rules stop it,
//! with or without keys:
//!
//! - The `Host` is a name of ours, so that a name which a stranger's DNS points at us (DNS
//!   rebinding) gets nothing.
//! - An `Origin` that is neither allowed nor our own gets nothing, and so does what the browser
//!   itself calls foreign (`Sec-Fetch-Site`).
//! - What may change something has a content type or a header that a page cannot send without a
//!   preflight, and a preflight is never granted; a form has a bearer's key. `GET` and `HEAD`
//!   change nothing.

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, HeaderValue, Method, Uri, header};
use infield_domain::{Error, Result};

#[cfg(test)]
mod tests;

/// Names of the loopback, under which every server can be asked.
const LOOPBACK_NAMES: &[&str] = &["localhost", "127.0.0.1", "[::1]"];

/// Content types that a page cannot send without a preflight, and that some route takes.
const BODY_TYPES: &[&str] = &["application/json", "application/x-tar", "application/octet-stream"];

/// Content types that a page can send, and that some route takes with a key.
const FORM_TYPES: &[&str] = &["multipart/form-data", "application/x-www-form-urlencoded"];

/// Headers that a page cannot send without a preflight.
const OWN_HEADERS: &[&str] = &[
    "authorization",
    crate::wire::BUILD_HEADER,
    crate::wire::CLIENT_HEADER,
    "mcp-session-id",
    "mcp-protocol-version",
];

/// What a request is held against.
pub(super) struct Rules<'a> {
    /// The address of ours that a network client connected to; none for a unix socket, whose
    /// clients are no browsers and name any host.
    pub(super) address: Option<SocketAddr>,
    /// Names of ours besides those of the loopback.
    pub(super) hosts: &'a [String],
    /// Origins that are allowed.
    pub(super) origins: &'a [String],
    /// Whether the request shows a signed link, which is all that it needs: whoever made a page
    /// send it had the link already.
    pub(super) is_signed: bool,
}

/// Refuses what a web page may have sent.
pub(super) fn check(
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    rules: &Rules<'_>,
) -> Result<()> {
    if let Some(address) = rules.address {
        check_host(uri, headers, address, rules.hosts)?;
    }
    check_origin(headers, rules.origins)?;
    match *method {
        Method::GET | Method::HEAD => Ok(()),
        Method::OPTIONS => Err(Error::denied("this server grants no preflight")
            .with_hint("send the request from a program, not from a web page")),
        _ if rules.is_signed => Ok(()),
        // Daytona's SDKs send one body without a type. No page sends a key without a preflight.
        _ if uri.path().starts_with("/toolbox/")
            && has_bearer_key(headers)
            && !headers.contains_key(header::CONTENT_TYPE) =>
        {
            Ok(())
        }
        _ => check_mutation(headers),
    }
}

fn check_host(uri: &Uri, headers: &HeaderMap, address: SocketAddr, hosts: &[String]) -> Result<()> {
    let mut named = headers.get_all(header::HOST).iter();
    let host = named.next().and_then(|host| host.to_str().ok());
    let known = |host: &str| is_ours(host, address, hosts);
    // A target in absolute form overrides `Host`, RFC 9112 section 3.2.2: both must be ours.
    let target = uri.authority().is_none_or(|authority| known(authority.as_str()));
    match host {
        Some(host) if known(host) && target && named.next().is_none() => Ok(()),
        Some(_) | None => Err(Error::denied("the header `Host` does not name this server")
            .with_hint(
                "ask for `127.0.0.1` or `localhost`, or allow the name with `--allow-host`",
            )),
    }
}

/// Whether a page whose address bar shows `host` can only be one of ours. The port says nothing:
/// tunnels change it, and pages of other ports have another `Origin`.
fn is_ours(host: &str, address: SocketAddr, hosts: &[String]) -> bool {
    let name = without_port(host);
    let same = |ours: &str| ours.eq_ignore_ascii_case(name) || ours.eq_ignore_ascii_case(host);
    // Rebinding needs a name: who asks for the address itself has connected to it.
    let literal = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    LOOPBACK_NAMES.iter().any(|ours| same(ours))
        || hosts.iter().any(|ours| same(ours))
        || literal.is_ok_and(|literal| literal == address.ip().to_canonical())
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => name,
        Some(_) | None => host,
    }
}

fn check_origin(headers: &HeaderMap, origins: &[String]) -> Result<()> {
    let mut listed = false;
    for origin in headers.get_all(header::ORIGIN) {
        let origin = origin.to_str().unwrap_or_default();
        listed = origins.iter().any(|ours| ours.eq_ignore_ascii_case(origin));
        if !listed && !is_own(origin, headers) {
            return Err(Error::denied("this server takes no requests of web pages")
                .with_hint("allow the page with `--allow-origin`, or send no `Origin`"));
        }
    }
    let foreign = |site: &[u8]| site == b"cross-site" || site == b"same-site";
    let site = headers.get("sec-fetch-site");
    if !listed && site.is_some_and(|site| foreign(site.as_bytes())) {
        return Err(Error::denied("this server takes no requests of web pages")
            .with_hint("send the request from a program"));
    }
    Ok(())
}

/// Whether the page came from this very server: only its own pages have its name, which the check
/// of `Host` has found to be ours, and its port.
fn is_own(origin: &str, headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let place = origin.strip_prefix("http://");
    place.zip(host).is_some_and(|(place, host)| place.eq_ignore_ascii_case(host))
}

fn check_mutation(headers: &HeaderMap) -> Result<()> {
    let content_type = headers.get(header::CONTENT_TYPE);
    match content_type {
        Some(value) if is_body_type(value.to_str().unwrap_or_default()) => Ok(()),
        // SDKs send files as forms, and call what has no body a form.
        Some(value) if is_form(value) && has_bearer_key(headers) => Ok(()),
        Some(_) => Err(Error::invalid("no route takes a body of this content type").with_hint(
            "send `Content-Type: application/json`, or `application/octet-stream` \
                        for a file, or `application/x-tar` for a tree",
        )),
        None if has_body(headers) => Err(Error::invalid("the body has no content type")
            .with_hint("send `Content-Type: application/json`")),
        None if OWN_HEADERS.iter().any(|name| headers.contains_key(*name)) => Ok(()),
        None => Err(Error::denied("a web page could have sent this request")
            .with_hint("send `Content-Type: application/json`, or a key")),
    }
}

fn is_body_type(value: &str) -> bool {
    let essence = value.split(';').next().unwrap_or_default().trim();
    BODY_TYPES.iter().any(|known| known.eq_ignore_ascii_case(essence))
}

fn is_form(value: &HeaderValue) -> bool {
    let essence = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    FORM_TYPES.iter().any(|known| known.eq_ignore_ascii_case(essence))
}

/// A key that somebody's program sent: a browser adds what it remembers of other schemes by itself.
fn has_bearer_key(headers: &HeaderMap) -> bool {
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let scheme = value.and_then(|value| value.split_once(' ')).map(|(scheme, _)| scheme);
    scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("bearer"))
}

fn has_body(headers: &HeaderMap) -> bool {
    let length = headers.get(header::CONTENT_LENGTH).map(|length| length.as_bytes());
    headers.contains_key(header::TRANSFER_ENCODING) || length.is_some_and(|length| length != b"0")
}
