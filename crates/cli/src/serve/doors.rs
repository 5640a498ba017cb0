//! The doors of this daemon, put together from the crates that have them.

use std::io::{self, Read};
use std::os::fd::OwnedFd;

use infield_domain::{Error, Result};
use infield_engine::Engine;
use infield_rest::wire::Build;
use infield_rest::{
    Authentication, Clients, Doors, Health, Limits, Listeners, Mcp, PreviewDoor, PreviewLimits,
    PreviewTls, Settings,
};

use super::daemon::Preview;
use super::options::{Access, Setup};
use super::peer;

/// Bytes of a certificate's chain, and of a key.
const MOST_PEM_BYTES: u64 = 1 << 20;

/// Turns what the keeper bound into listeners of this runtime.
pub(super) fn listeners(unix: OwnedFd, tcp: Option<OwnedFd>) -> io::Result<Listeners> {
    let unix = std::os::unix::net::UnixListener::from(unix);
    unix.set_nonblocking(true)?;
    let tcp = tcp.map(|tcp| {
        let tcp = std::net::TcpListener::from(tcp);
        tcp.set_nonblocking(true)?;
        tokio::net::TcpListener::from_std(tcp)
    });
    Ok(Listeners {
        unix: vec![tokio::net::UnixListener::from_std(unix)?],
        tcp: tcp.transpose()?.into_iter().collect(),
    })
}

/// The listener of previews and what answers there, if there is one.
pub(super) fn previews(
    setup: &Setup,
    (engine, clients): (&Engine, &Clients),
    preview: Preview,
) -> Result<Option<(tokio::net::TcpListener, PreviewDoor)>> {
    let failed = |error: io::Error| {
        Error::internal("the listener of previews cannot be used").with_source(error)
    };
    let (Some(listener), Some(origin)) = (preview.listener, setup.previews.clone()) else {
        return Ok(None);
    };
    let listener = std::net::TcpListener::from(listener);
    listener.set_nonblocking(true).map_err(failed)?;
    let listener = tokio::net::TcpListener::from_std(listener).map_err(failed)?;
    let tls = match (preview.chain, preview.key) {
        (Some(chain), Some(key)) => {
            let (chain, key) = (whole(chain).map_err(failed)?, whole(key).map_err(failed)?);
            Some(PreviewTls::new(&chain, &key)?)
        }
        (_, _) => None,
    };
    let limits = PreviewLimits::STANDARD;
    let door =
        PreviewDoor { engine: engine.clone(), origin, tls, clients: clients.clone(), limits };
    Ok(Some((listener, door)))
}

/// The content of a small file.
fn whole(file: OwnedFd) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    std::fs::File::from(file).take(MOST_PEM_BYTES).read_to_end(&mut content)?;
    Ok(content)
}

/// What the doors tell the daemon, and the other way round.
pub(super) struct Watch {
    /// Whether sandboxes can be made.
    pub(super) health: Health,
    /// Counts the clients.
    pub(super) clients: Clients,
}

/// Everything that answers requests.
pub(super) fn doors(setup: &Setup, engine: Engine, mcp: Mcp, watch: Watch) -> Doors {
    let authentication = match setup.access {
        Access::Key => Authentication::Key,
        Access::Open => Authentication::None,
    };
    let settings = Settings {
        build: build(),
        authentication,
        allowed_hosts: setup.names.hosts.clone(),
        allowed_origins: setup.names.origins.clone(),
        peer: peer::check(setup),
        health: watch.health,
        clients: watch.clients,
        limits: Limits::STANDARD,
    };
    Doors { engine, mcp: Some(mcp), settings }
}

fn build() -> Build {
    Build {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        build: crate::client::BUILD.to_owned(),
        pid: std::process::id(),
    }
}
