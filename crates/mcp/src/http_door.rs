//! The door over HTTP: a tower service for `/mcp`.
//!
//! Clients of the newest revision come without a session; older ones have one, and those are
//! bounded in number and idle time. Who calls is decided by the layer in front, which puts a
//! [`Principal`] into the request; a session belongs to the owner who opened it. Host and Origin
//! are checked here too, in addition to that layer.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::convert::Infallible;
use std::fmt::Display;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, header};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use infield_domain::Principal;
use infield_engine::Engine;
use rmcp::transport::streamable_http_server::session::SessionManager;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use tokio_util::sync::CancellationToken;

use crate::door::Door;
use crate::session::Defaults;

/// Where older clients keep their session's name.
const SESSION_HEADER: &str = "mcp-session-id";

/// Sessions of everybody together.
const MOST_SESSIONS: usize = 512;

/// A session that rests this long ends; the client opens a new one.
const IDLE: Duration = Duration::from_secs(30 * 60);

/// How the door behaves over HTTP.
#[derive(Clone, Debug)]
pub struct HttpSettings {
    /// What clients want when a call does not say.
    pub defaults: Defaults,
    /// `Host` values that are let in, such as `127.0.0.1:3986`.
    pub allowed_hosts: Vec<String>,
    /// `Origin` values that are let in, with a port or `:*`; none lets no browser in.
    pub allowed_origins: Vec<String>,
    /// Ends every conversation.
    pub shutdown: CancellationToken,
}

/// The tower service for `/mcp`.
#[derive(Clone)]
pub struct HttpDoor {
    inner: StreamableHttpService<Door, LocalSessionManager>,
    manager: Arc<LocalSessionManager>,
    sessions: Arc<Mutex<HashMap<String, Opened>>>,
}

struct Opened {
    owner: String,
    used: Instant,
}

type Answer = Response<BoxBody<Bytes, Infallible>>;

impl HttpDoor {
    /// Makes the service.
    pub fn new(engine: Engine, settings: HttpSettings) -> Self {
        let HttpSettings { defaults, allowed_hosts, allowed_origins, shutdown } = settings;
        let config = StreamableHttpServerConfig::default()
            .with_allowed_hosts(allowed_hosts)
            .with_allowed_origins(allowed_origins)
            .enforce_origin_validation()
            .with_cancellation_token(shutdown.child_token());
        let mut manager = LocalSessionManager::default();
        manager.session_config.keep_alive = Some(IDLE);
        let manager = Arc::new(manager);
        let door = Door::over_http(engine, defaults);
        let inner =
            StreamableHttpService::new(move || Ok(door.clone()), Arc::clone(&manager), config);
        Self { inner, manager, sessions: Arc::default() }
    }

    async fn handle<B>(self, mut request: Request<B>) -> Answer
    where
        B: http_body::Body + Send + 'static,
        B::Error: Display,
    {
        let Some(owner) = request.extensions().get::<Principal>().map(|who| who.owner.clone())
        else {
            return refusal(StatusCode::UNAUTHORIZED, "no valid key came with the request");
        };
        if let Some(id) = session_id(request.headers())
            && !self.is_open(&id, &owner)
        {
            // Also for the session of somebody else: nobody learns that it exists.
            return refusal(StatusCode::NOT_FOUND, "there is no such session");
        }
        if is_own_origin(request.headers()) {
            // rmcp knows lists only; whether the host is ours it checks itself.
            request.headers_mut().remove(header::ORIGIN);
        }
        let answer = self.inner.handle(request).await;
        if let Some(id) = session_id(answer.headers()) {
            self.remember(id, owner).await;
        }
        answer
    }

    fn is_open(&self, id: &str, owner: &str) -> bool {
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        match sessions.get_mut(id) {
            Some(session) if session.owner == owner => {
                session.used = Instant::now();
                true
            }
            Some(_) | None => false,
        }
    }

    /// Notes a new session, forgets those that ended, and ends the oldest when there are too many.
    async fn remember(&self, id: String, owner: String) {
        let alive: Vec<String> =
            self.manager.sessions.read().await.keys().map(|id| id.to_string()).collect();
        let surplus = {
            let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
            sessions.retain(|known, _| alive.contains(known));
            sessions.insert(id, Opened { owner, used: Instant::now() });
            surplus(&mut sessions)
        };
        for id in surplus {
            if let Err(error) = self.manager.close_session(&id.as_str().into()).await {
                tracing::debug!(%error, "a session that was too many had already ended");
            }
        }
    }
}

fn surplus(sessions: &mut HashMap<String, Opened>) -> Vec<String> {
    let mut oldest: Vec<_> =
        sessions.iter().map(|(id, session)| (session.used, id.clone())).collect();
    oldest.sort();
    let count = oldest.len().saturating_sub(MOST_SESSIONS);
    let ids: Vec<_> = oldest.into_iter().take(count).map(|(_, id)| id).collect();
    for id in &ids {
        sessions.remove(id);
    }
    ids
}

/// Whether a request comes from a page of this very server.
fn is_own_origin(headers: &HeaderMap) -> bool {
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let origin = origins.next().and_then(|origin| origin.to_str().ok());
    let place = origin.and_then(|origin| origin.strip_prefix("http://"));
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let same = place.zip(host).is_some_and(|(place, host)| place.eq_ignore_ascii_case(host));
    same && origins.next().is_none()
}

fn session_id(headers: &HeaderMap) -> Option<String> {
    headers.get(SESSION_HEADER)?.to_str().ok().map(str::to_owned)
}

fn refusal(status: StatusCode, message: &str) -> Answer {
    let error = serde_json::json!({
        "jsonrpc": "2.0", "id": null, "error": {"code": -32600, "message": message}
    });
    let body = Full::new(Bytes::from(error.to_string())).boxed();
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    let json = header::HeaderValue::from_static("application/json");
    answer.headers_mut().insert(header::CONTENT_TYPE, json);
    answer
}

impl<B> tower::Service<Request<B>> for HttpDoor
where
    B: http_body::Body + Send + 'static,
    B::Error: Display,
{
    type Response = Answer;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Answer, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let door = self.clone();
        Box::pin(async move { Ok(door.handle(request).await) })
    }
}
