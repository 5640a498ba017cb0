//! What a sandbox uses, and which ports are listened on.

use serde::{Deserialize, Serialize};

/// What a sandbox uses at a moment. What is not known is left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SystemMetrics {
    /// Processors that it may use.
    pub cpu_count: u64,
    /// How much of them it uses, in percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_used_pct: Option<f64>,
    /// Bytes of memory that it may use.
    pub mem_total: u64,
    /// Bytes of memory that it uses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mem_used: Option<u64>,
    /// Bytes of files that it may write.
    pub disk_total: u64,
    /// Bytes of files that it has written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk_used: Option<u64>,
    /// Bytes of files that it may still write.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk_free: Option<u64>,
    /// When, as RFC 3339 has it.
    pub timestamp: String,
    /// When, in seconds since the epoch.
    pub timestamp_unix: i64,
}

/// Ports that are listened on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortList {
    /// Their numbers.
    pub ports: Vec<u16>,
}

/// Whether a port is listened on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IsPortInUse {
    /// Whether it is.
    pub is_in_use: bool,
}
