//! A preview listener over a fake sandbox whose ports are servers of the test.

use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::sync::Arc;

use anyhow::{Context, Result};
use infield_domain::preview::{Access, Change, Origin, Scheme};
use infield_domain::{Principal, SandboxId};
use infield_engine::{CreateSandbox, Engine, Lifetime, LinkPreview};
use infield_rest::{Clients, PreviewDoor, PreviewLimits, PreviewTls, serve_previews};
use infield_testkit::{FakeGuest, TestEngine, open_engine};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::rest::client::{Client, LIMIT, Reply};

/// A running listener, and one sandbox with a token for its port 3000.
pub(super) struct Stage {
    pub(super) engine: Engine,
    pub(super) who: Principal,
    pub(super) id: SandboxId,
    pub(super) token: String,
    pub(super) address: SocketAddr,
    pub(super) inside: Arc<FakeGuest>,
    shutdown: CancellationToken,
    serving: JoinHandle<infield_domain::Result<()>>,
}

pub(super) fn port(number: u16) -> NonZeroU16 {
    NonZeroU16::new(number).expect("not zero")
}

impl Stage {
    pub(super) async fn plain() -> Result<Self> {
        Self::new(PreviewLimits::STANDARD, None).await
    }

    pub(super) async fn new(limits: PreviewLimits, tls: Option<PreviewTls>) -> Result<Self> {
        let TestEngine { engine, provider } = open_engine().await?;
        let who = Principal::operator("alice");
        let name = Some("web".parse()?);
        let create = CreateSandbox { name, ..CreateSandbox::standard() };
        let id = engine.create_sandbox(&who, create).await?.id;
        let wish = LinkPreview { port: port(3000), lifetime: Lifetime::Unlimited };
        let token = engine.link_preview(&who, "web", &wish)?.token;
        let inside = provider.inside(&id).context("it runs")?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let scheme = if tls.is_some() { Scheme::Https } else { Scheme::Http };
        let origin = Origin::localhost(scheme, address.port());
        let door =
            PreviewDoor { engine: engine.clone(), origin, tls, clients: Clients::new(), limits };
        let shutdown = CancellationToken::new();
        let serving = tokio::spawn(serve_previews(listener, door, shutdown.clone()));
        Ok(Self { engine, who, id, token, address, inside, shutdown, serving })
    }

    /// The `Host` of a port.
    pub(super) fn host(&self, port: u16) -> String {
        format!("{port}-{}.localhost:{}", self.id, self.address.port())
    }

    /// A new connection of a visitor.
    pub(super) async fn visitor(&self) -> Result<Client> {
        Ok(Client::new(TcpStream::connect(self.address).await?))
    }

    /// Asks for a path of port 3000 with these header lines.
    pub(super) async fn get(&self, path: &str, lines: &str) -> Result<Reply> {
        let head = format!("GET {path} HTTP/1.1\nHost: {}\n{lines}", self.host(3000));
        self.visitor().await?.ask(&head, "").await
    }

    /// The header line with the token.
    pub(super) fn proof(&self) -> String {
        format!("X-Infield-Preview-Token: {}", self.token)
    }

    pub(super) async fn set_access(&self, access: Access) -> Result<()> {
        let change = (port(3000), Change::Access(access));
        self.engine.change_preview(&self.who, "web", change).await?;
        Ok(())
    }

    pub(super) async fn expire(&self) -> Result<()> {
        let change = (port(3000), Change::Expire);
        self.engine.change_preview(&self.who, "web", change).await?;
        Ok(())
    }

    /// Has a server on port 3000 that says these bytes to everybody and hangs up; gives what it
    /// hears.
    pub(super) async fn saying(&self, bytes: impl Into<Vec<u8>>) -> Result<Heard> {
        let bytes = bytes.into();
        let (tell, heard) = mpsc::unbounded_channel();
        let mut connections = self.open().await?;
        tokio::spawn(async move {
            while let Some(mut stream) = connections.recv().await {
                let (tell, bytes) = (tell.clone(), bytes.clone());
                tokio::spawn(async move {
                    let head = read_head(&mut stream).await;
                    // Nobody may be left to hear it.
                    drop(tell.send(head));
                    drop(stream.write_all(&bytes).await);
                    drop(stream.shutdown().await);
                    let mut rest = Vec::new();
                    drop(stream.read_to_end(&mut rest).await);
                });
            }
        });
        Ok(Heard(heard))
    }

    /// Has a server on port 3000 whose connections the test takes itself.
    pub(super) async fn open(&self) -> Result<mpsc::UnboundedReceiver<TcpStream>> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        self.inside.open_port(port(3000), listener.local_addr()?);
        let (give, taken) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                if give.send(stream).is_err() {
                    return;
                }
            }
        });
        Ok(taken)
    }

    /// Ends the listener, which must not hang.
    pub(super) async fn end(self) -> Result<()> {
        self.shutdown.cancel();
        tokio::time::timeout(LIMIT, self.serving).await.context("the listener ends")???;
        Ok(())
    }
}

/// What a server inside heard.
pub(super) struct Heard(mpsc::UnboundedReceiver<String>);

impl Heard {
    /// The head of the next request.
    pub(super) async fn next(&mut self) -> Result<String> {
        let head = tokio::time::timeout(LIMIT, self.0.recv()).await.context("no request inside")?;
        head.context("the server is gone")
    }

    /// Whether no other request came.
    pub(super) fn is_silent(&mut self) -> bool {
        self.0.try_recv().is_err()
    }
}

/// Reads one head, in lower case, and leaves the body.
pub(super) async fn read_head(stream: &mut TcpStream) -> String {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte).await {
            Ok(1) => head.push(byte[0]),
            Ok(_) | Err(_) => break,
        }
    }
    String::from_utf8_lossy(&head).to_lowercase()
}

/// An honest answer.
pub(super) const HELLO: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
