//! The doors of this daemon, put together from the crates that have them.

use std::io;
use std::os::fd::OwnedFd;

use infield_engine::Engine;
use infield_rest::wire::Build;
use infield_rest::{Authentication, Clients, Doors, Health, Limits, Listeners, Mcp, Settings};

use super::options::{Access, Setup};
use super::peer;

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
