//! Which headers pass, and which are added.

use std::net::IpAddr;

use http::{HeaderMap, HeaderName, HeaderValue, header};
use infield_domain::preview::Scheme;

use super::cookies;

#[cfg(test)]
mod tests;

/// Headers that carry a token: ours, and the one by which clients of Daytona send it.
pub(super) const TOKEN_HEADERS: [&str; 2] = ["x-infield-preview-token", "x-daytona-preview-token"];

/// What is about one connection and not about the message, RFC 9110 section 7.6.1.
const HOP_BY_HOP: &[&str] = &[
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "http2-settings",
];

/// What a visitor may say of itself only through us. `expect` is answered by this listener.
const SAID_BY_US: &[&str] = &[
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-forwarded-prefix",
    "x-real-ip",
    "expect",
];

/// What would reach beyond the preview's own origin: another address for it, and the cookies of
/// every name below the same domain.
const BEYOND: &[&str] = &["alt-svc", "clear-site-data", "set-cookie2"];

/// Who asks, and for what.
pub(super) struct Visitor<'a> {
    pub(super) address: IpAddr,
    /// As the visitor wrote it.
    pub(super) host: &'a HeaderValue,
    pub(super) scheme: Scheme,
}

/// Makes the headers of a visitor those of a request to the port. `Host` stays what the visitor
/// asked for, so that a server's own checks of origins fit what browsers send.
pub(super) fn inward(headers: &mut HeaderMap, visitor: &Visitor<'_>) {
    drop_hop_by_hop(headers);
    for name in TOKEN_HEADERS.iter().chain(SAID_BY_US) {
        headers.remove(*name);
    }
    cookies::take_off(headers);
    headers.insert(header::HOST, visitor.host.clone());
    let host = visitor.host.to_str().unwrap_or_default();
    let scheme = visitor.scheme.as_str();
    let port = match (host.rsplit_once(':'), visitor.scheme) {
        (Some((_, port)), _) => port,
        (None, Scheme::Http) => "80",
        (None, Scheme::Https) => "443",
    };
    let node = match visitor.address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("\"[{address}]\""),
    };
    for (name, value) in [
        ("x-forwarded-for", visitor.address.to_string()),
        ("x-forwarded-host", host.to_owned()),
        ("x-forwarded-port", port.to_owned()),
        ("x-forwarded-proto", scheme.to_owned()),
        ("forwarded", format!("for={node};host=\"{host}\";proto={scheme}")),
    ] {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
}

/// Makes the headers of a server inside those of an answer to a visitor.
pub(super) fn outward(headers: &mut HeaderMap) {
    drop_hop_by_hop(headers);
    for name in BEYOND {
        headers.remove(*name);
    }
    cookies::confine(headers);
}

fn drop_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .filter_map(|word| word.trim().parse().ok())
        // Nobody takes off what decides where the message ends or where it goes.
        .filter(|name| name != header::HOST && name != header::CONTENT_LENGTH)
        .collect();
    for name in named {
        headers.remove(name);
    }
    for name in HOP_BY_HOP {
        headers.remove(*name);
    }
}

/// The protocol that a connection is to switch to, if it is one that may. HTTP/2 in the place of
/// HTTP/1.1 would carry requests that nobody looks at.
pub(super) fn wanted_protocol(headers: &HeaderMap) -> Option<HeaderValue> {
    let switches = headers.get_all(header::CONNECTION).iter().any(|line| {
        let words = line.to_str().unwrap_or_default().split(',');
        words.map(str::trim).any(|word| word.eq_ignore_ascii_case("upgrade"))
    });
    let wanted = headers.get(header::UPGRADE).filter(|_| switches)?;
    let word = wanted.to_str().ok()?.trim();
    let one = !word.is_empty() && !word.contains(',');
    (one && !word.to_ascii_lowercase().starts_with("h2")).then(|| wanted.clone())
}
