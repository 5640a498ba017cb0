//! The client of the daemon: HTTP/1.1 over its unix socket, one connection for one request.
//!
//! A connection to a unix socket costs some ten microseconds, which is less than keeping one
//! would cost in code. Every request names our build; a daemon of another build is asked to hand
//! over, and ours takes its place. A daemon that does not run is started in the background.

mod connect;
mod request;
mod stream;

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use infield_domain::{Error, Result};
use infield_rest::wire::{self, ErrorBody, ErrorDetail};
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

pub(crate) use request::{Request, segment};
pub(crate) use stream::{Connection, Events, Inputs};

use self::request::Body;
use crate::error::from_detail;
use crate::home::Home;

/// Differs between any two builds; made by the build script of everything that goes in.
pub(crate) const BUILD: &str = env!("INFIELD_BUILD");

/// How long an answer may take to begin when the request does not say otherwise.
const PATIENCE: Duration = Duration::from_secs(60);

/// Bytes of a JSON answer at most: a page of a thousand sandboxes has less than a tenth of it.
const ANSWER_BYTES: usize = 64 << 20;

/// How often a request is sent before two builds are seen to fight over the daemon.
const ATTEMPTS: u32 = 6;

/// Reaches one daemon.
#[derive(Clone)]
pub(crate) struct Client {
    reach: Reach,
    caller: Caller,
}

/// Where the daemon is.
#[derive(Clone)]
enum Reach {
    /// Behind the socket of a home on this machine.
    Home(Home, Starts),
    /// Behind a network address.
    Network(String),
}

/// What every request says about its sender.
#[derive(Clone)]
struct Caller {
    name: HeaderValue,
    host: HeaderValue,
    authorization: Option<HeaderValue>,
}

/// Whether a missing daemon is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Starts {
    /// In the background, as soon as it is missed.
    Daemon,
    /// Never: that none runs is an answer.
    Nothing,
}

impl Client {
    /// A client for `home`. Nothing is done before the first request.
    pub(crate) fn new(home: Home, starts: Starts) -> Self {
        let (name, host) = (HeaderValue::from_static("cli"), HeaderValue::from_static("localhost"));
        let caller = Caller { name, host, authorization: None };
        Self { reach: Reach::Home(home, starts), caller }
    }

    /// A client for a daemon that listens on `address`, such as `127.0.0.1:3986`.
    pub(crate) fn over_network(address: &str, key: Option<&str>) -> Result<Self> {
        let header = |text: &str| {
            HeaderValue::from_str(text)
                .map_err(|_| Error::invalid("an address and a key have printable letters only"))
        };
        let authorization = key.map(|key| header(&format!("Bearer {key}"))).transpose()?;
        let name = HeaderValue::from_static("cli");
        let caller = Caller { name, host: header(address)?, authorization };
        Ok(Self { reach: Reach::Network(address.to_owned()), caller })
    }

    /// Names the client: the daemon makes it the owner of what the client makes.
    pub(crate) fn named(mut self, name: &str) -> Result<Self> {
        self.caller.name = HeaderValue::from_str(name)
            .map_err(|_| Error::invalid("an owner name has printable ASCII letters only"))?;
        Ok(self)
    }

    /// Sends a request and reads its JSON answer.
    pub(crate) async fn json<T: DeserializeOwned>(&self, request: Request) -> Result<T> {
        json_of(self.send(request).await?).await
    }

    /// Sends a request and gives the status of its answer, which is one of success.
    pub(crate) async fn status(&self, request: Request) -> Result<StatusCode> {
        Ok(self.send(request).await?.status())
    }

    /// The process that keeps the daemon of this machine.
    pub(crate) async fn keeper(&self) -> Result<i32> {
        match &self.reach {
            Reach::Home(home, _) => connect::keeper(home).await,
            Reach::Network(_) => Err(Error::unsupported("the daemon is behind a network address")),
        }
    }

    /// A connection for many requests. It neither starts a daemon nor replaces one.
    pub(crate) async fn keep(&self) -> Result<Kept> {
        let sender = match &self.reach {
            Reach::Home(home, _) => handshake(connect::open(home, Starts::Nothing).await?).await?,
            Reach::Network(address) => handshake(connect::dial(address).await?).await?,
        };
        Ok(Kept { sender, caller: self.caller.clone() })
    }

    /// Sends a request and gives the body as it comes.
    pub(crate) async fn download(&self, request: Request) -> Result<Incoming> {
        Ok(self.send(request).await?.into_body())
    }

    /// Sends a request whose answer turns the connection into a stream of frames.
    pub(crate) async fn upgrade(&self, request: Request) -> Result<Connection> {
        upgraded(self.send(request.upgrading()).await?).await
    }

    /// Makes sure that a daemon of our build runs and is ready, for requests whose body cannot be sent twice.
    pub(crate) async fn greet(&self) -> Result<()> {
        let _build: wire::Build = self.json(Request::get("/v1/build")).await?;
        match &self.reach {
            Reach::Home(home, _) => connect::wait_until_ready(home, &self.caller).await,
            Reach::Network(_) => Ok(()),
        }
    }

    /// Waits until the daemon that was asked to end has ended.
    pub(crate) async fn gone(&self) -> Result<()> {
        match &self.reach {
            Reach::Home(home, _) => connect::wait_for_end(home).await,
            Reach::Network(_) => Ok(()),
        }
    }

    async fn send(&self, request: Request) -> Result<Response<Incoming>> {
        match &self.reach {
            Reach::Home(home, starts) => self.send_home(home, *starts, request).await,
            Reach::Network(address) => {
                let stream = connect::dial(address).await?;
                let response = exchange(stream, request, &self.caller).await?;
                if is_success(&response) {
                    return Ok(response);
                }
                Err(from_detail(failure(response).await?))
            }
        }
    }

    async fn send_home(
        &self,
        home: &Home,
        starts: Starts,
        mut request: Request,
    ) -> Result<Response<Incoming>> {
        for _ in 0..ATTEMPTS {
            let stream = connect::open(home, starts).await?;
            let again = request.again();
            let response = exchange(stream, request, &self.caller).await?;
            if is_success(&response) {
                return Ok(response);
            }
            let detail = failure(response).await?;
            let other_build = detail.code.as_deref() == Some("build");
            match again {
                Some(next) if starts == Starts::Daemon && other_build => {
                    connect::hand_over(home, &self.caller).await?;
                    request = next;
                }
                // A daemon that starts or ends takes requests and can do nothing yet.
                Some(next)
                    if starts == Starts::Daemon
                        && detail.kind == "unavailable"
                        && !connect::is_ready(home, &self.caller).await? =>
                {
                    connect::wait_until_ready(home, &self.caller).await?;
                    request = next;
                }
                Some(_) | None => return Err(from_detail(detail)),
            }
        }
        Err(Error::conflict("another build of infield starts its daemon again and again")
            .with_hint("use one build, or give each its own `--home`"))
    }
}

/// A connection that is kept, as most clients of an HTTP server keep theirs.
pub(crate) struct Kept {
    sender: SendRequest<Body>,
    caller: Caller,
}

impl Kept {
    /// Sends a request and reads its JSON answer.
    pub(crate) async fn json<T: DeserializeOwned>(&mut self, request: Request) -> Result<T> {
        self.sender.ready().await.map_err(lost)?;
        let response = send_over(&mut self.sender, request, &self.caller).await?;
        if is_success(&response) {
            return json_of(response).await;
        }
        Err(from_detail(failure(response).await?))
    }

    /// Sends a request and gives the status of its answer, whose body is read and dropped.
    pub(crate) async fn status(&mut self, request: Request) -> Result<StatusCode> {
        self.sender.ready().await.map_err(lost)?;
        let response = send_over(&mut self.sender, request, &self.caller).await?;
        let status = response.status();
        collect(response.into_body()).await?;
        Ok(status)
    }

    /// Sends a request whose answer turns the connection into a stream of frames.
    pub(crate) async fn upgrade(mut self, request: Request) -> Result<Connection> {
        self.sender.ready().await.map_err(lost)?;
        let response = send_over(&mut self.sender, request.upgrading(), &self.caller).await?;
        if is_success(&response) {
            return upgraded(response).await;
        }
        Err(from_detail(failure(response).await?))
    }
}

async fn upgraded(response: Response<Incoming>) -> Result<Connection> {
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Err(Error::internal("the daemon answered without a stream"));
    }
    let upgraded = hyper::upgrade::on(response).await.map_err(|source| {
        Error::unavailable("the daemon closed the connection").with_source(source)
    })?;
    Ok(Connection::new(upgraded))
}

fn is_success(response: &Response<Incoming>) -> bool {
    response.status().is_success() || response.status() == StatusCode::SWITCHING_PROTOCOLS
}

/// Sends one request over a fresh connection, and waits for the head of the answer.
async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    request: Request,
    caller: &Caller,
) -> Result<Response<Incoming>> {
    send_over(&mut handshake(stream).await?, request, caller).await
}

async fn handshake(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
) -> Result<SendRequest<Body>> {
    let (sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(lost)?;
    // The task ends with the connection: when both its user and the daemon are done with it.
    tokio::spawn(connection.with_upgrades());
    Ok(sender)
}

async fn send_over(
    sender: &mut SendRequest<Body>,
    request: Request,
    caller: &Caller,
) -> Result<Response<Incoming>> {
    let patience = request.patience().unwrap_or(PATIENCE);
    let mut request = request.into_http()?;
    let headers = request.headers_mut();
    headers.insert(header::HOST, caller.host.clone());
    headers.insert(wire::BUILD_HEADER, HeaderValue::from_static(BUILD));
    headers.insert(wire::CLIENT_HEADER, caller.name.clone());
    if let Some(authorization) = &caller.authorization {
        headers.insert(header::AUTHORIZATION, authorization.clone());
    }
    match timeout(patience, sender.send_request(request)).await {
        Ok(answered) => answered.map_err(lost),
        Err(_) => Err(Error::timeout(format!(
            "the daemon did not answer within {} s",
            patience.as_secs()
        ))
        .with_hint("look at the end of the daemon's log")),
    }
}

fn lost(source: hyper::Error) -> Error {
    Error::unavailable("the daemon closed the connection without an answer")
        .with_hint("look at the end of the daemon's log, and try again")
        .with_source(source)
}

async fn json_of<T: DeserializeOwned>(response: Response<Incoming>) -> Result<T> {
    let body = collect(response.into_body()).await?;
    serde_json::from_slice(&body).map_err(|source| {
        Error::internal("the daemon answered with JSON of another shape")
            .with_hint("run `infield shutdown`; the next command starts a daemon of this build")
            .with_source(source)
    })
}

async fn collect(mut body: Incoming) -> Result<Bytes> {
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame
            .map_err(|source| Error::unavailable("the answer was cut short").with_source(source))?;
        if let Ok(data) = frame.into_data() {
            if whole.len() + data.len() > ANSWER_BYTES {
                return Err(Error::internal(format!("the answer is over {ANSWER_BYTES} bytes")));
            }
            whole.extend_from_slice(&data);
        }
    }
    Ok(whole.freeze())
}

async fn failure(response: Response<Incoming>) -> Result<ErrorDetail> {
    let status = response.status();
    let body = collect(response.into_body()).await?;
    serde_json::from_slice::<ErrorBody>(&body).map(|body| body.error).map_err(|source| {
        Error::internal(format!("the daemon answered {status} without saying why"))
            .with_source(source)
    })
}
