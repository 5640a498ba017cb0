//! Requests, built without I/O.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use hyper::body::Frame;
use infield_domain::guest::ByteStream;
use infield_domain::{Error, Result};
use infield_rest::wire;
use serde::Serialize;

/// What every request carries.
pub(crate) type Body = UnsyncBoxBody<Bytes, Error>;

/// A request to the daemon.
pub(crate) struct Request {
    method: Method,
    target: String,
    content: Content,
    upgrades: bool,
    patience: Option<Duration>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

enum Content {
    Nothing,
    Json(Bytes),
    Stream(&'static str, ByteStream),
}

impl Request {
    /// A `GET`.
    pub(crate) fn get(target: impl Into<String>) -> Self {
        Self::new(Method::GET, target, Content::Nothing)
    }

    /// A `DELETE`.
    pub(crate) fn delete(target: impl Into<String>) -> Self {
        Self::new(Method::DELETE, target, Content::Nothing)
    }

    /// A `POST` of JSON.
    pub(crate) fn post(target: impl Into<String>, body: &impl Serialize) -> Result<Self> {
        Self::with_json(Method::POST, target, body)
    }

    /// A `PUT` with a JSON body.
    pub(crate) fn put_json(target: impl Into<String>, body: &impl Serialize) -> Result<Self> {
        Self::with_json(Method::PUT, target, body)
    }

    fn with_json(method: Method, target: impl Into<String>, body: &impl Serialize) -> Result<Self> {
        let json = serde_json::to_vec(body)
            .map_err(|source| Error::internal("cannot write a request").with_source(source))?;
        Ok(Self::new(method, target, Content::Json(json.into())))
    }

    /// A `PUT` of bytes that come bit by bit. It can be sent only once: see
    /// [`super::Client::greet`].
    pub(crate) fn put(target: impl Into<String>, content: ByteStream) -> Self {
        Self::new(Method::PUT, target, Content::Stream("application/octet-stream", content))
    }

    /// A `POST` of bytes of some type that come bit by bit; sent only once, too.
    pub(crate) fn post_stream(
        target: impl Into<String>,
        media_type: &'static str,
        content: ByteStream,
    ) -> Self {
        Self::new(Method::POST, target, Content::Stream(media_type, content))
    }

    fn new(method: Method, target: impl Into<String>, content: Content) -> Self {
        Self {
            method,
            target: target.into(),
            content,
            upgrades: false,
            patience: None,
            headers: Vec::new(),
        }
    }

    /// Waits this long for the answer to begin.
    pub(crate) fn patient(mut self, patience: Duration) -> Self {
        self.patience = Some(patience);
        self
    }

    /// Adds a header.
    pub(crate) fn header(mut self, name: &'static str, value: &'static str) -> Self {
        let name = HeaderName::from_static(name);
        self.headers.push((name, HeaderValue::from_static(value)));
        self
    }

    /// Adds a query: the fields of `query` that have a value.
    pub(crate) fn query(mut self, query: &impl Serialize) -> Result<Self> {
        let value = serde_json::to_value(query)
            .map_err(|source| Error::internal("cannot write a query").with_source(source))?;
        let fields = value.as_object().into_iter().flatten();
        for (name, value) in fields {
            let text = match value {
                serde_json::Value::Null => continue,
                serde_json::Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            self.target.push(if self.target.contains('?') { '&' } else { '?' });
            self.target.push_str(name);
            self.target.push('=');
            self.target.push_str(&segment(&text));
        }
        Ok(self)
    }

    pub(super) fn upgrading(mut self) -> Self {
        self.upgrades = true;
        self
    }

    pub(super) fn patience(&self) -> Option<Duration> {
        self.patience
    }

    /// The same request once more, unless its body is gone when it was sent.
    pub(super) fn again(&self) -> Option<Self> {
        let content = match &self.content {
            Content::Nothing => Content::Nothing,
            Content::Json(json) => Content::Json(json.clone()),
            Content::Stream(..) => return None,
        };
        Some(Self {
            method: self.method.clone(),
            target: self.target.clone(),
            content,
            upgrades: self.upgrades,
            patience: self.patience,
            headers: self.headers.clone(),
        })
    }

    pub(super) fn into_http(self) -> Result<http::Request<Body>> {
        let (media_type, body) = match self.content {
            Content::Nothing => (None, empty()),
            Content::Json(json) => (
                Some("application/json"),
                Full::new(json).map_err(|never| match never {}).boxed_unsync(),
            ),
            Content::Stream(media_type, stream) => (Some(media_type), streamed(stream)),
        };
        let mut request = http::Request::new(body);
        *request.method_mut() = self.method;
        *request.uri_mut() = self.target.parse().map_err(|source| {
            Error::invalid("the request has an address that cannot be sent").with_source(source)
        })?;
        let headers = request.headers_mut();
        headers.extend(self.headers);
        if let Some(media_type) = media_type {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
        }
        if self.upgrades {
            headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
            headers.insert(header::UPGRADE, HeaderValue::from_static(wire::UPGRADE));
        }
        Ok(request)
    }
}

fn empty() -> Body {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

fn streamed(stream: ByteStream) -> Body {
    use futures_util::TryStreamExt as _;
    StreamBody::new(stream.map_ok(Frame::data)).boxed_unsync()
}

/// A text as one part of a path or a query: everything but unreserved letters is encoded,
/// RFC 3986 section 2.3.
pub(crate) fn segment(text: &str) -> String {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push(char::from(HEX[usize::from(byte >> 4)]));
            out.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
    out
}
