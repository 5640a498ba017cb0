//! What the daemon and the network process say to each other.
//!
//! One message is one packet of a `SOCK_SEQPACKET` socket pair: a postcard-encoded [`ToNetwork`] or
//! [`FromNetwork`], at most [`PACKET_BYTES`] long. A daemon asks [`Request::Inventory`] first and
//! takes over what is served already; when the socket is new, so is the process, and it serves
//! nothing yet. A sandbox that nobody serves has closed ways: its connections wait, then fail.

use std::net::SocketAddr;

use infield_domain::SandboxId;
use infield_domain::network::{Report, Rule, Terms, Traffic};
use infield_domain::secret::Guarded;
use serde::{Deserialize, Serialize};

/// Bytes of one packet at most.
pub const PACKET_BYTES: usize = 64 << 10;

/// A question with the number that pairs it with its answer.
#[derive(Debug, Serialize, Deserialize)]
pub struct ToNetwork {
    /// Chosen by the asker.
    pub number: u64,
    /// The question.
    pub request: Request,
}

/// What the daemon asks.
#[derive(Debug, Serialize, Deserialize)]
pub enum Request {
    /// Which sandboxes are served. Answer: [`Answer::Serving`].
    Inventory,
    /// What holds for all sandboxes from now on. Answer: [`Answer::Done`].
    Configure(Settings),
    /// Serves a sandbox. Two sockets of its namespace come along: the listener for everything,
    /// and the resolver's; or the one that listens as a proxy. Where it is served already, policy
    /// and ceilings are changed, and sockets
    /// are those of another launcher, which come besides. Answer: [`Answer::Done`], when the policy is in force.
    Serve {
        /// Which.
        sandbox: SandboxId,
        /// What it may reach, how much, and what it has moved before.
        terms: Terms,
        /// The secrets that it can use.
        secrets: Vec<Guarded>,
    },
    /// Changes what secrets a sandbox can use, and cuts what no longer fits. Answer:
    /// [`Answer::Done`], or [`Answer::Unknown`].
    Guard {
        /// Which.
        sandbox: SandboxId,
        /// The secrets that it can use.
        secrets: Vec<Guarded>,
    },
    /// The socket of the process that opens TLS comes along. Answer: [`Answer::Done`].
    Opener,
    /// Changes policy and ceilings, and cuts what no longer fits. Answer: [`Answer::Done`], or
    /// [`Answer::Unknown`].
    Change {
        /// Which.
        sandbox: SandboxId,
        /// What it may reach, how much, and what it has moved before.
        terms: Terms,
    },
    /// Cuts everything of a sandbox and closes its sockets. Answer: [`Answer::Done`].
    Forget {
        /// Which.
        sandbox: SandboxId,
    },
    /// What came of a [`Reach`]; for [`Outcome::Connected`] a connected stream socket comes along.
    /// Answer: [`Answer::Done`].
    Reached {
        /// The question, as it was asked.
        reach: Reach,
        /// What came of it.
        outcome: Outcome,
    },
    /// What a sandbox has moved. Answer: [`Answer::Traffic`], or [`Answer::Unknown`].
    Traffic {
        /// Which.
        sandbox: SandboxId,
    },
}

/// What holds for all sandboxes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// The rules behind `limited`.
    pub limited: Vec<Rule>,
    /// Where names are looked up; the host's own resolvers when there is none.
    pub resolvers: Vec<SocketAddr>,
}

/// What the network process says.
#[derive(Debug, Serialize, Deserialize)]
pub enum FromNetwork {
    /// An answer to the question of this number.
    Answer(u64, Answer),
    /// A sandbox is to be connected to another one. The daemon answers by [`Request::Reached`],
    /// whenever it knows.
    Reach(Reach),
    /// What there is to tell of a sandbox: at the end of connections, and each second in which it
    /// moved something.
    Report(SandboxId, Report),
}

/// A connection from one sandbox to a port of another one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reach {
    /// Chosen by the asker. The next network process may choose it again.
    pub number: u64,
    /// Whose program connects.
    pub from: SandboxId,
    /// Where to.
    pub to: SandboxId,
    /// Which port of its loopback.
    pub port: u16,
}

/// What came of a [`Reach`].
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// It is made, and these bytes came back already.
    Connected(Vec<u8>),
    /// It may not be made.
    Refused,
    /// It was not made, and why.
    Unreachable(String),
}

/// An answer.
#[derive(Debug, Serialize, Deserialize)]
pub enum Answer {
    /// It is done.
    Done,
    /// These are served.
    Serving(Vec<SandboxId>),
    /// What a sandbox has moved.
    Traffic(Traffic),
    /// The sandbox is not served.
    Unknown,
    /// It was not done, and why.
    Failed(String),
}
