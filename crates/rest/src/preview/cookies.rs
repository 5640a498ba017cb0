//! Cookies: ours are read and taken off, those of a server inside stay in their host.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, header};
use infield_domain::preview::Scheme;

#[cfg(test)]
mod tests;

/// Our cookie over TLS: browsers take a name with this prefix only for one host, only over TLS
/// and for every path, RFC 6265bis section 4.1.3.2.
const SECURE_NAME: &str = "__Host-infield-preview";

/// The same without TLS, where browsers refuse the prefix.
const PLAIN_NAME: &str = "infield-preview";

/// The name of our cookie.
pub(super) fn name(scheme: Scheme) -> &'static str {
    match scheme {
        Scheme::Http => PLAIN_NAME,
        Scheme::Https => SECURE_NAME,
    }
}

/// The header that has a browser keep our cookie: for this host alone, out of reach of scripts,
/// and not sent when another site asks, but for links that are followed.
pub(super) fn set(scheme: Scheme, text: &str, seconds: u64) -> Option<HeaderValue> {
    let secure = match scheme {
        Scheme::Http => "",
        Scheme::Https => "; Secure",
    };
    let name = name(scheme);
    let age = Duration::from_secs(seconds).as_secs();
    let line = format!("{name}={text}; Path=/; Max-Age={age}; HttpOnly; SameSite=Lax{secure}");
    HeaderValue::from_str(&line).ok()
}

/// What browsers sent under our name. There may be more than one: a page of another preview below
/// the same host name may have set one for all of them, which is then no right one.
pub(super) fn ours(headers: &HeaderMap, scheme: Scheme) -> Vec<String> {
    let named = |pair: &[u8]| {
        let text = std::str::from_utf8(pair).ok()?;
        let (found, value) = text.split_once('=')?;
        (found.trim() == name(scheme)).then(|| value.trim().to_owned())
    };
    pairs(headers).iter().filter_map(|pair| named(pair)).take(8).collect()
}

/// Takes our cookies off, of either scheme, and leaves the others as they are. HTTP/2 may bring
/// them in several headers, which become one, RFC 9113 section 8.2.3.
pub(super) fn take_off(headers: &mut HeaderMap) {
    let mut kept = pairs(headers);
    kept.retain(|pair| {
        let name = pair.split(|byte| *byte == b'=').next().unwrap_or_default();
        !is_ours(name.trim_ascii())
    });
    headers.remove(header::COOKIE);
    let line = kept.join(&b"; "[..]);
    if let Ok(value) = HeaderValue::from_bytes(&line)
        && !line.is_empty()
    {
        headers.insert(header::COOKIE, value);
    }
}

fn pairs(headers: &HeaderMap) -> Vec<Vec<u8>> {
    let lines = headers.get_all(header::COOKIE).iter();
    let pairs = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b';'));
    pairs.map(|pair| pair.trim_ascii().to_vec()).filter(|pair| !pair.is_empty()).collect()
}

fn is_ours(name: &[u8]) -> bool {
    [SECURE_NAME, PLAIN_NAME].iter().any(|ours| ours.as_bytes().eq_ignore_ascii_case(name))
}

/// Keeps the cookies that a server inside sets in its own host, and away from ours.
pub(super) fn confine(headers: &mut HeaderMap) {
    let lines: Vec<HeaderValue> =
        headers.get_all(header::SET_COOKIE).iter().filter_map(confined).collect();
    headers.remove(header::SET_COOKIE);
    for line in lines {
        headers.append(header::SET_COOKIE, line);
    }
}

fn confined(line: &HeaderValue) -> Option<HeaderValue> {
    let mut parts = line.as_bytes().split(|byte| *byte == b';');
    let pair = parts.next().unwrap_or_default();
    // A cookie without a name is sent back as its value alone, which may look like a named one.
    let mut words = pair.split(|byte| *byte == b'=').map(<[u8]>::trim_ascii);
    let name = words.find(|word| !word.is_empty()).unwrap_or_default();
    if is_ours(name) {
        return None;
    }
    let mut kept = vec![pair];
    kept.extend(parts.filter(|part| {
        let attribute = part.split(|byte| *byte == b'=').next().unwrap_or_default();
        !attribute.trim_ascii().eq_ignore_ascii_case(b"domain")
    }));
    HeaderValue::from_bytes(&kept.join(&b";"[..])).ok()
}
