//! The listener, and one connection of a visitor from its first byte to its last.
//!
//! A connection speaks HTTP/1.1 or HTTP/2, by ALPN over TLS and by its first bytes without. Each
//! has a limit for them, for heads, and for what nobody takes; one of HTTP/2 without a request for
//! a while is ended.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::rt::Executor;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use infield_domain::Result;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{Context, HEAD_BYTES, PreviewDoor, admit};
use crate::serve::stall::Limited;

/// Rest after a failed accept; it fails when descriptors run out, and then fails again at once.
const ACCEPT_REST: Duration = Duration::from_millis(100);

/// Between two looks at first bytes that are not enough yet.
const PEEK_REST: Duration = Duration::from_millis(10);

/// How HTTP/2 begins, and nothing else, RFC 9113 section 3.4.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Requests at once on one connection of HTTP/2.
const STREAMS: u32 = 100;

/// Between two signs of life that a connection of HTTP/2 is asked for, and for the answer.
const PING: Duration = Duration::from_secs(30);

/// Answers visitors until `shutdown` is cancelled, and what was under way has ended or was cut.
pub async fn serve_previews(
    listener: TcpListener,
    door: PreviewDoor,
    shutdown: CancellationToken,
) -> Result<()> {
    let limits = door.limits;
    let room = Arc::new(Semaphore::new(limits.connections));
    let context = Context { door: Arc::new(door), shutdown, tasks: TaskTracker::new() };
    let tasks = context.tasks.clone();
    let ending = context.shutdown.clone();
    let accepting = async {
        loop {
            let Ok(place) = room.clone().acquire_owned().await else { return };
            match listener.accept().await {
                Ok((stream, peer)) => {
                    let context = context.clone();
                    let client = context.door.clients.enter();
                    tasks.spawn(async move {
                        welcome(&context, stream, peer).await;
                        drop((place, client));
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "a visitor could not be accepted");
                    sleep(ACCEPT_REST).await;
                }
            }
        }
    };
    tokio::select! {
        () = accepting => {}
        () = ending.cancelled() => {}
    }
    tasks.close();
    // Every task ends with `shutdown`; this long they may take to say goodbye.
    if timeout(limits.shutdown * 2, tasks.wait()).await.is_err() {
        tracing::warn!("some visitors do not go");
    }
    Ok(())
}

/// What a connection speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Speech {
    One,
    Two,
}

async fn welcome(context: &Context, stream: TcpStream, peer: SocketAddr) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a visitor left at once");
        return;
    }
    let limits = context.door.limits;
    match &context.door.tls {
        None => {
            let Ok(Some(speech)) = timeout(limits.handshake, first_bytes(&stream)).await else {
                return;
            };
            speak(context, Limited::new(stream, limits.write_stall), (speech, peer)).await;
        }
        Some(tls) => {
            let stream = Limited::new(stream, limits.write_stall);
            match timeout(limits.handshake, tls.acceptor().accept(stream)).await {
                Ok(Ok(stream)) => {
                    let two = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                    let speech = if two { Speech::Two } else { Speech::One };
                    speak(context, stream, (speech, peer)).await;
                }
                Ok(Err(error)) => tracing::debug!(%error, "a visitor does not speak TLS"),
                Err(_) => tracing::debug!("a visitor did not finish its hello"),
            }
        }
    }
}

/// Tells by its first bytes what a connection speaks, and leaves them there; none at its end.
async fn first_bytes(stream: &TcpStream) -> Option<Speech> {
    let mut seen = [0; PREFACE.len()];
    loop {
        let count = stream.peek(&mut seen).await.ok().filter(|count| *count > 0)?;
        match PREFACE.starts_with(&seen[..count]) {
            false => return Some(Speech::One),
            true if count == PREFACE.len() => return Some(Speech::Two),
            true => sleep(PEEK_REST).await,
        }
    }
}

/// Runs the tasks of a connection of HTTP/2 where somebody waits for them.
#[derive(Clone)]
struct Tasks(TaskTracker);

impl<F> Executor<F> for Tasks
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, task: F) {
        self.0.spawn(task);
    }
}

fn builder(context: &Context, speech: Speech) -> auto::Builder<Tasks> {
    let mut builder = auto::Builder::new(Tasks(context.tasks.clone()));
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(context.door.limits.headers)
        .max_buf_size(HEAD_BYTES);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(HEAD_BYTES).unwrap_or(u32::MAX))
        .max_concurrent_streams(STREAMS)
        .max_send_buf_size(HEAD_BYTES)
        .keep_alive_interval(PING)
        .keep_alive_timeout(PING);
    match speech {
        Speech::One => builder.http1_only(),
        Speech::Two => builder.http2_only(),
    }
}

async fn speak<I>(context: &Context, stream: I, (speech, peer): (Speech, SocketAddr))
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let limits = context.door.limits;
    let under_way = Arc::new(AtomicUsize::new(0));
    let counted = under_way.clone();
    let visited = context.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        let (context, counted) = (visited.clone(), Counted::new(counted.clone()));
        async move { Ok::<_, Infallible>(admit::answer(&context, peer, request, counted).await) }
    });
    let builder = builder(context, speech);
    let serving = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
    let mut serving = std::pin::pin!(serving);
    let ended = tokio::select! {
        ended = serving.as_mut() => Some(ended),
        () = context.shutdown.cancelled() => None,
        // HTTP/1.1 has its limit for the next head.
        () = unused(&under_way, limits.headers * 2), if speech == Speech::Two => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            serving.as_mut().graceful_shutdown();
            match timeout(limits.shutdown, serving).await {
                Ok(ended) => ended,
                Err(_) => return,
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a visitor's connection ended early");
    }
}

/// A request that is under way, until the last byte of its answer is handed out.
pub(super) struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn new(count: Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Waits until nothing has been under way at two looks in a row.
async fn unused(under_way: &AtomicUsize, limit: Duration) {
    let mut rested = false;
    loop {
        sleep(limit).await;
        let rests = under_way.load(Ordering::Relaxed) == 0;
        if rests && rested {
            return;
        }
        rested = rests;
    }
}
