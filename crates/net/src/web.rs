//! Carries plain HTTP by name: a relay that reads every request.
//!
//! A connection is one between a client and one site, and each request on it must be for that
//! site. Both sides are written anew from what was understood here, so nobody can hide a second
//! request in how one ends. Bodies stream through; nothing is kept, cached or added.

pub mod check;
mod stray;
mod stream;

use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_TYPE, HeaderValue};
use http::{Request, Response, StatusCode};
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1 as client;
use hyper::server::conn::http1 as server;
use hyper::service::service_fn;
use hyper::upgrade::{OnUpgrade, on};
use hyper_util::rt::{TokioIo, TokioTimer};
use infield_domain::secret::Guarded;
use tokio::io::copy_bidirectional_with_sizes;

use crate::refusal::Refusal;

use check::Wish;

pub(crate) use check::Site;
pub(crate) use stream::Stream;

/// Bytes of a request's or a response's head at most, and of what is kept of a body.
const BUFFER: usize = 64 << 10;
/// Bytes of each direction after an upgrade that wait for a slow reader.
const TUNNEL: usize = 8 << 10;
/// How long a client may take for the head of a request.
const HEAD: Duration = Duration::from_secs(60);

type Body = Either<Incoming, Full<Bytes>>;
type Refuse<'a> = &'a (dyn Fn(&str) -> Refusal + Send + Sync);

/// How many requests a connection carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turns {
    /// As many as come.
    Many,
    /// One: the next one of a client of a proxy may be for another site.
    One,
}

/// One connection between a client and its site.
struct Visit<'a> {
    site: Site,
    /// Whose placeholders may not leave in the clear.
    secrets: Arc<[Guarded]>,
    refuse: Refuse<'a>,
    sender: Mutex<client::SendRequest<Incoming>>,
    /// Why a request was refused.
    refused: Mutex<Option<String>>,
    /// A request asks for another protocol, so the server's side may end before its answer.
    is_upgrading: AtomicBool,
    /// Both sides, once they agreed on another protocol.
    tunnel: Mutex<Option<(OnUpgrade, OnUpgrade)>>,
}

/// Carries requests until one side ends. Why one of them was refused, if one was: it is answered,
/// and the last one.
pub(crate) async fn serve(
    (site, turns): (Site, Turns),
    secrets: Arc<[Guarded]>,
    (client, server): (Stream, Stream),
    refuse: Refuse<'_>,
) -> Option<String> {
    let mut builder = client::Builder::new();
    builder.max_buf_size(BUFFER).preserve_header_case(true);
    let (sender, upstream) = builder.handshake(TokioIo::new(server)).await.ok()?;
    let visit = Visit {
        site,
        secrets,
        refuse,
        sender: Mutex::new(sender),
        refused: Mutex::default(),
        is_upgrading: AtomicBool::new(false),
        tunnel: Mutex::default(),
    };
    let mut builder = server::Builder::new();
    builder.max_buf_size(BUFFER).preserve_header_case(true).auto_date_header(false);
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD);
    builder.keep_alive(turns == Turns::Many);
    let service = service_fn(|request| answer(&visit, request));
    let mut downstream =
        pin!(builder.serve_connection(TokioIo::new(client), service).with_upgrades());
    let mut upstream = pin!(upstream.with_upgrades());
    let mut is_gone = false;
    let ended = loop {
        tokio::select! {
            ended = downstream.as_mut() => break ended,
            _ = upstream.as_mut(), if !is_gone => {
                is_gone = true;
                if !visit.is_upgrading.load(Ordering::Relaxed) {
                    downstream.as_mut().graceful_shutdown();
                }
            }
        }
    };
    if ended.is_err_and(|error| error.is_parse()) {
        lock(&visit.refused).get_or_insert("its request is malformed".to_owned());
    }
    let tunnel = lock(&visit.tunnel).take();
    if let Some((client, server)) = tunnel {
        carry(client, server).await;
    }
    lock(&visit.refused).take()
}

/// Answers one request: by what the site answers, unless it is refused.
async fn answer(
    visit: &Visit<'_>,
    mut request: Request<Incoming>,
) -> Result<Response<Body>, hyper::Error> {
    let checked = check::request(request.method(), request.uri(), request.headers(), &visit.site);
    let refused = checked.err().map(str::to_owned);
    if let Some(why) = refused.or_else(|| stray::carried(&request, &visit.secrets)) {
        let text = format!("{}\n", (visit.refuse)(&why));
        lock(&visit.refused).get_or_insert(why);
        return Ok(notice(StatusCode::FORBIDDEN, text));
    }
    let wish = check::wish(&request);
    check::forward(&mut request, wish);
    if wish == Wish::WebSocket {
        visit.is_upgrading.store(true, Ordering::Relaxed);
    }
    let client = on(&mut request);
    if poll_fn(|context| lock(&visit.sender).poll_ready(context)).await.is_err() {
        return Ok(no_answer(visit));
    }
    let answered = lock(&visit.sender).send_request(request);
    let Ok(mut response) = answered.await else { return Ok(no_answer(visit)) };
    let is_switched = response.status() == StatusCode::SWITCHING_PROTOCOLS;
    if check::response(&mut response, wish).is_err() {
        return Ok(no_answer(visit));
    }
    if is_switched {
        *lock(&visit.tunnel) = Some((client, on(&mut response)));
    }
    Ok(response.map(Either::Left))
}

/// Carries what is no HTTP any more.
async fn carry(client: OnUpgrade, server: OnUpgrade) {
    let Ok((client, server)) = tokio::try_join!(client, server) else { return };
    let (mut client, mut server) = (TokioIo::new(client), TokioIo::new(server));
    // However it ended, both sides are closed now.
    drop(copy_bidirectional_with_sizes(&mut client, &mut server, TUNNEL, TUNNEL).await);
}

fn no_answer(visit: &Visit<'_>) -> Response<Body> {
    let text = format!("infield got no answer from {}\n", visit.site.name);
    notice(StatusCode::BAD_GATEWAY, text)
}

/// An answer of our own, and the last one of its connection.
fn notice(status: StatusCode, text: String) -> Response<Body> {
    let mut response = Response::new(Either::Right(Full::from(text)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing in a critical section can panic half-way.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
