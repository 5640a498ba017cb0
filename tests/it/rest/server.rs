//! A server on loopback sockets, with an engine over a fake provider.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};
use infield_domain::{Error, Principal};
use infield_engine::Engine;
use infield_rest::wire::Build;
use infield_rest::{Authentication, Clients, Doors, Limits, Listeners, Mcp, Settings};
use infield_testkit::{FakeGuest, FakeProvider, TestEngine, open_engine};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::client::{Client, LIMIT, Reply};

/// The build that the server says it is of.
pub(crate) const BUILD: &str = "build-7";

/// A running server.
pub(crate) struct Server {
    pub(crate) engine: Engine,
    pub(crate) provider: Arc<FakeProvider>,
    pub(crate) healthy: Arc<AtomicBool>,
    pub(crate) address: SocketAddr,
    pub(crate) clients: Clients,
    pub(crate) shutdown: CancellationToken,
    folder: tempfile::TempDir,
    serving: JoinHandle<infield_domain::Result<()>>,
}

/// What differs from a plain server.
pub(crate) struct Options {
    pub(crate) authentication: Authentication,
    pub(crate) limits: Limits,
    pub(crate) mcp: Option<Mcp>,
    /// Lets nobody in over the unix socket.
    pub(crate) refuse_peers: bool,
}

impl Options {
    pub(crate) fn plain() -> Self {
        Self {
            authentication: Authentication::Key,
            limits: Limits::STANDARD,
            mcp: None,
            refuse_peers: false,
        }
    }
}

impl Server {
    pub(crate) async fn plain() -> Result<Self> {
        Self::start(Options::plain()).await
    }

    pub(crate) async fn start(options: Options) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let unix = UnixListener::bind(folder.path().join("infield.sock"))?;
        let tcp = TcpListener::bind("127.0.0.1:0").await?;
        let address = tcp.local_addr()?;
        let TestEngine { engine, provider } = open_engine().await?;
        let clients = Clients::new();
        let healthy = Arc::new(AtomicBool::new(true));
        let watched = healthy.clone();
        let refuse = options.refuse_peers;
        let settings = Settings {
            build: Build { version: "0.1.0".to_owned(), build: BUILD.to_owned(), pid: 7 },
            authentication: options.authentication,
            allowed_hosts: vec!["box.example".to_owned()],
            allowed_origins: vec!["https://tools.example".to_owned()],
            peer: Arc::new(move |_| match refuse {
                true => Err(Error::denied("this socket is not for you")),
                false => Ok(Principal::operator("operator")),
            }),
            health: Arc::new(move || match watched.load(Ordering::SeqCst) {
                true => Ok(()),
                false => Err(Error::unavailable("sandboxes cannot be made yet")),
            }),
            clients: clients.clone(),
            limits: options.limits,
        };
        let doors = Doors { engine: engine.clone(), mcp: options.mcp, settings };
        let shutdown = CancellationToken::new();
        let listeners = Listeners { unix: vec![unix], tcp: vec![tcp] };
        let serving = tokio::spawn(infield_rest::serve(listeners, doors, shutdown.clone()));
        Ok(Self { engine, provider, healthy, address, clients, shutdown, folder, serving })
    }

    /// A new connection to the unix socket.
    pub(crate) async fn unix(&self) -> Result<Client> {
        Ok(Client::new(UnixStream::connect(self.folder.path().join("infield.sock")).await?))
    }

    /// A new connection to the network address.
    pub(crate) async fn tcp(&self) -> Result<Client> {
        Ok(Client::new(TcpStream::connect(self.address).await?))
    }

    /// Sends a request of the command line's client, and reads the answer.
    pub(crate) async fn ask(&self, method: &str, target: &str, body: Value) -> Result<Reply> {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let head = format!(
            "{method} {target} HTTP/1.1\nHost: infield\nInfield-Build: {BUILD}\n\
             Content-Type: application/json\nContent-Length: {}",
            body.len()
        );
        self.unix().await?.ask(&head, body).await
    }

    /// Sends a request that must succeed with this status, and gives the answer's JSON.
    pub(crate) async fn good(&self, status: u16, call: (&str, &str, Value)) -> Result<Value> {
        let (method, target, body) = call;
        let reply = self.ask(method, target, body).await?;
        anyhow::ensure!(
            reply.status == status,
            "{method} {target}: {} {}",
            reply.status,
            reply.json()
        );
        Ok(reply.json())
    }

    /// Sends a request that must fail so, and gives the message.
    pub(crate) async fn bad(
        &self,
        (status, kind): (u16, &str),
        call: (&str, &str, Value),
    ) -> Result<String> {
        let (method, target, body) = call;
        let reply = self.ask(method, target, body).await?;
        let (given, message) = reply.error();
        anyhow::ensure!(
            (reply.status, given.as_str()) == (status, kind),
            "{method} {target}: {} {given} {message}",
            reply.status
        );
        Ok(message)
    }

    /// A running sandbox of this name, and its inside.
    pub(crate) async fn sandbox(&self, name: &str) -> Result<Arc<FakeGuest>> {
        let made = self.good(201, ("POST", "/v1/sandboxes", json!({"name": name}))).await?;
        let id = made["id"].as_str().context("it has an id")?.parse()?;
        self.provider.inside(&id).context("it runs")
    }

    /// A key with these permissions.
    pub(crate) async fn key(&self, name: &str, permissions: &[&str]) -> Result<String> {
        let wish = json!({"name": name, "permissions": permissions});
        let made = self.good(201, ("POST", "/v1/keys", wish)).await?;
        Ok(made["key"].as_str().context("the key is shown")?.to_owned())
    }

    /// Ends the server and waits for it.
    pub(crate) async fn end(self) -> Result<()> {
        self.shutdown.cancel();
        tokio::time::timeout(LIMIT, self.serving).await.context("the server ends")???;
        Ok(())
    }
}
