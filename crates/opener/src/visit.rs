//! Carries requests between a sandbox and a secret host, each read and written anew.
//!
//! A connection is one between a client and one host. What comes back is asked for without a
//! coding, since nobody can mask what is coded. An answer that points elsewhere is the client's to
//! follow: it asks again, and is judged again.

mod tasks;
mod tunnel;

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::header::{
    ACCEPT_ENCODING, CONNECTION, CONTENT_TYPE, HeaderValue, SEC_WEBSOCKET_EXTENSIONS,
};
use http::{Request, Response, StatusCode, Version};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::upgrade::{OnUpgrade, on};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use infield_net::check::{self, Site, Wish};
use tokio_rustls::{client, server};

use crate::ahead::Ahead;
use crate::body::{self, Body};
use crate::exchange::Exchange;
use crate::head;
use crate::open::End;
use crate::stream::Counted;

use tasks::Tasks;

/// Bytes of a request's or a response's head at most, and of what is kept of a body.
const BUFFER: usize = 64 << 10;
/// Requests at once on one connection of HTTP/2.
const MOST_STREAMS: u32 = 64;
/// Bytes that one side of HTTP/2 may send ahead of a slow reader: on one stream, and on all.
const AHEAD: (u32, u32) = (256 << 10, 512 << 10);
/// How long a client may take for the head of a request.
const HEAD: Duration = Duration::from_secs(60);

/// What both sides speak inside TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// HTTP/1.1.
    One,
    /// HTTP/2.
    Two,
}

/// The way to the host.
enum Sender {
    One(Mutex<http1::SendRequest<Body>>),
    Two(http2::SendRequest<Body>),
}

/// One connection between a client and its host.
struct Visit {
    site: Site,
    exchange: Arc<Exchange>,
    sender: Sender,
    /// Why a request was refused.
    refused: Arc<Mutex<Option<String>>>,
    /// Why a request came to nothing.
    broken: Mutex<Option<String>>,
    /// Nothing more is taken on this connection.
    is_ending: tokio::sync::Notify,
    /// A request asks for another protocol, so the host's side may end before its answer.
    is_upgrading: AtomicBool,
    /// Both sides, once they agreed on another protocol.
    tunnel: Mutex<Option<(OnUpgrade, OnUpgrade)>>,
}

/// Carries requests until one side ends.
pub(crate) async fn serve(
    (site, exchange): (Site, Arc<Exchange>),
    protocol: Protocol,
    client: server::TlsStream<Counted>,
    host: client::TlsStream<Ahead>,
) -> End {
    let tasks = Tasks::default();
    let (sender, upstream) = match connect(protocol, host, &tasks).await {
        Ok(connected) => connected,
        Err(error) => return End::Broken(format!("its host speaks no HTTP: {error}")),
    };
    let visit = Arc::new(Visit {
        site,
        exchange,
        sender,
        refused: Arc::default(),
        broken: Mutex::default(),
        is_ending: tokio::sync::Notify::new(),
        is_upgrading: AtomicBool::new(false),
        tunnel: Mutex::default(),
    });
    let answering = Arc::clone(&visit);
    let service = service_fn(move |request| {
        let visit = Arc::clone(&answering);
        async move { answer(&visit, request).await }
    });
    let builder = builder(protocol, &tasks);
    let mut downstream =
        pin!(builder.serve_connection_with_upgrades(TokioIo::new(client), service));
    let mut upstream = pin!(upstream);
    let mut is_gone = false;
    let ended = loop {
        tokio::select! {
            ended = downstream.as_mut() => break ended,
            () = upstream.as_mut(), if !is_gone => {
                is_gone = true;
                if !visit.is_upgrading.load(Ordering::Relaxed) {
                    downstream.as_mut().graceful_shutdown();
                }
            }
            () = visit.is_ending.notified() => downstream.as_mut().graceful_shutdown(),
        }
    };
    let tunnel = lock(&visit.tunnel).take();
    if let Some((client, host)) = tunnel
        && let Some(secret) = tunnel::carry(client, host, &visit.exchange).await
    {
        lock(&visit.refused).get_or_insert(secret);
    }
    let (refused, broken) = (lock(&visit.refused).take(), lock(&visit.broken).take());
    match (refused, broken, ended) {
        (Some(why), _, _) => End::Refused(why),
        (None, Some(why), _) => End::Broken(why),
        (None, None, Err(error)) => End::Broken(format!("it broke: {error}")),
        (None, None, Ok(())) => End::Done,
    }
}

/// Tells a client why its host cannot be spoken to.
pub(crate) async fn apologise(
    site: &Site,
    protocol: Protocol,
    client: server::TlsStream<Counted>,
    why: &str,
) {
    let tasks = Tasks::default();
    let text = format!("infield could not reach {}: {why}\n", site.name);
    let service = service_fn(move |_: Request<Incoming>| {
        let response = notice(StatusCode::BAD_GATEWAY, text.clone());
        std::future::ready(Ok::<_, Infallible>(response))
    });
    let builder = builder(protocol, &tasks);
    let served = builder.serve_connection_with_upgrades(TokioIo::new(client), service);
    let mut served = pin!(served);
    let ended = tokio::time::timeout(HEAD, served.as_mut()).await;
    if ended.is_err() {
        served.as_mut().graceful_shutdown();
        drop(tokio::time::timeout(Duration::from_secs(1), served).await);
    }
}

/// What serves clients.
fn builder(protocol: Protocol, tasks: &Tasks) -> auto::Builder<Tasks> {
    let mut builder = auto::Builder::new(tasks.clone());
    builder
        .http1()
        .max_buf_size(BUFFER)
        .preserve_header_case(true)
        .auto_date_header(false)
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MOST_STREAMS)
        .initial_stream_window_size(AHEAD.0)
        .initial_connection_window_size(AHEAD.1)
        .max_send_buf_size(BUFFER)
        .max_header_list_size(u32::try_from(BUFFER).unwrap_or(u32::MAX))
        .auto_date_header(false);
    match protocol {
        Protocol::One => builder.http1_only(),
        Protocol::Two => builder.http2_only(),
    }
}

type Driving = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

async fn connect(
    protocol: Protocol,
    host: client::TlsStream<Ahead>,
    tasks: &Tasks,
) -> hyper::Result<(Sender, Driving)> {
    let host = TokioIo::new(host);
    // What ends a connection shows in its requests.
    match protocol {
        Protocol::One => {
            let mut builder = http1::Builder::new();
            builder.max_buf_size(BUFFER).preserve_header_case(true);
            let (sender, upstream) = builder.handshake(host).await?;
            let driving = Box::pin(async move { drop(upstream.with_upgrades().await) });
            Ok((Sender::One(Mutex::new(sender)), driving))
        }
        Protocol::Two => {
            let mut builder = http2::Builder::new(tasks.clone());
            builder.timer(TokioTimer::new());
            builder.initial_stream_window_size(AHEAD.0).initial_connection_window_size(AHEAD.1);
            builder.max_send_buf_size(BUFFER);
            builder.max_header_list_size(u32::try_from(BUFFER).unwrap_or(u32::MAX));
            let (sender, upstream) = builder.handshake(host).await?;
            Ok((Sender::Two(sender), Box::pin(async move { drop(upstream.await) })))
        }
    }
}

/// Answers one request: by what the host answers, unless it is refused.
async fn answer(
    visit: &Arc<Visit>,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let answered = ask(visit, request).await;
    // What was refused in the middle of a body broke the request, too.
    if let Some(why) = lock(&visit.refused).clone() {
        visit.is_ending.notify_one();
        let text = format!("infield refused this request to {}: {why}\n", visit.site.name);
        return Ok(notice(StatusCode::FORBIDDEN, text));
    }
    Ok(answered.unwrap_or_else(|why| {
        let text = format!("infield got no answer from {}: {why}\n", visit.site.name);
        lock(&visit.broken).get_or_insert(why);
        visit.is_ending.notify_one();
        notice(StatusCode::BAD_GATEWAY, text)
    }))
}

async fn ask(visit: &Arc<Visit>, mut request: Request<Incoming>) -> Result<Response<Body>, String> {
    let wish = match prepare(visit, &mut request) {
        Ok(wish) => wish,
        Err(why) => {
            lock(&visit.refused).get_or_insert(why);
            return Err(String::new());
        }
    };
    let client = on(&mut request);
    let (exchange, refused) = (&visit.exchange, Arc::clone(&visit.refused));
    let noted = Arc::new(move |why| {
        lock(&refused).get_or_insert(why);
    });
    let has_body = request.method() != http::Method::HEAD;
    let mut request =
        body::fill(request, exchange, noted).await.map_err(|error| error.to_string())?;
    if matches!(visit.sender, Sender::Two(_)) {
        head::raise(&mut request)?;
    }
    let sent = match &visit.sender {
        Sender::One(sender) => {
            let ready = poll_fn(|context| lock(sender).poll_ready(context)).await;
            ready.map_err(|error| error.to_string())?;
            let sending = lock(sender).send_request(request);
            sending.await
        }
        Sender::Two(sender) => sender.clone().send_request(request).await,
    };
    let mut response = sent.map_err(|error| error.to_string())?;
    let is_switched = response.status() == StatusCode::SWITCHING_PROTOCOLS;
    check::response(&mut response, wish)?;
    if has_body && body::is_coded(response.headers()) {
        return Err(
            "its answer is compressed, though nothing of that kind was asked for".to_owned()
        );
    }
    head::mask(response.headers_mut(), exchange);
    response.extensions_mut().remove::<hyper::ext::ReasonPhrase>();
    if is_switched {
        *lock(&visit.tunnel) = Some((client, on(&mut response)));
    }
    let response = if has_body {
        body::mask(response, exchange).await.map_err(|error| error.to_string())?
    } else {
        response.map(|_| body::text(""))
    };
    Ok(response)
}

/// Checks a request, and makes it what goes to the host; says why it is refused.
fn prepare(visit: &Visit, request: &mut Request<Incoming>) -> Result<Wish, String> {
    head::flatten(request)?;
    check::request(request.method(), request.uri(), request.headers(), &visit.site)?;
    let wish = check::wish(request);
    check::forward(request, wish);
    let headers = request.headers_mut();
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers.remove(SEC_WEBSOCKET_EXTENSIONS);
    head::fill(request, &visit.exchange)?;
    if wish == Wish::WebSocket {
        visit.is_upgrading.store(true, Ordering::Relaxed);
    }
    Ok(wish)
}

/// An answer of our own.
fn notice(status: StatusCode, text: String) -> Response<Body> {
    let mut response = Response::new(body::text(text));
    (*response.status_mut(), *response.version_mut()) = (status, Version::HTTP_11);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing in a critical section can panic half-way.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
