//! The sockets by which a sandbox reaches the network process.
//!
//! They are the launcher's, made inside the sandbox's network namespace, and outlive whoever has a
//! copy of them. The daemon serves neither itself: it hands them on.

use std::os::fd::OwnedFd;

use infield_domain::Result;
use infield_jail::request::{Answer, Network, Started};

use crate::convert;
use crate::launcher::Reply;

/// What the network process serves for one sandbox. No socket blocks.
#[derive(Debug)]
pub enum Wires {
    /// Those of a wired sandbox.
    Steered {
        /// Listens for TCP; what is accepted has as its own address the one that was asked for.
        listener: OwnedFd,
        /// The UDP socket of the resolver, 198.18.0.1:53.
        resolver: OwnedFd,
    },
    /// What listens as a proxy.
    Proxy(OwnedFd),
    /// The launcher is a new one, and somebody still listens as a proxy: the network process does,
    /// if it did before.
    Held,
}

impl Wires {
    /// All sockets, in the order in which they are handed over.
    pub(crate) fn into_sockets(self) -> Vec<OwnedFd> {
        match self {
            Self::Steered { listener, resolver } => vec![listener, resolver],
            Self::Proxy(listener) => vec![listener],
            Self::Held => Vec::new(),
        }
    }
}

/// Wires with the launcher that they are from. Those of a launcher that has ended carry nothing.
#[derive(Debug)]
pub(crate) struct Fresh {
    pub(crate) wires: Wires,
    pub(crate) launcher: u64,
}

/// What came along with a sandbox that runs.
#[derive(Debug)]
pub(crate) struct Brought {
    pub(crate) started: Started,
    pub(crate) pidfd: OwnedFd,
    /// None for a sandbox with its loopback alone.
    pub(crate) wires: Option<Fresh>,
}

/// The wires that came ahead of the answer to a start.
pub(crate) fn ahead(reply: Reply) -> Result<Fresh> {
    let mut all = reply.descriptors.into_iter();
    let wires = match (all.next(), all.next(), all.next()) {
        (Some(listener), Some(resolver), None) => Wires::Steered { listener, resolver },
        (Some(listener), None, None) => Wires::Proxy(listener),
        _ => return Err(convert::unexpected()),
    };
    Ok(Fresh { wires, launcher: reply.launcher })
}

/// Takes apart the answer to a start or a watch.
pub(crate) fn brought(reply: Reply) -> Result<Brought> {
    let Answer::Started(started) = reply.answer else { return Err(convert::unexpected()) };
    let mut all = reply.descriptors.into_iter();
    let (pidfd, wires) = match (started.network, all.next(), all.next(), all.next()) {
        (Network::Loopback, Some(pidfd), None, None) => (pidfd, None),
        (Network::Wired, Some(pidfd), Some(listener), Some(resolver)) => {
            (pidfd, Some(Wires::Steered { listener, resolver }))
        }
        (Network::Proxied, Some(pidfd), Some(listener), None) => {
            (pidfd, Some(Wires::Proxy(listener)))
        }
        (Network::Proxied, Some(pidfd), None, None) => (pidfd, Some(Wires::Held)),
        _ => return Err(convert::unexpected()),
    };
    if all.next().is_some() {
        return Err(convert::unexpected());
    }
    let wires = wires.map(|wires| Fresh { wires, launcher: reply.launcher });
    Ok(Brought { started, pidfd, wires })
}

#[cfg(test)]
mod tests;
