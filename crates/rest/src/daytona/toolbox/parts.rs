//! Paths that leave more than one part open.

use axum::extract::{FromRequestParts, RawPathParams};
use http::request::Parts as RequestParts;
use infield_domain::Error;

use crate::failure::{Answer, Failure};

/// Bytes of one part.
const PART_BYTES: usize = 256;

/// The open parts of the path, in their order, decoded.
pub(super) struct Parts<const N: usize>(pub(super) [String; N]);

impl<S: Send + Sync, const N: usize> FromRequestParts<S> for Parts<N> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut RequestParts, state: &S) -> Answer<Self> {
        let found = RawPathParams::from_request_parts(parts, state).await.map_err(|_| {
            Error::invalid("a name in the path is not UTF-8").with_hint("percent-encode its bytes")
        })?;
        let found: Vec<String> = found.iter().map(|(_, part)| part.to_owned()).collect();
        if found.iter().any(|part| part.len() > PART_BYTES) {
            let text = format!("a name in the path is longer than {PART_BYTES} bytes");
            return Err(Error::invalid(text).into());
        }
        let found = found.try_into();
        Ok(Self(found.map_err(|_| Error::internal("a route has other parts than its handler"))?))
    }
}
