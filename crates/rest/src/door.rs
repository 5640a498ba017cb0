//! What the composition hands to the door, and how the door behaves.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::Request;
use infield_domain::{Principal, Result};
use infield_engine::Engine;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener, UnixStream};
use tokio_util::sync::CancellationToken;
use tower::util::BoxCloneSyncService;
use tower::{Service, ServiceExt};

use crate::clients::Clients;
use crate::wire::{self, Build, McpFolders, McpHello};

/// Where requests come from.
pub struct Listeners {
    /// For clients of this machine, whose sockets name them.
    pub unix: Vec<UnixListener>,
    /// For clients with a key.
    pub tcp: Vec<TcpListener>,
}

/// Everything that answers requests.
#[derive(Clone)]
pub struct Doors {
    /// Decides everything.
    pub engine: Engine,
    /// The MCP door; without it `/mcp` and `/v1/mcp` do not exist.
    pub mcp: Option<Mcp>,
    /// How the door behaves.
    pub settings: Settings,
}

/// The MCP door, as the composition made it.
#[derive(Clone)]
pub struct Mcp {
    /// Streamable HTTP; finds the [`Principal`] in the request's extensions.
    pub http: McpService,
    /// Answers single messages of clients that speak something like MCP.
    pub plain: Plain,
    /// Carries out requests in plain language.
    pub intent: Intent,
    /// Takes the byte pipe of a front.
    pub pipe: Pipe<McpHello>,
    /// Takes the second connection of a front, over which trees of the host come and go.
    pub folders: Pipe<McpFolders>,
}

/// Answers one JSON message of somebody with another.
pub type Plain = Arc<dyn Fn(Principal, Value) -> BoxFuture<'static, Value> + Send + Sync>;

/// Carries out one request in plain language of somebody, and tells what came of it.
pub type Intent =
    Arc<dyn Fn(Principal, wire::Intent) -> BoxFuture<'static, Result<Value>> + Send + Sync>;

/// A tower service that answers `/mcp`.
pub type McpService = BoxCloneSyncService<Request<Body>, Response, Infallible>;

/// Packs any tower service as the one that answers `/mcp`.
pub fn mcp_service<S, B>(service: S) -> McpService
where
    S: Service<Request<Body>, Response = http::Response<B>, Error = Infallible>,
    S: Clone + Send + Sync + 'static,
    S::Future: Send + 'static,
    B: http_body_util::BodyExt + hyper::body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<axum::BoxError>,
{
    BoxCloneSyncService::new(service.map_response(|response| response.map(Body::new)))
}

/// Serves one upgraded connection to its end.
pub type Pipe<H> = Arc<dyn Fn(PipeCall<H>) -> BoxFuture<'static, Result<()>> + Send + Sync>;

/// One upgraded connection whose bytes mean nothing to this door.
pub struct PipeCall<H> {
    /// Who is at the other end.
    pub who: Principal,
    /// What they said first.
    pub hello: H,
    /// The connection.
    pub io: PipeIo,
    /// Is cancelled when the server ends.
    pub shutdown: CancellationToken,
}

/// Bytes both ways.
pub type PipeIo = Box<dyn Duplex>;

/// What can be read and written.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// Says who is at the other end of a unix socket, or why they may not come in.
pub type PeerCheck = Arc<dyn Fn(&UnixStream) -> Result<Principal> + Send + Sync>;

/// Says why sandboxes cannot be made, if they cannot.
pub type Health = Arc<dyn Fn() -> Result<()> + Send + Sync>;

/// How the door behaves.
#[derive(Clone)]
pub struct Settings {
    /// What `GET /v1/build` answers, and clients of our own are compared with.
    pub build: Build,
    /// What the network has to show.
    pub authentication: Authentication,
    /// Names of this server besides those of the loopback, as `name` or `name:port`.
    pub allowed_hosts: Vec<String>,
    /// Origins whose pages may send requests, such as `https://tools.example`.
    pub allowed_origins: Vec<String>,
    /// Who is at the other end of a unix socket.
    pub peer: PeerCheck,
    /// What `GET /api/health` answers.
    pub health: Health,
    /// Counts the clients.
    pub clients: Clients,
    /// How much anybody gets.
    pub limits: Limits,
}

/// What the network has to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authentication {
    /// A key.
    Key,
    /// Nothing. [`crate::serve`] refuses this on an address that is not the loopback.
    None,
}

/// How much time and room anybody gets.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at once on all unix sockets.
    pub unix_connections: usize,
    /// Connections at once on all network addresses.
    pub tcp_connections: usize,
    /// For the headers of a request, and between two requests.
    pub headers: Duration,
    /// Without a byte of a body that is announced.
    pub body_stall: Duration,
    /// Without a byte taken by a network client that is sent something.
    pub write_stall: Duration,
    /// Bytes of a JSON body.
    pub json_bytes: u64,
    /// Bytes of a JSON body that carries code and files.
    pub code_bytes: u64,
    /// Bytes of one uploaded file or tree.
    pub upload_bytes: u64,
    /// Bytes of one image.
    pub image_bytes: u64,
    /// Between empty frames on a quiet stream, so that a dead client shows.
    pub heartbeat: Duration,
    /// For requests that are under way when the server ends.
    pub shutdown: Duration,
}

impl Limits {
    /// What a daemon uses when nobody says otherwise.
    pub const STANDARD: Self = Self {
        unix_connections: 4_096,
        tcp_connections: 1_024,
        headers: Duration::from_secs(60),
        body_stall: Duration::from_secs(60),
        write_stall: Duration::from_secs(600),
        json_bytes: 1 << 20,
        code_bytes: 32 << 20,
        upload_bytes: 64 << 30,
        image_bytes: 256 << 30,
        heartbeat: Duration::from_secs(10),
        shutdown: Duration::from_secs(10),
    };
}
