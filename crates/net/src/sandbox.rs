//! What is known of one sandbox while it is served.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use infield_domain::SandboxId;
use infield_domain::network::{
    Allowance, Destination, DomainName, Effect, Policy, Ports, Rule, Traffic, Verdict,
};
use infield_domain::secret::Guarded;
use tokio::sync::watch;

use crate::defence::{Defence, Without};
use crate::dns::Limits;
use crate::journal::Journal;
use crate::names::Names;
use crate::opening::Opener;
use crate::peers::Door;
use crate::relay::Crowd;

/// A policy with everything that it refers to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Rules {
    pub(crate) policy: Policy,
    pub(crate) limited: Arc<[Rule]>,
    pub(crate) allowance: Allowance,
    /// The secrets whose hosts are not spoken to but through the process that has their values.
    pub(crate) secrets: Arc<[Guarded]>,
    pub(crate) without: Without,
}

impl Rules {
    /// Decides about a connection by the address that it would reach.
    pub(crate) fn decide(
        &self,
        name: Option<&DomainName>,
        address: IpAddr,
        port: u16,
    ) -> Verdict<'_> {
        let to = Destination { name, address, port };
        let verdict = self.policy.decide(&self.limited, &to);
        if self.without == Without::default() { verdict } else { self.relent(verdict, &to) }
    }

    /// What is decided where walls are left out.
    fn relent<'a>(&'a self, verdict: Verdict<'a>, to: &Destination<'_>) -> Verdict<'a> {
        let is_kept = |defence| self.without.keeps(defence);
        let fits = |rule: &&Rule| rule.fits(to.name, to.address, to.port);
        let fits_elsewhere = |rule: &&Rule| {
            let everywhere = Rule { ports: Ports::default(), ..(*rule).clone() };
            everywhere.fits(to.name, to.address, to.port)
        };
        let allowed = |rule: Option<&'a Rule>| rule.map_or(verdict, Verdict::Allowed);
        match verdict {
            Verdict::Allowed(_) | Verdict::AllowedPublic => verdict,
            Verdict::DeniedSpecial(_) | Verdict::DeniedByDefault if !is_kept(Defence::Ports) => {
                allowed(self.allowing().find(fits_elsewhere))
            }
            Verdict::DeniedSpecial(_) if !is_kept(Defence::Special) => {
                let is_open = self.policy == Policy::Public || !is_kept(Defence::Rules);
                let by_rule = allowed(self.allowing().find(fits));
                if is_open { Verdict::AllowedPublic } else { by_rule }
            }
            Verdict::Denied(_) | Verdict::DeniedByDefault if !is_kept(Defence::Rules) => {
                Verdict::AllowedPublic
            }
            Verdict::Denied(_) | Verdict::DeniedSpecial(_) | Verdict::DeniedByDefault => verdict,
        }
    }

    fn allowing(&self) -> impl Iterator<Item = &Rule> {
        let rules = match &self.policy {
            Policy::None | Policy::Public => &[],
            Policy::Limited => &self.limited[..],
            Policy::Custom(rules) => rules,
        };
        rules.iter().filter(|rule| rule.effect == Effect::Allow)
    }

    /// Whether some connection to a name on this port could be allowed. Where none could, nobody
    /// is asked for the name.
    pub(crate) fn opens(&self, name: &DomainName, port: u16) -> bool {
        let opens_port = || {
            self.policy == Policy::Public
                || !self.without.keeps(Defence::Ports)
                || self.allowing().any(|rule| rule.ports.hold(port))
        };
        !self.without.keeps(Defence::Rules) || self.resolves(name) && opens_port()
    }

    /// The same rules with other secrets.
    pub(crate) fn with_secrets(&self, secrets: Arc<[Guarded]>) -> Self {
        let Self { policy, limited, allowance, without, .. } = self;
        let (policy, limited) = (policy.clone(), Arc::clone(limited));
        Self { policy, limited, allowance: *allowance, secrets, without: *without }
    }

    /// Whether TLS for a name is opened, because a secret names it.
    pub(crate) fn unseals(&self, name: &DomainName) -> bool {
        self.secrets.iter().any(|secret| secret.names(name))
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
    /// The way to who opens TLS.
    pub(crate) opener: Arc<Opener>,
    /// The way to other sandboxes.
    pub(crate) peers: Door,
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
