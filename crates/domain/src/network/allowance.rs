//! How much a sandbox's network may carry.

use serde::{Deserialize, Serialize};

use super::{Membership, Policy};
use crate::{Error, Result};

/// Connections that one sandbox can be given at most: each takes two descriptors outside of it.
const MOST_CONNECTIONS: u32 = 65_536;
/// The slowest pace: below it a handshake of TLS takes longer than clients wait.
const LEAST_BYTES_PER_SECOND: u64 = 1 << 10;

/// Ceilings of a sandbox's traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allowance {
    /// Connections at once.
    pub connections: u32,
    /// Bytes a second, both directions together.
    pub bytes_per_second: Option<u64>,
    /// Bytes since the sandbox was made, both directions together.
    pub total_bytes: Option<u64>,
}

impl Allowance {
    /// Enough for package managers and browsers.
    pub const DEFAULT: Self =
        Self { connections: 1_024, bytes_per_second: None, total_bytes: None };

    /// What a record without ceilings means.
    pub(crate) fn of_old_records() -> Self {
        Self::DEFAULT
    }
}

/// Ceilings that somebody asks for. What is not said stays as it is; 0 bytes are no ceiling.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ceilings {
    /// Connections at once.
    pub connections: Option<u32>,
    /// Bytes a second.
    pub bytes_per_second: Option<u64>,
    /// Bytes in all.
    pub total_bytes: Option<u64>,
}

impl Ceilings {
    /// The ceilings that are meant, where these hold so far.
    pub fn settle(&self, now: Allowance) -> Result<Allowance> {
        let connections = self.connections.unwrap_or(now.connections);
        if !(1..=MOST_CONNECTIONS).contains(&connections) {
            return Err(Error::invalid("the number of connections is out of range")
                .with_hint(format!("choose 1 to {MOST_CONNECTIONS}")));
        }
        if self.bytes_per_second.is_some_and(|rate| (1..LEAST_BYTES_PER_SECOND).contains(&rate)) {
            return Err(Error::invalid("the bandwidth is out of range").with_hint(format!(
                "choose {LEAST_BYTES_PER_SECOND} bytes a second or more, or 0 for no ceiling"
            )));
        }
        let settle = |wish: Option<u64>, now| match wish {
            None => now,
            Some(0) => None,
            Some(bytes) => Some(bytes),
        };
        Ok(Allowance {
            connections,
            bytes_per_second: settle(self.bytes_per_second, now.bytes_per_second),
            total_bytes: settle(self.total_bytes, now.total_bytes),
        })
    }
}

/// What a sandbox has moved since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    /// Connections that are open.
    pub open: u32,
    /// Connections that were made.
    pub connections: u64,
    /// Connections and look-ups that were refused.
    pub refused: u64,
    /// Bytes that left the sandbox.
    pub sent_bytes: u64,
    /// Bytes that came in.
    pub received_bytes: u64,
}

impl Traffic {
    /// Whichever of two counts of one sandbox is the later one. Counts never fall.
    pub fn later(self, other: Self) -> Self {
        let sum = |one: &Self| {
            let bytes = one.sent_bytes.saturating_add(one.received_bytes);
            bytes.saturating_add(one.connections).saturating_add(one.refused)
        };
        if sum(&other) >= sum(&self) { other } else { self }
    }
}

/// Everything that the network of a sandbox that runs is held to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// What it may reach.
    pub policy: Policy,
    /// How much.
    pub allowance: Allowance,
    /// What it is to other sandboxes.
    pub membership: Membership,
    /// What it has moved before, which counts.
    pub before: Traffic,
}

#[cfg(test)]
mod tests;
