//! Connects sandboxes of one network: the agent of one dials its own loopback, and the network
//! process carries what the other one says.

use std::num::NonZeroU16;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use infield_domain::Error;
use infield_net::control::{Outcome, Reach};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::Local;
use crate::guest::Lines;
use crate::network::Network;

/// Connections that are made at once: as many as the network process asks for, so that no sandbox
/// whose agent is slow holds up others.
const MOST: usize = 1_024;
/// How long an agent may take. The network process waits a little longer.
const PATIENCE: Duration = Duration::from_millis(4_500);

impl Local {
    /// Connects sandboxes, as the network process asks. Never ends.
    pub async fn keep_peers(&self) {
        let mut made = JoinSet::new();
        loop {
            tokio::select! {
                reach = self.network.wanted(), if made.len() < MOST => {
                    let (network, lines) = (Arc::clone(&self.network), Arc::clone(&self.lines));
                    made.spawn(async move { connect(&network, &lines, reach).await });
                }
                Some(_) = made.join_next() => {}
            }
        }
    }
}

async fn connect(network: &Network, lines: &Arc<Lines>, reach: Reach) {
    let (outcome, socket) = match dial(network, lines, &reach).await {
        // Who left meanwhile is not reached any more.
        Ok((socket, early)) => match network.objection(&reach) {
            Some(objection) => (objection, None),
            None => (Outcome::Connected(early), Some(socket)),
        },
        Err(outcome) => (outcome, None),
    };
    if let Err(error) = network.tell(reach, outcome, socket).await {
        // Whoever asked has given up, or is gone.
        tracing::debug!(%error, "a sandbox is not connected to another one");
    }
}

async fn dial(
    network: &Network,
    lines: &Arc<Lines>,
    reach: &Reach,
) -> Result<(OwnedFd, Vec<u8>), Outcome> {
    if let Some(objection) = network.objection(reach) {
        return Err(objection);
    }
    let nowhere = || Outcome::Unreachable("nothing listens on port 0".to_owned());
    let port = NonZeroU16::new(reach.port).ok_or_else(nowhere)?;
    let agent = lines.client(&reach.to);
    let unreachable = |error: Error| Outcome::Unreachable(error.message().to_owned());
    match timeout(PATIENCE, agent.dial_apart(port)).await {
        Ok(dialled) => dialled.map_err(unreachable),
        Err(_) => Err(Outcome::Unreachable("the sandbox did not answer in time".to_owned())),
    }
}
