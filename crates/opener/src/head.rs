//! Placeholders and values in the heads of messages.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use http::header::{AUTHORIZATION, HOST, HeaderName, HeaderValue, PROXY_AUTHORIZATION};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, Request, Uri, Version};
use infield_domain::secret::stray;
use zeroize::Zeroizing;

use crate::exchange::Exchange;

/// Makes a request of HTTP/2 look like one of HTTP/1.1: its host in a header, its address without.
pub(crate) fn flatten<B>(request: &mut Request<B>) -> Result<(), &'static str> {
    if request.version() != Version::HTTP_2 {
        return Ok(());
    }
    if request.uri().scheme() != Some(&Scheme::HTTPS) {
        return Err("its request is not for https");
    }
    let authority = request.uri().authority().ok_or("its request names no host")?;
    let host = HeaderValue::from_str(authority.as_str()).map_err(|_| "its host is malformed")?;
    if request.headers().get(HOST).is_some_and(|other| other != host) {
        return Err("its request names its host twice");
    }
    request.headers_mut().insert(HOST, host);
    let path = request.uri().path_and_query().cloned();
    *request.uri_mut() = path.unwrap_or_else(|| PathAndQuery::from_static("/")).into();
    Ok(())
}

/// The other way round, for a host that speaks HTTP/2.
pub(crate) fn raise<B>(request: &mut Request<B>) -> Result<(), &'static str> {
    let host = request.headers_mut().remove(HOST).ok_or("its request names no host")?;
    let authority =
        Authority::try_from(host.as_bytes()).map_err(|_| "its request is for a strange host")?;
    let mut parts = std::mem::take(request.uri_mut()).into_parts();
    (parts.scheme, parts.authority) = (Some(Scheme::HTTPS), Some(authority));
    *request.uri_mut() = Uri::from_parts(parts).map_err(|_| "its address is malformed")?;
    *request.version_mut() = Version::HTTP_2;
    Ok(())
}

/// Puts values where the placeholders are; says why the request is refused.
pub(crate) fn fill<B>(request: &mut Request<B>, exchange: &Exchange) -> Result<(), String> {
    if let Some(path) = request.uri().path_and_query()
        && exchange.percent.is_in(path.as_str().as_bytes())
    {
        let path = path.as_str().as_bytes();
        let path = exchange.percent.swap(path).map_err(|secret| stray(&secret))?;
        let path = PathAndQuery::try_from(&**Zeroizing::new(path));
        let path = path.map_err(|_| "its address is too long with the value of its secret")?;
        *request.uri_mut() = path.into();
    }
    for (name, value) in request.headers_mut() {
        if let Some(filled) = fill_value(name, value, exchange)? {
            *value = filled;
        }
    }
    Ok(())
}

fn fill_value(
    name: &HeaderName,
    value: &HeaderValue,
    exchange: &Exchange,
) -> Result<Option<HeaderValue>, String> {
    let swap = |text: &[u8]| exchange.raw.swap(text).map_err(|secret| stray(&secret));
    let inner = basic(name, value).filter(|inner| exchange.raw.is_in(inner));
    let filled = match inner {
        Some(inner) => {
            let inner = Zeroizing::new(swap(&inner)?);
            format!("Basic {}", STANDARD.encode(&*inner)).into_bytes()
        }
        None if exchange.raw.is_in(value.as_bytes()) => swap(value.as_bytes())?,
        None => return Ok(None),
    };
    let mut filled = HeaderValue::from_bytes(&Zeroizing::new(filled))
        .map_err(|_| "the value of its secret cannot be in a header".to_owned())?;
    // So that no table of headers of HTTP/2 keeps it (RFC 7541, 7.1.3).
    filled.set_sensitive(true);
    Ok(Some(filled))
}

/// What is inside of `Basic` credentials (RFC 7617).
fn basic(name: &HeaderName, value: &HeaderValue) -> Option<Zeroizing<Vec<u8>>> {
    if *name != AUTHORIZATION && *name != PROXY_AUTHORIZATION {
        return None;
    }
    let (scheme, letters) = value.to_str().ok()?.split_once(' ')?;
    let letters = letters.trim().trim_end_matches('=');
    let inner = STANDARD_NO_PAD.decode(letters).ok().map(Zeroizing::new);
    inner.filter(|_| scheme.eq_ignore_ascii_case("basic"))
}

/// Puts placeholders where values are.
pub(crate) fn mask(headers: &mut HeaderMap, exchange: &Exchange) {
    for value in headers.values_mut() {
        if exchange.mask.is_in(value.as_bytes()) {
            let masked = exchange.mask.swap(value.as_bytes()).unwrap_or_default();
            *value =
                HeaderValue::from_bytes(&masked).unwrap_or_else(|_| HeaderValue::from_static(""));
        }
    }
}

#[cfg(test)]
mod tests;
