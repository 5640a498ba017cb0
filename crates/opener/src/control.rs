//! What the daemon and the opener say to each other.
//!
//! One message is one packet of a `SOCK_SEQPACKET` socket pair, postcard-encoded, at most
//! [`PACKET_BYTES`] long. One question is asked at a time; its number pairs it with its answer. When
//! the socket is new, so is the process, and it has nothing of any sandbox.

use infield_domain::SandboxId;
use infield_domain::network::Pattern;
use infield_domain::secret::{Given, Sealed, SecretName};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// Bytes of one packet at most: less than a socket's buffer is long where nobody set it.
pub const PACKET_BYTES: usize = 160 << 10;

/// A question with the number that pairs it with its answer.
#[derive(Serialize, Deserialize)]
pub struct ToOpener {
    /// Chosen by the asker.
    pub number: u64,
    /// The question.
    pub request: Request,
}

/// What the daemon asks. It has no text for people, since a value may be in it.
#[derive(Serialize, Deserialize)]
pub enum Request {
    /// Seals a value. Answer: [`Answer::Sealed`].
    Seal {
        /// The name of its secret.
        name: SecretName,
        /// The hosts of its secret.
        hosts: Vec<Pattern>,
        /// The value.
        value: Zeroizing<String>,
    },
    /// From now on a sandbox has these secrets and no others. Answer: [`Answer::Authority`].
    Provision {
        /// Which.
        sandbox: SandboxId,
        /// Its secrets.
        secrets: Vec<Given>,
    },
    /// Ends the connections of a sandbox and wipes what is known of it. Answer: [`Answer::Done`].
    Forget {
        /// Which.
        sandbox: SandboxId,
    },
    /// Whose secrets are here. Answer: [`Answer::Wards`].
    Inventory,
    /// The socket of the network process comes along, which hands connections over. Answer:
    /// [`Answer::Done`].
    Network,
}

/// An answer with the number of its question.
#[derive(Debug, Serialize, Deserialize)]
pub struct FromOpener {
    /// The question's.
    pub number: u64,
    /// The answer.
    pub answer: Answer,
}

/// What the opener says.
#[derive(Debug, Serialize, Deserialize)]
pub enum Answer {
    /// It is done.
    Done,
    /// The sealed value.
    Sealed(Sealed),
    /// The certificate of the sandbox's authority, in PEM.
    Authority(String),
    /// These sandboxes have secrets here.
    Wards(Vec<SandboxId>),
    /// The value of this secret cannot be opened: it was sealed with another key.
    Locked(SecretName),
    /// It was not done, and why.
    Failed(String),
}
