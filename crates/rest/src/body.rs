//! What comes in and goes out besides headers.
//!
//! JSON is read up to a limit and parsed with errors that name the field. Everything larger is a
//! stream both ways, of which only what is under way is in memory.

use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::extract::{FromRequest, FromRequestParts, Path, Query as AxumQuery, Request};
use axum::http::request::Parts;
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, stream};
use http::{HeaderMap, HeaderValue, header};
use infield_domain::guest::ByteStream;
use infield_domain::{Error, Result};
use serde::de::DeserializeOwned;
use tokio_util::task::TaskTracker;

use crate::failure::{self, Answer, Failure};
use crate::hint;
use crate::serve::Context;

#[cfg(test)]
mod tests;

/// How much of a refused body is still taken, and for how long.
const DRAIN_BYTES: usize = 64 << 20;
const DRAIN_LIMIT: Duration = Duration::from_secs(5);

/// Bytes of a name in the path; the longest real one is an image's.
const PART_BYTES: usize = 256;

/// A JSON body of ordinary size; an empty body counts as `{}`.
pub(crate) struct Json<T>(pub(crate) T);

/// A JSON body that carries code and files.
pub(crate) struct LargeJson<T>(pub(crate) T);

/// The query of the target.
pub(crate) struct Query<T>(pub(crate) T);

/// The part of the path that a route leaves open, decoded.
pub(crate) struct Part(pub(crate) String);

/// A body of any kind, which nobody has read yet.
pub(crate) struct Upload {
    body: Body,
    tasks: TaskTracker,
}

impl<T: DeserializeOwned> FromRequest<Context> for Json<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, context: &Context) -> Answer<Self> {
        let limit = context.doors.settings.limits.json_bytes;
        Ok(Self(read_json(request, context, limit).await?))
    }
}

impl<T: DeserializeOwned> FromRequest<Context> for LargeJson<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, context: &Context) -> Answer<Self> {
        let limit = context.doors.settings.limits.code_bytes;
        Ok(Self(read_json(request, context, limit).await?))
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Answer<Self> {
        match AxumQuery::try_from_uri(&parts.uri) {
            Ok(AxumQuery(query)) => Ok(Self(query)),
            Err(rejection) => Err(malformed("the query", &rejection.body_text()).into()),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Part {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Answer<Self> {
        match Path::<String>::from_request_parts(parts, state).await {
            Ok(Path(part)) if part.len() <= PART_BYTES => Ok(Self(part)),
            Ok(_) => {
                Err(Error::invalid(format!("a name in the path is longer than {PART_BYTES} bytes"))
                    .into())
            }
            Err(_) => Err(Error::invalid("a name in the path is not UTF-8")
                .with_hint("percent-encode its bytes")
                .into()),
        }
    }
}

impl FromRequest<Context> for Upload {
    type Rejection = Failure;

    async fn from_request(request: Request, context: &Context) -> Answer<Self> {
        Ok(Self { body: request.into_body(), tasks: context.tasks.clone() })
    }
}

impl Upload {
    /// The bytes, at most `limit` of them, and no longer than `stall` without one.
    pub(crate) fn into_stream(self, limit: u64, stall: Duration) -> ByteStream {
        let source = Some(self.body.into_data_stream());
        let state = Some(Intake { source, taken: 0, limit, stall, tasks: self.tasks });
        Box::pin(stream::unfold(state, |state| async {
            let mut intake = state?;
            match intake.next().await {
                Some(Ok(bytes)) => Some((Ok(bytes), Some(intake))),
                Some(Err(error)) => Some((Err(error), None)),
                None => None,
            }
        }))
    }
}

/// A body that is being read.
struct Intake {
    /// None after its end.
    source: Option<BodyDataStream>,
    taken: u64,
    limit: u64,
    stall: Duration,
    tasks: TaskTracker,
}

impl Drop for Intake {
    /// Takes the rest of a body that was refused midway: a client that is cut off while it sends
    /// may never read the answer that tells it why.
    fn drop(&mut self) {
        if let Some(source) = self.source.take() {
            self.tasks.spawn(tokio::time::timeout(DRAIN_LIMIT, drain(source)));
        }
    }
}

async fn drain(mut source: BodyDataStream) {
    let mut left = DRAIN_BYTES;
    while let Some(Ok(bytes)) = source.next().await {
        left = left.saturating_sub(bytes.len());
        if left == 0 {
            return;
        }
    }
}

impl Intake {
    async fn next(&mut self) -> Option<Result<Bytes>> {
        let source = self.source.as_mut()?;
        let bytes = match tokio::time::timeout(self.stall, source.next()).await {
            Ok(Some(Ok(bytes))) => bytes,
            Ok(Some(Err(error))) => {
                self.source = None;
                let lost = Error::unavailable("the body ended early").with_source(error);
                return Some(Err(lost));
            }
            Ok(None) => {
                self.source = None;
                return None;
            }
            Err(_) => return Some(Err(Error::timeout("the body stopped coming"))),
        };
        self.taken = self.taken.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        if self.taken > self.limit {
            return Some(Err(too_large(self.limit)));
        }
        Some(Ok(bytes))
    }
}

async fn read_json<T: DeserializeOwned>(
    request: Request,
    context: &Context,
    limit: u64,
) -> Result<T> {
    check_json_type(request.headers())?;
    let stall = context.doors.settings.limits.body_stall;
    let upload = Upload { body: request.into_body(), tasks: context.tasks.clone() };
    gather_json(upload.into_stream(limit, stall)).await
}

pub(crate) async fn gather_json<T: DeserializeOwned>(mut source: ByteStream) -> Result<T> {
    let mut text = BytesMut::new();
    while let Some(bytes) = source.next().await {
        text.extend_from_slice(&bytes?);
    }
    parse_json(if text.is_empty() { b"{}" } else { &text })
}

fn check_json_type(headers: &HeaderMap) -> Result<()> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return Ok(()) };
    let essence = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
    if essence.trim().eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    Err(Error::invalid("this route takes JSON").with_hint("send `Content-Type: application/json`"))
}

pub(crate) fn parse_json<T: DeserializeOwned>(text: &[u8]) -> Result<T> {
    match axum::Json::from_bytes(text) {
        Ok(axum::Json(value)) => Ok(value),
        Err(rejection) => Err(malformed("the body", &rejection.body_text())),
    }
}

/// What is wrong in the words of the parser, which name the field, and the nearest known word.
fn malformed(what: &str, text: &str) -> Error {
    // The parser's own words follow the first colon: what comes before names Rust types.
    let detail = text.split_once(": ").map_or(text, |(_, detail)| detail);
    let error = Error::invalid(format!("{what} is malformed: {}", hint::shown(detail)));
    match hint::nearest_field(detail) {
        Some(hint) => error.with_hint(hint),
        None => error,
    }
}

fn too_large(limit: u64) -> Error {
    Error::invalid(format!("the body is larger than {limit} bytes"))
        .with_hint("send less at once, or upload files one by one")
}

/// A stream of foreign bytes as an answer.
pub(crate) fn download(content: ByteStream, content_type: &'static str) -> Response {
    let span = tracing::Span::current();
    let content = content.inspect(move |item| {
        if let Err(error) = item {
            span.in_scope(|| failure::log(error));
        }
    });
    let mut response = Response::new(Body::from_stream(content));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment"));
    response
}

/// A parsed `Range` header that this server heeds: one range that counts from the start.
pub(crate) fn parse_range(headers: &HeaderMap) -> Option<infield_domain::files::Range> {
    let text = headers.get(header::RANGE)?.to_str().ok()?;
    let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
    let offset: u64 = first.trim().parse().ok()?;
    let length = match last.trim() {
        "" => None,
        last => Some(last.parse::<u64>().ok()?.checked_sub(offset)?.checked_add(1)?),
    };
    Some(infield_domain::files::Range { offset, length })
}
