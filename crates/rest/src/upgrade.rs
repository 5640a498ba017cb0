//! Connections that stop being HTTP.
//!
//! A handler that found [`Upgrade`] answers 101 and hands the connection to a task which the
//! server owns and awaits. [`run`] pumps a command; pipes of the MCP door get the bytes as they
//! are.

mod pump;

use std::time::Duration;

use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::response::Response;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use infield_domain::{Error, Principal, Result};
use infield_engine::{Run, Visit};
use tracing::Instrument;

use crate::door::{Pipe, PipeCall};
use crate::failure::{self, Answer, Failure};
use crate::serve::{Connection, Context};
use crate::wire::{Started, UPGRADE};

/// Between the answer 101 and the first byte of the stream.
const SWITCH_LIMIT: Duration = Duration::from_secs(10);

/// A connection whose client asked for a stream.
pub(crate) struct Upgrade {
    ready: OnUpgrade,
    connection: Connection,
}

/// The upgrade, when the client asked for one.
pub(crate) struct MaybeUpgrade(pub(crate) Option<Upgrade>);

impl<S: Send + Sync> FromRequestParts<S> for MaybeUpgrade {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Answer<Self> {
        if !wants_stream(&parts.headers) {
            return Ok(Self(None));
        }
        let ready = parts.extensions.remove::<OnUpgrade>();
        let connection = parts.extensions.get::<Connection>().cloned();
        match (ready, connection) {
            (Some(ready), Some(connection)) => Ok(Self(Some(Upgrade { ready, connection }))),
            (_, _) => Err(Error::invalid("this connection cannot be upgraded")
                .with_hint("send `Connection: upgrade` over HTTP/1.1")
                .into()),
        }
    }
}

impl MaybeUpgrade {
    /// The upgrade of a route that has no other answer.
    pub(crate) fn required(self) -> Result<Upgrade> {
        self.0.ok_or_else(|| {
            Error::invalid("this route answers with a stream alone")
                .with_hint(format!("send `Connection: upgrade` and `Upgrade: {UPGRADE}`"))
        })
    }
}

fn wants_stream(headers: &HeaderMap) -> bool {
    headers.get(header::UPGRADE).is_some_and(|value| {
        value.to_str().is_ok_and(|text| text.trim().eq_ignore_ascii_case(UPGRADE))
    })
}

/// Streams a command over the connection.
pub(crate) fn run(context: &Context, who: &Principal, upgrade: Upgrade, run: Run) -> Response {
    let refused = run.refused();
    let link = pump::Link {
        shutdown: context.shutdown.clone(),
        heartbeat: context.doors.settings.limits.heartbeat,
        request_id: who.request_id.clone(),
        refused: Box::new(move || refused.list()),
    };
    let started = Started {
        execution_id: run.execution_id.to_string(),
        sandbox_id: run.sandbox.id.to_string(),
        sandbox_name: run.sandbox.spec.name.to_string(),
    };
    spawn(context, upgrade, |io| pump::run(link, io, started, run.into_process()))
}

/// Hands the connection to a pipe of the MCP door.
pub(crate) fn pipe<H: Send + 'static>(
    context: &Context,
    upgrade: Upgrade,
    pipe: Pipe<H>,
    (who, hello): (Principal, H),
) -> Response {
    let shutdown = context.shutdown.clone();
    spawn(context, upgrade, async move |io| {
        pipe(PipeCall { who, hello, io: Box::new(io), shutdown }).await
    })
}

/// Connects the client with a port inside, until either has said its last or the server ends.
pub(crate) fn visit(context: &Context, upgrade: Upgrade, mut visit: Visit) -> Response {
    let shutdown = context.shutdown.clone();
    spawn(context, upgrade, async move |mut io| {
        tokio::select! {
            copied = tokio::io::copy_bidirectional(&mut io, &mut visit) => {
                tracing::debug!(?copied, "a connection to a port ended");
            }
            () = shutdown.cancelled() => {}
        }
        Ok(())
    })
}

type Io = TokioIo<Upgraded>;

fn spawn<F, W>(context: &Context, upgrade: Upgrade, work: F) -> Response
where
    F: FnOnce(Io) -> W + Send + 'static,
    W: Future<Output = Result<()>> + Send,
{
    let Upgrade { ready, connection } = upgrade;
    let task = async move {
        let place = connection.place;
        match tokio::time::timeout(SWITCH_LIMIT, ready).await {
            Ok(Ok(upgraded)) => {
                if let Err(error) = work(TokioIo::new(upgraded)).await {
                    failure::log(&error);
                }
            }
            Ok(Err(error)) => tracing::debug!(%error, "an upgrade ended early"),
            Err(_) => tracing::debug!("an upgrade did not come about in time"),
        }
        drop(place);
    };
    context.tasks.spawn(task.in_current_span());
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static(UPGRADE));
    response
}
