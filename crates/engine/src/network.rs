//! What sandboxes may reach: changing it, and what became of their connections.
//!
//! The provider tells of each connection that is over or was refused. It goes into the audit
//! trail under the sandbox's id; the last refusals stay with the sandbox, so that whoever ran a
//! command there learns why it failed.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use infield_domain::network::{Choice, Connection, Judgement, Policy};
use infield_domain::sandbox::{Millis, Sandbox};
use infield_domain::{Permission, Principal, Result, SandboxId};

use crate::driver::{Change, Seat};
use crate::sandboxes::masked;
use crate::{Engine, Run};

/// Refusals that are remembered of each sandbox.
const MOST_REMEMBERED: usize = 16;
/// How long a caller waits for another policy.
const CHANGE_LIMIT: Duration = Duration::from_secs(10);
/// The action of a connection's record.
const CONNECT: &str = "network.connect";

/// What was refused to one sandbox lately.
#[derive(Debug, Default)]
pub(crate) struct Refusals(Mutex<VecDeque<Connection>>);

impl Refusals {
    /// Those since a moment, the oldest first.
    pub(crate) fn since(&self, moment: Millis) -> Vec<Connection> {
        self.lock().iter().filter(|refusal| refusal.at >= moment).cloned().collect()
    }

    fn remember(&self, refusal: Connection) {
        let mut all = self.lock();
        // A program that tries again is no news; what it tried stays.
        all.retain(|known| {
            (&known.name, known.port) != (&refusal.name, refusal.port)
                || known.address != refusal.address
        });
        if all.len() >= MOST_REMEMBERED {
            all.pop_front();
        }
        all.push_back(refusal);
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Connection>> {
        // Nothing in a critical section can panic half-way, so the list is whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a sandbox's network refuses from some moment on.
#[derive(Clone)]
pub struct Refused {
    seat: Arc<Seat>,
    since: Millis,
}

impl Refused {
    /// What it has refused by now, the oldest first.
    pub fn list(&self) -> Vec<Connection> {
        self.seat.refusals.since(self.since)
    }
}

impl Run {
    /// What the network of its sandbox refuses from now on.
    pub fn refused(&self) -> Refused {
        Refused { seat: self.inside.seat.clone(), since: self.engine.now() }
    }
}

impl Engine {
    /// Puts another policy in force for a sandbox; connections that no longer fit are cut. Needs
    /// `manage`.
    pub async fn set_network(
        &self,
        who: &Principal,
        reference: &str,
        choice: Choice,
    ) -> Result<Sandbox> {
        let found =
            who.require(Permission::Manage).and_then(|()| self.registry().find(who, reference));
        let subject = found.as_ref().map_or(reference.to_owned(), |seat| seat.id.to_string());
        let result = match found {
            Ok(seat) => match self.settle_network(choice) {
                Ok(policy) => seat.change(Change::Network(policy), CHANGE_LIMIT).await,
                Err(error) => Err(error),
            },
            Err(error) => Err(error),
        };
        let detail = result.as_ref().map_or(String::new(), |done| done.spec.network.to_string());
        let sandbox = self.noted(who, ("network.set", &subject, &detail), result)?;
        Ok(masked(&sandbox))
    }

    /// The policy that is meant by what somebody asked for.
    pub(crate) fn settle_network(&self, choice: Choice) -> Result<Policy> {
        choice.settle(&self.settings().network, &self.settings().limited)
    }

    /// Takes what the provider tells of connections, until the engine ends.
    pub(crate) async fn follow_connections(&self) {
        loop {
            let (id, connections) = tokio::select! {
                told = self.provider().connections() => told,
                () = self.stopping().cancelled() => return,
            };
            self.take_connections(&id, connections);
        }
    }

    fn take_connections(&self, id: &SandboxId, connections: Vec<Connection>) {
        let seat = self.registry().by_id(id);
        for connection in connections {
            let outcome = match connection.judgement {
                Judgement::Allowed => "ok",
                Judgement::Refused => "denied",
                Judgement::Cut => "cut",
            };
            let who = Principal::system();
            self.note_outcome(&who, CONNECT, id.as_str(), &line(&connection), outcome);
            if let (Judgement::Refused, Some(seat)) = (connection.judgement, &seat) {
                seat.refusals.remember(connection);
            }
        }
    }
}

/// A connection as the trail has it.
fn line(connection: &Connection) -> String {
    let mut text = destination(connection);
    if let (Some(_), Some(address)) = (&connection.name, connection.address) {
        text.push_str(&format!(" ({address})"));
    }
    if connection.judgement != Judgement::Refused {
        let Connection { sent_bytes, received_bytes, duration_ms, .. } = connection;
        text.push_str(&format!(", sent {sent_bytes}, received {received_bytes}, {duration_ms} ms"));
    }
    if connection.repeated > 0 {
        text.push_str(&format!(", and {} more", connection.repeated));
    }
    format!("{text}: {}", connection.reason)
}

/// What a connection was asked for by: `pypi.org:443`, `192.0.2.1:80`, `[2001:db8::1]:80`.
pub fn destination(connection: &Connection) -> String {
    match (&connection.name, connection.address) {
        (Some(name), _) => format!("{name}:{}", connection.port),
        (None, Some(address)) => std::net::SocketAddr::new(address, connection.port).to_string(),
        (None, None) => format!("an address that stands for nothing, port {}", connection.port),
    }
}

/// What a sandbox's network refused, and how a person can allow it; none when nothing was.
pub fn refused_sentence(sandbox: &Sandbox, refusals: &[Connection]) -> Option<String> {
    let mut all: Vec<String> = refusals.iter().map(destination).collect();
    all.sort();
    all.dedup();
    let first = all.first()?;
    Some(format!(
        "The network `{}` refused {}. Ask the user before anything else; they can allow it with \
         `infield net allow {} {first}`.",
        sandbox.spec.network.as_str(),
        all.join(", "),
        sandbox.spec.name
    ))
}

#[cfg(test)]
mod tests;
