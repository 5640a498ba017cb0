//! What the network process and the one that opens TLS say to each other.
//!
//! A connection that is to be opened is one packet of their `SOCK_SEQPACKET` socket pair: a
//! [`Handover`] with three descriptors: the client's socket, the server's, and one end of a socket
//! pair of its own. On that the opener says [`Report`]s and hears [`Credit`]s until one side closes
//! it, which ends the connection. So nothing is numbered, and whoever dies ends all it had.

use infield_domain::SandboxId;
use serde::{Deserialize, Serialize};

/// Bytes of one handover at most.
pub const HANDOVER_BYTES: usize = 64 << 10;
/// Bytes of one report or credit at most.
pub const REPORT_BYTES: usize = 1 << 10;
/// Bytes that a connection may be ahead of what it told, where its sandbox has no ceiling.
pub const WINDOW: u64 = 4 << 20;

/// A connection that was judged, looked at and made.
#[derive(Debug, Serialize, Deserialize)]
pub struct Handover {
    /// Whose it is.
    pub sandbox: SandboxId,
    /// The name that it is for, which its client showed.
    pub host: String,
    /// The port.
    pub port: u16,
    /// What its client said so far: a TLS hello at least.
    pub first: Vec<u8>,
    /// So many bytes may be moved before the first credit comes.
    pub credit: u64,
}

/// What is told of an opened connection.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Report {
    /// So many bytes more went out of the sandbox and into it.
    Moved {
        /// Out.
        sent: u64,
        /// In.
        received: u64,
    },
    /// One of its requests was refused.
    Refused(String),
    /// It could not be opened, or broke.
    Broken(String),
    /// It is over, and both sides have said all.
    Done,
}

/// So many bytes more may be moved.
#[derive(Debug, Serialize, Deserialize)]
pub struct Credit(pub u64);
