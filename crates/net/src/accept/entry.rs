//! What is written down of a connection, whatever ends it.

use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use infield_domain::network::{Connection, DomainName, Judgement};

use crate::refusal::Refusal;
use crate::relay::{Direction, Meter, Pace};
use crate::sandbox::Sandbox;

/// What a connection was asked for.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// The name that its address stands for.
    pub(super) name: Option<DomainName>,
    /// The address, if it stands for none.
    pub(super) address: Option<IpAddr>,
    pub(super) port: u16,
}

impl Asked {
    /// Nobody that was understood.
    pub(super) const NOBODY: Self = Self { name: None, address: None, port: 0 };
}

/// One connection. Its entry is written and its place given back when this goes.
pub(super) struct Entry {
    pub(super) sandbox: Arc<Sandbox>,
    pub(super) asked: Asked,
    pub(super) meter: Arc<Meter>,
    reached: OnceLock<Option<IpAddr>>,
    outcome: OnceLock<(Judgement, String)>,
    at: u64,
    began: Instant,
}

impl Entry {
    pub(super) fn new(sandbox: &Arc<Sandbox>, pace: &Arc<Pace>, asked: Asked) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            sandbox: Arc::clone(sandbox),
            asked,
            meter: Arc::new(Meter::new(Arc::clone(sandbox), Arc::clone(pace))),
            reached: OnceLock::new(),
            outcome: OnceLock::new(),
            at: u64::try_from(now.as_millis()).unwrap_or(u64::MAX),
            began: Instant::now(),
        }
    }

    /// Counts it as made; another sandbox has no address.
    pub(super) fn reach(&self, address: Option<IpAddr>) {
        if self.reached.set(address).is_ok() {
            self.sandbox.counters.open.fetch_add(1, Ordering::Relaxed);
            self.sandbox.counters.connections.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The address that it reached.
    pub(super) fn reached(&self) -> Option<IpAddr> {
        self.reached.get().copied().flatten()
    }

    /// Says how it ended. What is said first counts.
    pub(super) fn end(&self, judgement: Judgement, reason: impl Into<String>) {
        self.outcome.get_or_init(|| (judgement, reason.into()));
    }

    /// What its client is told when it is refused.
    pub(super) fn refusal(&self, why: impl Into<String>) -> Refusal {
        let policy = self.sandbox.rules.borrow().policy.as_str();
        let (host, port) = (self.host(), self.asked.port);
        Refusal { sandbox: self.sandbox.id.clone(), host, port, policy, why: why.into() }
    }

    /// The name or the address that it was asked for.
    pub(super) fn host(&self) -> String {
        match (&self.asked.name, self.asked.address) {
            (Some(name), _) => name.as_str().to_owned(),
            (None, Some(IpAddr::V6(six))) => format!("[{six}]"),
            (None, Some(IpAddr::V4(four))) => four.to_string(),
            (None, None) => "an unknown host".to_owned(),
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let counters = &self.sandbox.counters;
        if self.reached.get().is_some() {
            counters.open.fetch_sub(1, Ordering::Relaxed);
        }
        // Nobody says anything of what goes with all others.
        let cut = || (Judgement::Cut, "the sandbox's network was closed".to_owned());
        let (judgement, reason) = self.outcome.take().unwrap_or_else(cut);
        let is_exceeded = judgement == Judgement::Exceeded && self.reached.get().is_none();
        if judgement == Judgement::Refused || is_exceeded {
            counters.refused.fetch_add(1, Ordering::Relaxed);
        }
        let duration_ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.sandbox.journal.write(Connection {
            at: self.at,
            duration_ms,
            name: self.asked.name.as_ref().map(|name| name.as_str().to_owned()),
            address: self.reached().or(self.asked.address),
            port: self.asked.port,
            sent_bytes: self.meter.bytes(Direction::Out),
            received_bytes: self.meter.bytes(Direction::In),
            judgement,
            reason,
            repeated: 0,
        });
    }
}
