//! One request to a port inside, over a connection of its own, and the answer back.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context as Poller, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode, Version, header};
use http_body_util::BodyExt;
use hyper::body::{Body as _, Frame, Incoming, SizeHint};
use hyper::client::conn::http1;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use infield_domain::{Error, Result};
use infield_engine::PreviewPass;
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use super::connection::Counted;
use super::headers::{self, Visitor};
use super::pulse::{Noticed, Pulse};
use super::{Context, HEAD_BYTES, Response, switch};

/// Headers of one answer.
const MOST_HEADERS: usize = 256;

/// How much of a request that nobody wants is still taken, and for how long.
const DRAIN_BYTES: usize = 64 << 20;
const DRAIN_LIMIT: Duration = Duration::from_secs(3);

/// A request that was let in.
pub(super) struct Asked {
    pub(super) pass: PreviewPass,
    pub(super) peer: SocketAddr,
    pub(super) host: HeaderValue,
    pub(super) counted: Counted,
}

/// Sends a request inside and gives the answer, of which the body is under way still.
pub(super) async fn forward(
    context: &Context,
    asked: Asked,
    mut request: Request<Incoming>,
) -> Result<Response> {
    let ours = request.extensions_mut().remove::<OnUpgrade>();
    let protocol = match request.version() {
        Version::HTTP_11 => headers::wanted_protocol(request.headers()),
        _ => None,
    };
    let inward = inward(context, &asked, request, protocol.as_ref())?;
    let rest = Rest { upload: inward.body().again(), tasks: context.tasks.clone() };
    let visit = asked.pass.dial().await?;
    let pulse = Pulse::new();
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(HEAD_BYTES)
        .max_headers(MOST_HEADERS)
        .handshake(TokioIo::new(Noticed::new(visit, pulse.clone())))
        .await
        .map_err(unanswered)?;
    let gone = CancellationToken::new();
    let guard = gone.clone().drop_guard();
    let (ending, pass, quiet) = (context.shutdown.clone(), asked.pass.clone(), pulse.clone());
    let limit = context.door.limits.quiet;
    // The connection ends with the answer, or when nobody wants it any more.
    context.tasks.spawn(async move {
        tokio::select! {
            ended = connection.with_upgrades() => if let Err(error) = ended {
                tracing::debug!(%error, "a server inside broke off");
            },
            () = gone.cancelled() => {}
            () = pass.ended() => {}
            () = quiet.quiet_for(limit) => {}
            () = ending.cancelled() => {}
        }
    });
    let answer = tokio::select! {
        answer = sender.send_request(inward) => answer.map_err(unanswered)?,
        () = pulse.quiet_for(context.door.limits.first_answer) => {
            return Err(Error::timeout(format!(
                "the server inside has not answered for {} s",
                context.door.limits.first_answer.as_secs()
            )));
        }
    };
    let held = Held { _sender: sender, _guard: guard, _rest: rest, _counted: asked.counted };
    if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
        let (Some(ours), Some(protocol)) = (ours, protocol) else {
            return Err(unasked());
        };
        return switch::switch(context, (asked.pass, pulse), (ours, protocol), (answer, held));
    }
    Ok(outward(answer, held))
}

fn inward(
    context: &Context,
    asked: &Asked,
    request: Request<Incoming>,
    protocol: Option<&HeaderValue>,
) -> Result<Request<Upload>> {
    let (mut parts, body) = request.into_parts();
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
    parts.uri = target.parse().map_err(|error: http::uri::InvalidUri| {
        Error::invalid("the address cannot be read").with_source(error)
    })?;
    parts.version = Version::HTTP_11;
    let (address, scheme) = (asked.peer.ip().to_canonical(), context.scheme());
    headers::inward(&mut parts.headers, &Visitor { address, host: &asked.host, scheme });
    if let Some(protocol) = protocol {
        parts.headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        parts.headers.insert(header::UPGRADE, protocol.clone());
    }
    parts.extensions = http::Extensions::new();
    Ok(Request::from_parts(parts, Upload(Arc::new(Mutex::new(body)))))
}

fn outward(answer: http::Response<Incoming>, held: Held) -> Response {
    let (mut parts, body) = answer.into_parts();
    parts.version = Version::HTTP_11;
    parts.extensions = http::Extensions::new();
    headers::outward(&mut parts.headers);
    Response::from_parts(parts, Answer { body, _held: held }.boxed_unsync())
}

/// What keeps the connection inside; with it the connection ends.
pub(super) struct Held {
    _sender: http1::SendRequest<Upload>,
    _guard: DropGuard,
    _rest: Rest,
    _counted: Counted,
}

/// What a server inside that answered early has not read. It is taken for a moment: a visitor that
/// still sends may fail before it reads the answer, when its stream or connection is closed.
struct Rest {
    upload: Upload,
    tasks: TaskTracker,
}

impl Drop for Rest {
    fn drop(&mut self) {
        if !self.upload.is_end_stream() {
            self.tasks.spawn(timeout(DRAIN_LIMIT, drain(self.upload.again())));
        }
    }
}

async fn drain(mut upload: Upload) {
    let mut left = DRAIN_BYTES;
    while let Some(Ok(frame)) = upload.frame().await {
        left = left.saturating_sub(frame.data_ref().map_or(1, Bytes::len));
        if left == 0 {
            return;
        }
    }
}

/// The body of a request, which lives at least as long as the answer.
struct Upload(Arc<Mutex<Incoming>>);

impl Upload {
    fn again(&self) -> Self {
        Self(self.0.clone())
    }

    fn with<T>(&self, look: impl FnOnce(&mut Incoming) -> T) -> T {
        // Only one side ever looks; what a panic left is a body all the same.
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl hyper::body::Body for Upload {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Poller<'_>,
    ) -> Poll<Option<std::result::Result<Frame<Bytes>, hyper::Error>>> {
        self.with(|body| Pin::new(body).poll_frame(context))
    }

    fn is_end_stream(&self) -> bool {
        self.with(|body| body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.with(|body| body.size_hint())
    }
}

/// The body of an answer, as it comes.
struct Answer {
    body: Incoming,
    _held: Held,
}

impl hyper::body::Body for Answer {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Poller<'_>,
    ) -> Poll<Option<std::result::Result<Frame<Bytes>, Self::Error>>> {
        let next = Pin::new(&mut self.body).poll_frame(context);
        next.map(|frame| frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

fn unanswered(error: hyper::Error) -> Error {
    let text = if error.is_parse() || error.is_parse_too_large() {
        "the server inside answers with something that is not HTTP/1.1"
    } else {
        "the server inside broke off without an answer"
    };
    Error::unavailable(text).with_hint("look at what it writes").with_source(error)
}

/// A server inside took a connection over that was not offered.
pub(super) fn unasked() -> Error {
    Error::unavailable("the server inside switched to a protocol that nobody asked for")
}
