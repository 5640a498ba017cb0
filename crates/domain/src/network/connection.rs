//! What is kept of a sandbox's connections.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::Traffic;
use crate::sandbox::Millis;

/// How a connection was judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Judgement {
    /// The policy allowed it.
    Allowed,
    /// It was refused.
    Refused,
    /// It was allowed, and cut when the policy changed.
    Cut,
    /// It was refused or cut because a ceiling is reached.
    Exceeded,
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

/// What is told of a sandbox: its connections that are over, and what it has moved by now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The connections, in their order.
    pub connections: Vec<Connection>,
    /// What was moved.
    pub traffic: Traffic,
}
