//! Placeholders and values in the bodies of messages, which stream through.
//!
//! A short body of known length is gathered, so that its new length is known too. Every other one
//! is framed anew by whoever carries it, and what is held of it is the beginning of a placeholder
//! or a value at most.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use http::{HeaderMap, Request, Response};
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use infield_domain::secret::{SecretName, stray};
use tokio::sync::SemaphorePermit;

use crate::exchange::Exchange;
use crate::head;
use crate::swap::{Swap, Table};

/// A body that is gathered has so many bytes at most.
const SHORT: u64 = 128 << 10;

/// What can go wrong with a body.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    /// It may not go on.
    #[error("{0}")]
    Refused(String),
    /// It broke.
    #[error(transparent)]
    Broken(#[from] hyper::Error),
}

/// A body on its way.
pub(crate) type Body = UnsyncBoxBody<Bytes, BodyError>;

/// Takes note of why a body was refused in its middle.
pub(crate) type Noted = Arc<dyn Fn(String) + Send + Sync>;

/// A body through a table.
struct Swapped {
    inner: Incoming,
    swap: Swap,
    exchange: Arc<Exchange>,
    trailers: Option<HeaderMap>,
    is_over: bool,
    noted: Option<Noted>,
}

/// A text as a body.
pub(crate) fn text(text: impl Into<Bytes>) -> Body {
    Full::new(text.into()).map_err(|never| match never {}).boxed_unsync()
}

/// A request with values in its body where placeholders are. A body in another coding is not looked
/// into: what is in it is sent as it is.
pub(crate) async fn fill(
    request: Request<Incoming>,
    exchange: &Arc<Exchange>,
    noted: Noted,
) -> Result<Request<Body>, BodyError> {
    let (mut parts, body) = request.into_parts();
    if body.is_end_stream() || is_coded(&parts.headers) {
        return Ok(Request::from_parts(parts, body.map_err(BodyError::from).boxed_unsync()));
    }
    let table = table_for(&parts.headers, exchange);
    if let Some((length, _place)) = short(&body, exchange) {
        let whole = gather(body, length).await?;
        let filled = match table.swap(&whole) {
            Ok(filled) => filled,
            Err(secret) => return Err(refuse(&noted, &secret)),
        };
        parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(filled.len()));
        return Ok(Request::from_parts(parts, text(filled)));
    }
    parts.headers.remove(CONTENT_LENGTH);
    let swapped = Swapped::new(body, table, exchange, Some(noted));
    Ok(Request::from_parts(parts, swapped.boxed_unsync()))
}

/// An answer with placeholders in its body where values are.
pub(crate) async fn mask(
    response: Response<Incoming>,
    exchange: &Arc<Exchange>,
) -> Result<Response<Body>, BodyError> {
    let (mut parts, body) = response.into_parts();
    if body.is_end_stream() {
        return Ok(Response::from_parts(parts, body.map_err(BodyError::from).boxed_unsync()));
    }
    if let Some((length, _place)) = short(&body, exchange) {
        let masked = exchange.mask.swap(&gather(body, length).await?).unwrap_or_default();
        parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(masked.len()));
        return Ok(Response::from_parts(parts, text(masked)));
    }
    parts.headers.remove(CONTENT_LENGTH);
    let swapped = Swapped::new(body, &exchange.mask, exchange, None);
    Ok(Response::from_parts(parts, swapped.boxed_unsync()))
}

/// Whether a body is in another coding than its own.
pub(crate) fn is_coded(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(CONTENT_ENCODING).iter();
    codings.any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"))
}

/// The table for the kind of a body.
fn table_for<'a>(headers: &HeaderMap, exchange: &'a Exchange) -> &'a Arc<Table> {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match &*kind {
        "application/x-www-form-urlencoded" => &exchange.percent,
        "application/json" | "application/x-ndjson" => &exchange.json,
        other if other.ends_with("+json") => &exchange.json,
        _ => &exchange.raw,
    }
}

/// The length of a body that can be gathered, with the place for it.
fn short<'a>(body: &Incoming, exchange: &'a Exchange) -> Option<(u64, SemaphorePermit<'a>)> {
    let length = body.size_hint().exact().filter(|length| *length <= SHORT)?;
    Some((length, exchange.places.try_acquire().ok()?))
}

async fn gather(mut body: Incoming, length: u64) -> Result<Vec<u8>, BodyError> {
    let mut whole = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
    while let Some(frame) = body.frame().await {
        if let Some(data) = frame?.data_ref() {
            whole.extend_from_slice(data);
        }
    }
    Ok(whole)
}

fn refuse(noted: &Noted, secret: &SecretName) -> BodyError {
    let why = stray(secret);
    noted(why.clone());
    BodyError::Refused(why)
}

impl Swapped {
    fn new(
        inner: Incoming,
        table: &Arc<Table>,
        exchange: &Arc<Exchange>,
        noted: Option<Noted>,
    ) -> Self {
        let swap = Swap::new(table);
        let exchange = Arc::clone(exchange);
        Self { inner, swap, exchange, trailers: None, is_over: false, noted }
    }

    /// What becomes of a piece; none where all of it is held back.
    fn turn(&mut self, data: &[u8]) -> Option<Result<Frame<Bytes>, BodyError>> {
        let mut out = Vec::with_capacity(data.len());
        self.given(|swap, out| swap.feed(data, out), &mut out)
    }

    fn end(&mut self) -> Option<Result<Frame<Bytes>, BodyError>> {
        self.is_over = true;
        self.given(Swap::end, &mut Vec::new())
    }

    fn given(
        &mut self,
        step: impl FnOnce(&mut Swap, &mut Vec<u8>) -> Result<(), SecretName>,
        out: &mut Vec<u8>,
    ) -> Option<Result<Frame<Bytes>, BodyError>> {
        if let Err(secret) = step(&mut self.swap, out) {
            self.is_over = true;
            let noted = self.noted.clone().unwrap_or_else(|| Arc::new(drop));
            return Some(Err(refuse(&noted, &secret)));
        }
        let out = std::mem::take(out);
        (!out.is_empty()).then(|| Ok(Frame::data(Bytes::from(out))))
    }
}

impl http_body::Body for Swapped {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        while !self.is_over {
            let next = match ready!(Pin::new(&mut self.inner).poll_frame(context)) {
                None => self.end(),
                Some(Err(error)) => {
                    self.is_over = true;
                    Some(Err(BodyError::Broken(error)))
                }
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.turn(&data),
                    Err(frame) => {
                        self.trailers = frame.into_trailers().ok();
                        self.end()
                    }
                },
            };
            if let Some(next) = next {
                return Poll::Ready(Some(next));
            }
        }
        let exchange = Arc::clone(&self.exchange);
        Poll::Ready(self.trailers.take().map(|mut trailers| {
            head::mask(&mut trailers, &exchange);
            Ok(Frame::trailers(trailers))
        }))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}
