//! Whether a request is for its site, and what of a message goes on to the other side.

use http::header::{
    CONNECTION, CONTENT_LENGTH, EXPECT, HOST, HeaderName, HeaderValue, TE, TRANSFER_ENCODING,
    UPGRADE,
};
use http::uri::PathAndQuery;
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri, Version};
use infield_domain::network::DomainName;

use crate::defence::{Defence, Without};

/// The site that a connection is for.
#[derive(Clone, Debug)]
pub struct Site {
    /// Its name, or an address as it was asked for.
    pub name: String,
    /// The port of the connection.
    pub port: u16,
    pub(crate) without: Without,
}

/// What a request wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// An answer.
    Answer,
    /// To go on as a WebSocket.
    WebSocket,
}

/// Headers of one hop that no `Connection` header needs to name.
const OF_ONE_HOP: [&str; 4] =
    ["keep-alive", "proxy-connection", "http2-settings", "proxy-authorization"];

impl Site {
    /// The site of this name and port.
    pub fn new(name: DomainName, port: u16) -> Self {
        Self { name: name.as_str().to_owned(), port, without: Without::default() }
    }

    /// Whether a host with or without a port is this one.
    fn is_meant(&self, authority: &[u8]) -> bool {
        let Ok(authority) = std::str::from_utf8(authority) else { return false };
        let port = format!(":{}", self.port);
        let host = authority.strip_suffix(&port).unwrap_or(authority);
        host.eq_ignore_ascii_case(&self.name)
    }
}

/// Checks a request; why it is refused, if it is.
pub fn request(
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    site: &Site,
) -> Result<(), &'static str> {
    if site.without.keeps(Defence::Host) {
        for_site(method, uri, headers, site)?;
    }
    framing(headers).map_err(|()| "it is unclear where its request ends")
}

/// Checks whom a request is for.
fn for_site(
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    site: &Site,
) -> Result<(), &'static str> {
    if method == Method::CONNECT {
        return Err("its request asks for a tunnel (CONNECT)");
    }
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) if site.is_meant(host.as_bytes()) => {}
        (Some(_), None) => return Err("its request is for another host"),
        (Some(_), Some(_)) => return Err("its request names its host twice"),
        (None, _) => return Err("its request names no host"),
    }
    let is_origin = uri.scheme().is_none() && uri.authority().is_none();
    let is_absolute = uri.scheme_str() == Some("http")
        && uri.authority().is_some_and(|authority| site.is_meant(authority.as_str().as_bytes()));
    if !is_origin && !is_absolute {
        return Err("its request line is for another host");
    }
    Ok(())
}

/// Whether everybody agrees on where a message ends.
fn framing(headers: &HeaderMap) -> Result<(), ()> {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    let has_length = headers.contains_key(CONTENT_LENGTH);
    match (codings.next(), codings.next()) {
        (None, _) => Ok(()),
        (Some(coding), None)
            if !has_length && coding.as_bytes().eq_ignore_ascii_case(b"chunked") =>
        {
            Ok(())
        }
        (Some(_), _) => Err(()),
    }
}

/// What a request wants. A WebSocket (RFC 6455, 4.1) is the one upgrade that passes.
pub fn wish<B>(request: &Request<B>) -> Wish {
    let headers = request.headers();
    let mut upgrades = headers.get_all(UPGRADE).iter();
    let is_alone = match (upgrades.next(), upgrades.next()) {
        (Some(upgrade), None) => upgrade.as_bytes().eq_ignore_ascii_case(b"websocket"),
        _ => false,
    };
    let is_websocket = is_alone
        && request.method() == Method::GET
        && request.version() == Version::HTTP_11
        && !headers.contains_key(CONTENT_LENGTH)
        && !headers.contains_key(TRANSFER_ENCODING)
        && of_connection(headers).any(|token| token.eq_ignore_ascii_case("upgrade"));
    if is_websocket { Wish::WebSocket } else { Wish::Answer }
}

/// Makes a request what goes to the site.
pub fn forward<B>(request: &mut Request<B>, wish: Wish) {
    // What a request wants done before its body is sent has been done here.
    request.headers_mut().remove(EXPECT);
    request.headers_mut().remove(TE);
    *request.version_mut() = Version::HTTP_11;
    let path = request.uri().path_and_query().cloned();
    *request.uri_mut() = path.unwrap_or_else(|| PathAndQuery::from_static("/")).into();
    end_hop(request.headers_mut(), wish);
}

/// Makes a response what goes to the client; fails if it cannot be one.
pub fn response<B>(response: &mut Response<B>, wish: Wish) -> Result<(), &'static str> {
    framing(response.headers()).map_err(|()| "it is unclear where its answer ends")?;
    let is_switched = response.status() == StatusCode::SWITCHING_PROTOCOLS;
    let goes_on = match (is_switched, wish) {
        (true, Wish::Answer) => return Err("its answer changes the protocol unasked"),
        (true, Wish::WebSocket) => Wish::WebSocket,
        (false, _) => Wish::Answer,
    };
    let is_last =
        of_connection(response.headers()).any(|token| token.eq_ignore_ascii_case("close"));
    *response.version_mut() = Version::HTTP_11;
    end_hop(response.headers_mut(), goes_on);
    if is_last {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(())
}

/// Removes what is meant for one hop alone (RFC 9110, 7.6.1).
fn end_hop(headers: &mut HeaderMap, wish: Wish) {
    // What says where a message ends is written anew, and its host is what was checked.
    let keeps = |name: &HeaderName| [CONTENT_LENGTH, HOST, TRANSFER_ENCODING].contains(name);
    let named: Vec<HeaderName> = of_connection(headers)
        .filter_map(|token| token.parse().ok())
        .filter(|name| !keeps(name))
        .collect();
    let upgrade = headers.get(UPGRADE).cloned();
    for name in named {
        headers.remove(name);
    }
    for name in OF_ONE_HOP {
        headers.remove(name);
    }
    for name in [CONNECTION, TRANSFER_ENCODING, UPGRADE] {
        headers.remove(name);
    }
    if wish == Wish::WebSocket
        && let Some(upgrade) = upgrade
    {
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, upgrade);
    }
}

/// What the `Connection` headers name.
fn of_connection(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let values = headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim)
}
