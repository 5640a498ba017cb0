//! What is known of one sandbox while it is served.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use infield_domain::SandboxId;
use infield_domain::network::{Allowance, Destination, DomainName, Policy, Rule, Traffic, Verdict};
use tokio::sync::watch;

use crate::dns::Limits;
use crate::journal::Journal;
use crate::names::Names;
use crate::relay::Crowd;

/// A policy with everything that it refers to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Rules {
    pub(crate) policy: Policy,
    pub(crate) limited: Arc<[Rule]>,
    pub(crate) allowance: Allowance,
}

impl Rules {
    /// Decides about a connection by the address that it would reach.
    pub(crate) fn decide(
        &self,
        name: Option<&DomainName>,
        address: IpAddr,
        port: u16,
    ) -> Verdict<'_> {
        self.policy.decide(&self.limited, &Destination { name, address, port })
    }

    /// Whether a name may be looked up.
    pub(crate) fn resolves(&self, name: &DomainName) -> bool {
        self.policy.resolves(&self.limited, name)
    }
}

/// One sandbox.
pub(crate) struct Sandbox {
    pub(crate) id: SandboxId,
    /// The rules in force. Whoever carries a connection watches them, and cuts it when it no longer
    /// fits.
    pub(crate) rules: watch::Sender<Arc<Rules>>,
    /// Which address stands for which name.
    pub(crate) names: Names,
    /// How much it may look up.
    pub(crate) lookups: Limits,
    /// What was moved.
    pub(crate) counters: Counters,
    /// Its connections, among those of all sandboxes.
    pub(crate) crowd: Arc<Crowd>,
    /// What is told to the daemon.
    pub(crate) journal: Journal,
}

impl Sandbox {
    /// The rules as of now.
    pub(crate) fn rules(&self) -> Arc<Rules> {
        self.rules.borrow().clone()
    }
}

/// What a sandbox has moved. Counts wrap after 2^64.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) open: AtomicU32,
    pub(crate) connections: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) sent_bytes: AtomicU64,
    pub(crate) received_bytes: AtomicU64,
}

impl Counters {
    /// Goes on from what was moved before.
    pub(crate) fn after(before: &Traffic) -> Self {
        Self {
            open: AtomicU32::new(0),
            connections: AtomicU64::new(before.connections),
            refused: AtomicU64::new(before.refused),
            sent_bytes: AtomicU64::new(before.sent_bytes),
            received_bytes: AtomicU64::new(before.received_bytes),
        }
    }

    /// All of them. They are read one by one: a sum may be some bytes ahead of another.
    pub(crate) fn traffic(&self) -> Traffic {
        Traffic {
            open: self.open.load(Ordering::Relaxed),
            connections: self.connections.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            sent_bytes: self.sent_bytes.load(Ordering::Relaxed),
            received_bytes: self.received_bytes.load(Ordering::Relaxed),
        }
    }
}
