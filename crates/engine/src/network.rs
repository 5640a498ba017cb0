//! What sandboxes may reach: changing it, and what became of their connections.
//!
//! The provider tells of each connection that is over or was refused. It goes into the audit
//! trail under the sandbox's id; the last refusals stay with the sandbox, so that whoever ran a
//! command there learns why it failed.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use infield_domain::network::{
    Allowance, Ceilings, Choice, Connection, Judgement, Move, Policy, Report, Traffic, is_sandbox,
};
use infield_domain::sandbox::{Millis, Sandbox, Spec};
use infield_domain::secret::STRAY;
use infield_domain::{Error, Permission, Principal, Result, SandboxId};

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

/// What the network of one sandbox has moved since the sandbox was made, as last told.
#[derive(Debug, Default)]
pub(crate) struct Moved(Mutex<Traffic>);

impl Moved {
    pub(crate) fn new(traffic: Traffic) -> Self {
        Self(Mutex::new(traffic))
    }

    pub(crate) fn get(&self) -> Traffic {
        *self.lock()
    }

    /// Takes what was told, and gives what counts: whichever is later.
    fn tell(&self, told: Traffic) -> Traffic {
        let mut known = self.lock();
        *known = known.later(told);
        *known
    }

    fn lock(&self) -> MutexGuard<'_, Traffic> {
        // Nothing in a critical section can panic half-way, so the counts are whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is to be another way in a sandbox's network. What is not named stays.
#[derive(Clone, Debug, Default)]
pub(crate) struct NetworkChange {
    pub(crate) policy: Option<Policy>,
    pub(crate) ceilings: Ceilings,
    /// Into a named network, or out of one.
    pub(crate) wish: Option<Move>,
}

impl NetworkChange {
    /// Makes the change.
    pub(crate) fn apply(self, spec: &mut Spec) -> Result<()> {
        spec.allowance = self.ceilings.settle(spec.allowance)?;
        spec.network = self.policy.unwrap_or_else(|| spec.network.clone());
        let Some(wish) = self.wish else { return Ok(()) };
        if spec.network == Policy::None && matches!(wish, Move::Join(_)) {
            return Err(Error::conflict(format!(
                "sandbox `{}` has the network `none`, so that it can be in no other",
                spec.name
            ))
            .with_hint("give it one with `infield net set`, such as `limited`"));
        }
        wish.apply(&mut spec.networks)
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
                Ok(policy) => {
                    let change = NetworkChange { policy: Some(policy), ..NetworkChange::default() };
                    seat.change(Change::Network(change), CHANGE_LIMIT).await
                }
                Err(error) => Err(error),
            },
            Err(error) => Err(error),
        };
        let detail = result.as_ref().map_or(String::new(), |done| done.spec.network.to_string());
        let sandbox = self.noted(who, ("network.set", &subject, &detail), result)?;
        Ok(masked(&sandbox))
    }

    /// Puts other ceilings in force for the network of a sandbox. Needs `manage`.
    pub async fn limit_network(
        &self,
        who: &Principal,
        reference: &str,
        ceilings: Ceilings,
    ) -> Result<Sandbox> {
        let found =
            who.require(Permission::Manage).and_then(|()| self.registry().find(who, reference));
        let subject = found.as_ref().map_or(reference.to_owned(), |seat| seat.id.to_string());
        let change = NetworkChange { ceilings, ..NetworkChange::default() };
        let result = match found {
            Ok(seat) => seat.change(Change::Network(change), CHANGE_LIMIT).await,
            Err(error) => Err(error),
        };
        let words = |done: &Arc<Sandbox>| ceilings_line(&done.spec.allowance);
        let detail = result.as_ref().map_or(String::new(), words);
        let sandbox = self.noted(who, ("network.limit", &subject, &detail), result)?;
        Ok(masked(&sandbox))
    }

    /// The policy that is meant by what somebody asked for.
    pub(crate) fn settle_network(&self, choice: Choice) -> Result<Policy> {
        choice.settle(&self.settings().network, &self.settings().limited)
    }

    /// Takes what the provider tells of networks, until the engine ends.
    pub(crate) async fn follow_networks(&self) {
        loop {
            let (id, report) = tokio::select! {
                told = self.provider().report() => told,
                () = self.stopping().cancelled() => return,
            };
            self.take_report(&id, report);
        }
    }

    fn take_report(&self, id: &SandboxId, Report { connections, traffic }: Report) {
        let seat = self.registry().by_id(id);
        if let Some(seat) = &seat {
            let (id, traffic) = (id.clone(), seat.moved.tell(traffic));
            self.records().post("traffic", move |store| store.set_traffic(&id, &traffic));
        }
        for connection in connections {
            let (outcome, is_told) = match connection.judgement {
                Judgement::Allowed => ("ok", false),
                Judgement::Refused => ("denied", true),
                Judgement::Cut => ("cut", false),
                Judgement::Exceeded => ("limit", true),
            };
            let who = Principal::system();
            self.note_outcome(&who, CONNECT, id.as_str(), &line(&connection), outcome);
            if let (true, Some(seat)) = (is_told, &seat) {
                seat.refusals.remember(connection);
            }
        }
    }
}

/// Ceilings as the trail has them.
fn ceilings_line(allowance: &Allowance) -> String {
    let Allowance { connections, bytes_per_second, total_bytes } = allowance;
    let or_any = |count: &Option<u64>| count.map_or("any".to_owned(), |count| count.to_string());
    format!(
        "{connections} connections, {} bytes a second, {} bytes in all",
        or_any(bytes_per_second),
        or_any(total_bytes)
    )
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
        // What was said to the proxy names nobody that could be understood.
        (None, None) => "the sandbox's proxy".to_owned(),
    }
}

/// What a sandbox's network refused, and how a person can allow it; none when nothing was.
pub fn refused_sentence(sandbox: &Sandbox, refusals: &[Connection]) -> Option<String> {
    let is_nobodys = |refusal: &Connection| {
        refusal.judgement == Judgement::Refused && (&refusal.name, refusal.address) == (&None, None)
    };
    let is_stray = |refusal: &&Connection| refusal.reason.starts_with(STRAY) || is_nobodys(refusal);
    let (stray, others): (Vec<_>, Vec<_>) = refusals.iter().partition(is_stray);
    let is_exceeded = |one: &&Connection| one.judgement == Judgement::Exceeded;
    let (exceeded, closed): (Vec<_>, Vec<_>) = others.into_iter().partition(is_exceeded);
    let once = |mut all: Vec<String>| {
        all.sort();
        all.dedup();
        all
    };
    let told = |one: &&Connection| {
        format!("A request to {} was refused: {}.", destination(one), one.reason)
    };
    let mut sentences = once(stray.iter().map(told).collect());
    let is_apart = |one: &&Connection| one.name.as_deref().is_some_and(is_sandbox);
    let (apart, closed): (Vec<_>, Vec<_>) = closed.into_iter().partition(is_apart);
    let closed = once(closed.into_iter().map(destination).collect());
    if let Some(first) = closed.first() {
        sentences.push(format!(
            "The network `{}` refused {}. Ask the user before anything else; they can allow it \
             with `infield net allow {} {first}`.",
            sandbox.spec.network.as_str(),
            closed.join(", "),
            sandbox.spec.name
        ));
    }
    let apart = once(apart.into_iter().map(destination).collect());
    if !apart.is_empty() {
        sentences.push(format!(
            "This sandbox may not reach {}. Ask the user before anything else; they can put both \
             sandboxes into one network with `infield net join {} NETWORK`.",
            apart.join(", "),
            sandbox.spec.name
        ));
    }
    if let Some(one) = exceeded.last() {
        sentences.push(format!(
            "The network stopped {}: {}. Ask the user before anything else; they can raise the \
             ceiling with `infield net limit {}`.",
            destination(one),
            one.reason,
            sandbox.spec.name
        ));
    }
    (!sentences.is_empty()).then(|| sentences.join(" "))
}

#[cfg(test)]
mod tests;
