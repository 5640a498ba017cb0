//! What comes in. SDKs send empty bodies under any content type, and query-only requests with
//! bodies of another kind, so a body is JSON whatever it is said to be.

use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use http::request::Parts;
use infield_domain::Error;
use serde::de::DeserializeOwned;

use crate::body::Upload;
use crate::failure::{Answer, Failure};
use crate::serve::Context;

/// A JSON body; none counts as `{}`.
pub(super) struct Json<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Context> for Json<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, context: &Context) -> Answer<Self> {
        let limits = &context.doors.settings.limits;
        let (limit, stall) = (limits.code_bytes, limits.body_stall);
        let upload = Upload::from_request(request, context).await?;
        Ok(Self(crate::body::gather_json(upload.into_stream(limit, stall)).await?))
    }
}

/// The parts of the path that a route leaves open, decoded, in their order.
pub(super) struct Words<const N: usize>(pub(super) [String; N]);

impl<const N: usize, S: Send + Sync> FromRequestParts<S> for Words<N> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Answer<Self> {
        let words = Path::<Vec<String>>::from_request_parts(parts, state).await.ok();
        let words = words.and_then(|Path(words)| words.try_into().ok());
        let wrong = || Error::invalid("a part of the path cannot be read");
        Ok(Self(words.ok_or_else(wrong)?))
    }
}
