//! One connection, from its first byte to its last.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Body;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use infield_domain::{Error, Principal};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::OwnedSemaphorePermit;
use tower::ServiceExt;

use super::{BUFFER_BYTES, Server};
use crate::clients::Client;
use crate::door::Limits;

#[cfg(test)]
mod tests;

/// What is known of a connection before its first request; an extension of each request.
#[derive(Clone)]
pub(crate) struct Connection {
    /// Who is at the other end.
    pub(crate) peer: Peer,
    /// Counts the connection for as long as it or what it was upgraded to lives.
    pub(crate) place: Arc<Place>,
}

/// A connection's share of what is bounded.
pub(crate) struct Place {
    _client: Client,
    _permit: OwnedSemaphorePermit,
}

/// Who is at the other end.
#[derive(Clone)]
pub(crate) enum Peer {
    /// A process of this machine that the composition let in.
    Local(Principal),
    /// A process of this machine that the composition did not let in, and why.
    Refused(Arc<Error>),
    /// Somebody who connected to this address of ours.
    Network(SocketAddr),
}

/// HTTP with our limits.
fn protocol(limits: &Limits) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(limits.headers).max_buf_size(BUFFER_BYTES);
    builder
}

impl Connection {
    pub(super) fn new(peer: Peer, client: Client, permit: OwnedSemaphorePermit) -> Self {
        Self { peer, place: Arc::new(Place { _client: client, _permit: permit }) }
    }
}

impl Server {
    /// Serves requests one after the other until either side ends it.
    pub(super) async fn serve_one<I>(self, stream: I, connection: Connection)
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let router = self.router;
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(connection.clone());
            router.clone().oneshot(request.map(Body::new))
        });
        let limits = &self.context.doors.settings.limits;
        let serving =
            protocol(limits).serve_connection(TokioIo::new(stream), service).with_upgrades();
        let mut serving = std::pin::pin!(serving);
        let ended = tokio::select! {
            ended = serving.as_mut() => ended,
            () = self.context.shutdown.cancelled() => {
                serving.as_mut().graceful_shutdown();
                tokio::select! {
                    ended = serving => ended,
                    () = self.abort.cancelled() => return,
                }
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection ended early");
        }
    }
}
