//! Where the peer of `infield bench net` runs, and the servers that it meets.
//!
//! ```text
//! loopback  peer ─▶ 127.0.0.1 ─▶ server                                    on the host
//! direct    peer ─▶ pair of interfaces ─▶ server                           in a namespace
//! sandbox   peer ─▶ network process ─▶ the same pair ─▶ the same server
//! ```

use std::net::SocketAddr;

use infield_domain::{Error, Result};
use infield_rest::stream::ServerFrame;
use infield_rest::wire::{CreateSandbox, Execute, NetworkLimits, ResourceWishes, Stdin};
use tokio::time::timeout;

use super::SERVER;
use super::inside::{Inside, execution};
use super::outside::Server;
use super::peer::{Found, Work};
use super::process::{PATIENCE, Process, late};
use crate::client::{Client, Inputs, Request};

/// Files that the peer in the sandbox may have open, beside its connections.
const OTHER_FILES: u32 = 256;

/// A way to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Loopback,
    Direct,
    Sandbox,
}

/// Everything that is measured.
pub(super) struct Places {
    loopback: Server,
    outside: Server,
    inside: Inside,
}

/// Connections that are held until this is released.
pub(super) enum Held {
    Process(Box<Process>),
    Inside(Inputs, crate::client::Events),
}

impl Places {
    /// Makes both servers, and a sandbox that may have so many connections to the second.
    pub(super) async fn open(client: &Client, connections: u32) -> Result<Self> {
        let loopback = Server::here().await?;
        let outside = Server::outside(SERVER, "go").await?;
        let wish = CreateSandbox {
            network: Some("none".to_owned()),
            allow: vec![address(&outside)?.to_string()],
            network_limits: NetworkLimits {
                connections: Some(connections.saturating_add(OTHER_FILES)),
                ..NetworkLimits::default()
            },
            resources: ResourceWishes {
                open_files: Some(connections.saturating_add(OTHER_FILES)),
                ..ResourceWishes::default()
            },
            ..CreateSandbox::default()
        };
        let inside = Inside::open(client, &wish).await?;
        Ok(Self { loopback, outside, inside })
    }

    /// Removes the sandbox; the servers end with their standard input.
    pub(super) async fn close(self) -> Result<()> {
        self.inside.close().await
    }

    /// The process that carries what the sandbox sends.
    pub(super) async fn network_process(&self) -> Result<String> {
        super::crowd::network_process(self.inside.client.keeper().await?)
    }

    /// Has a peer do its work once.
    pub(super) async fn measure(&self, place: Place, work: Work) -> Result<Found> {
        match place {
            Place::Loopback => Process::start(address(&self.loopback)?, work)?.found().await,
            Place::Direct => Process::start(address(&self.outside)?, work)?.found().await,
            Place::Sandbox => self.inside.measure(self.words(work)?).await,
        }
    }

    /// Opens connections that nobody reads; they are there when this returns.
    pub(super) async fn hold(&self, place: Place, connections: u32) -> Result<Held> {
        let work = Work::Hold { connections };
        let server = match place {
            Place::Loopback => &self.loopback,
            Place::Direct => &self.outside,
            Place::Sandbox => return self.hold_inside(work).await,
        };
        let mut process = Process::start(address(server)?, work)?;
        process.line().await?;
        Ok(Held::Process(Box::new(process)))
    }

    async fn hold_inside(&self, work: Work) -> Result<Held> {
        let execution = Execute { stdin: Some(Stdin::Stream), ..execution(self.words(work)?) };
        let request = Request::post(self.inside.executions(), &execution)?;
        let connection = self.inside.client.upgrade(request).await?;
        let (mut events, inputs) = connection.frames();
        let begun = timeout(PATIENCE, async {
            loop {
                match events.next().await? {
                    ServerFrame::Stdout(_) => return Ok(()),
                    ServerFrame::Stderr(text) => {
                        let text = String::from_utf8_lossy(&text).trim().to_owned();
                        return Err(Error::internal(text));
                    }
                    ServerFrame::Ended(_) | ServerFrame::Error(_) => {
                        return Err(Error::internal("the peer in the sandbox ended"));
                    }
                    ServerFrame::Started(_) | ServerFrame::Refused(_) => {}
                }
            }
        });
        begun.await.map_err(|_| late())??;
        Ok(Held::Inside(inputs, events))
    }

    fn words(&self, work: Work) -> Result<Vec<String>> {
        let to = address(&self.outside)?.to_string();
        Ok([to].into_iter().chain(work.words()).collect())
    }
}

impl Held {
    /// Closes them.
    pub(super) async fn release(self) -> Result<()> {
        match self {
            Self::Process(process) => process.end().await,
            Self::Inside(mut inputs, mut events) => {
                inputs.stdin(bytes::Bytes::new()).await?;
                let ended = timeout(PATIENCE, async {
                    while !matches!(events.next().await?, ServerFrame::Ended(_)) {}
                    Ok(())
                });
                ended.await.map_err(|_| late())?
            }
        }
    }
}

/// Address and port of a server that says nothing but its port.
fn address(server: &Server) -> Result<SocketAddr> {
    let port = server.said.parse();
    let port =
        port.map_err(|_| Error::internal(format!("the server's port is `{}`", server.said)))?;
    Ok(SocketAddr::new(server.address, port))
}
