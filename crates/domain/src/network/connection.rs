//! What a sandbox's connections may use, and what is kept of them.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::sandbox::Millis;

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
}

/// How a connection was judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Judgement {
    /// The policy allowed it.
    Allowed,
    /// It was refused.
    Refused,
    /// It was allowed, and cut when the policy changed or a ceiling was reached.
    Cut,
}

/// One connection that is over, or one that never was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connection {
    /// When it was asked for, by the clock of the host.
    pub at: Millis,
    /// How long it lasted, milliseconds.
    pub duration_ms: u64,
    /// The name that it was asked for by.
    pub name: Option<String>,
    /// The address that it reached; for one that was refused, the address it was asked for by,
    /// unless that stands for a name.
    pub address: Option<IpAddr>,
    /// The port.
    pub port: u16,
    /// Bytes that left the sandbox.
    pub sent_bytes: u64,
    /// Bytes that came in.
    pub received_bytes: u64,
    /// How it was judged.
    pub judgement: Judgement,
    /// The rule, or a sentence where none decided.
    pub reason: String,
    /// Refusals of the same kind just before that are not kept one by one.
    pub repeated: u32,
}

/// What a sandbox has moved since it was started.
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
