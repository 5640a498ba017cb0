//! The sockets by which a wired sandbox reaches the network process.
//!
//! They are the launcher's, made inside the sandbox's network namespace, and outlive whoever has a
//! copy of them. The daemon serves neither itself: it hands them on.

use std::os::fd::OwnedFd;

use infield_domain::Result;
use infield_jail::request::{Answer, Network, Started};

use crate::convert;
use crate::launcher::Reply;

/// What the network process serves for one sandbox. Neither socket blocks.
#[derive(Debug)]
pub struct Wires {
    /// Listens for TCP; what is accepted has as its own address the one that was asked for.
    pub listener: OwnedFd,
    /// The UDP socket of the resolver, 198.18.0.1:53.
    pub resolver: OwnedFd,
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
    /// None for a sandbox that is not wired.
    pub(crate) wires: Option<Fresh>,
}

/// The wires that came ahead of the answer to a start.
pub(crate) fn ahead(reply: Reply) -> Result<Fresh> {
    let wires = <[OwnedFd; 2]>::try_from(reply.descriptors);
    let [listener, resolver] = wires.map_err(|_| convert::unexpected())?;
    Ok(Fresh { wires: Wires { listener, resolver }, launcher: reply.launcher })
}

/// Takes apart the answer to a start or a watch.
pub(crate) fn brought(reply: Reply) -> Result<Brought> {
    let Answer::Started(started) = reply.answer else { return Err(convert::unexpected()) };
    let mut all = reply.descriptors.into_iter();
    let (pidfd, wires) = match (started.network, all.next(), all.next(), all.next()) {
        (Network::Loopback, Some(pidfd), None, None) => (pidfd, None),
        (Network::Wired, Some(pidfd), Some(listener), Some(resolver)) => {
            let wires = Wires { listener, resolver };
            (pidfd, Some(Fresh { wires, launcher: reply.launcher }))
        }
        _ => return Err(convert::unexpected()),
    };
    if all.next().is_some() {
        return Err(convert::unexpected());
    }
    Ok(Brought { started, pidfd, wires })
}

#[cfg(test)]
mod tests;
