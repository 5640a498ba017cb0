//! The preview listener: requests of strangers go to ports inside, and nothing else is here.
//!
//! It has no route of the API and reads no key. The host name says which port of which sandbox is
//! meant ([`admit`]); a token, a cookie that was made of one, or that the port is public lets a
//! request in. What is ours is then taken off, and the request goes over a connection of its own
//! to that port ([`forward`]): one for each request, so that nothing which a server inside says
//! can be taken for the answer to another. Connections that switch to another protocol are bytes
//! from there on ([`switch`]).
//!
//! Both sides are hostile: heads, waits and numbers are bounded on each.

mod admit;
mod connection;
mod cookies;
mod forward;
mod headers;
mod page;
mod pulse;
mod site;
mod switch;
mod tls;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use infield_domain::preview::{Origin, Scheme};
use infield_engine::Engine;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clients::Clients;

pub use connection::serve_previews;
pub use tls::PreviewTls;

/// Everything that answers visitors.
#[derive(Clone)]
pub struct PreviewDoor {
    /// Decides everything.
    pub engine: Engine,
    /// Where visitors find previews.
    pub origin: Origin,
    /// The certificate, when visitors speak TLS to this very listener.
    pub tls: Option<PreviewTls>,
    /// Counts the clients.
    pub clients: Clients,
    /// How much anybody gets.
    pub limits: PreviewLimits,
}

/// How much time and room visitors and servers inside get.
#[derive(Clone, Copy, Debug)]
pub struct PreviewLimits {
    /// Connections of visitors at once.
    pub connections: usize,
    /// For the first bytes of a connection, TLS included.
    pub handshake: Duration,
    /// For the head of a request, and between two requests.
    pub headers: Duration,
    /// Without a byte taken by a visitor who is sent something.
    pub write_stall: Duration,
    /// Without a byte of a server inside that has not begun to answer.
    pub first_answer: Duration,
    /// Without a byte either way of an answer or a stream that is under way.
    pub quiet: Duration,
    /// For requests that are under way when the server ends.
    pub shutdown: Duration,
}

impl PreviewLimits {
    /// What a daemon uses when nobody says otherwise.
    pub const STANDARD: Self = Self {
        connections: 1_024,
        handshake: Duration::from_secs(10),
        headers: Duration::from_secs(30),
        write_stall: Duration::from_secs(120),
        first_answer: Duration::from_secs(300),
        quiet: Duration::from_secs(3_600),
        shutdown: Duration::from_secs(2),
    };
}

/// Bytes of a head, either way.
const HEAD_BYTES: usize = 64 << 10;

type Body = UnsyncBoxBody<Bytes, axum::BoxError>;
type Response = http::Response<Body>;

/// What every request of a visitor reaches.
#[derive(Clone)]
struct Context {
    door: Arc<PreviewDoor>,
    /// Is cancelled when the server begins to end.
    shutdown: CancellationToken,
    /// Owns every task.
    tasks: TaskTracker,
}

impl Context {
    fn scheme(&self) -> Scheme {
        self.door.origin.scheme()
    }
}
