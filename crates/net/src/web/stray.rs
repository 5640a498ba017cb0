//! Placeholders in requests that are not encrypted. They are worth nothing there, and their sender
//! meant the value.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use http::Request;
use http::header::{AUTHORIZATION, HeaderName, HeaderValue, PROXY_AUTHORIZATION};
use infield_domain::secret::{Guarded, bare};

/// Why a request is refused that carries a placeholder in its head.
pub(super) fn carried<B>(request: &Request<B>, secrets: &[Guarded]) -> Option<String> {
    let path = request.uri().path_and_query().map(|path| path.as_str().as_bytes().to_vec());
    let headers = request
        .headers()
        .iter()
        .map(|(name, value)| credentials(name, value).unwrap_or_else(|| value.as_bytes().to_vec()));
    let texts: Vec<Vec<u8>> = path.into_iter().chain(headers).collect();
    let is_carried = |secret: &&Guarded| {
        let placeholder = secret.placeholder.as_str().as_bytes();
        texts.iter().any(|text| text.windows(placeholder.len()).any(|part| part == placeholder))
    };
    secrets.iter().find(is_carried).map(|secret| bare(&secret.secret))
}

/// What is inside of `Basic` credentials (RFC 7617).
fn credentials(name: &HeaderName, value: &HeaderValue) -> Option<Vec<u8>> {
    if *name != AUTHORIZATION && *name != PROXY_AUTHORIZATION {
        return None;
    }
    let (scheme, letters) = value.to_str().ok()?.split_once(' ')?;
    let is_basic = scheme.eq_ignore_ascii_case("basic");
    STANDARD_NO_PAD.decode(letters.trim().trim_end_matches('=')).ok().filter(|_| is_basic)
}
