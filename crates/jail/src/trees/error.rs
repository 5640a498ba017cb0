//! What can go wrong with a tree, always naming the entry.

use std::ffi::CStr;

use rustix::io::Errno;

/// The result of everything here.
pub type Result<T, E = TreeError> = std::result::Result<T, E>;

/// Why a tree was not read or written.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// The kernel said no.
    #[error("cannot {step} `{name}`")]
    Kernel {
        /// What was tried.
        step: &'static str,
        /// The entry, made printable.
        name: String,
        /// The kernel's answer.
        #[source]
        source: Errno,
    },
    /// The entry is of a kind, or at a place, that is not allowed.
    #[error("refused `{name}`: {reason}")]
    Refused {
        /// The entry, made printable.
        name: String,
        /// Which rule.
        reason: &'static str,
    },
    /// The archive is not well formed.
    #[error("malformed archive at `{name}`: {reason}")]
    Malformed {
        /// The entry, or `the first entry` and the like, made printable.
        name: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// A limit was reached.
    #[error("`{name}` exceeds the limit of {limit} {unit}")]
    Limit {
        /// The entry at which it was reached, made printable.
        name: String,
        /// The limit.
        limit: u64,
        /// Of what.
        unit: &'static str,
    },
    /// The stream that the archive comes from, or goes to, failed.
    #[error("the archive's stream broke off at `{name}`")]
    Stream {
        /// The entry, made printable.
        name: String,
        /// What the stream said.
        #[source]
        source: std::io::Error,
    },
    /// The tree changed while it was worked on, in a way that hides where it is.
    #[error("the folder above `{name}` was moved away meanwhile")]
    Moved {
        /// The folder that was left, made printable.
        name: String,
    },
}

impl TreeError {
    /// The kernel's error number, when it was the kernel that refused.
    pub fn errno(&self) -> Option<i32> {
        match self {
            Self::Kernel { source, .. } => Some(source.raw_os_error()),
            Self::Stream { source, .. } => source.raw_os_error(),
            Self::Refused { .. }
            | Self::Malformed { .. }
            | Self::Limit { .. }
            | Self::Moved { .. } => None,
        }
    }

    pub(crate) fn kernel(step: &'static str, name: &CStr, source: Errno) -> Self {
        Self::Kernel { step, name: printable(name.to_bytes()), source }
    }

    pub(crate) fn refused(name: &[u8], reason: &'static str) -> Self {
        Self::Refused { name: printable(name), reason }
    }
}

/// Makes a foreign name fit for a message: control characters and broken UTF-8 escaped, and not
/// longer than a line.
pub(crate) fn printable(name: &[u8]) -> String {
    const LONGEST: usize = 200;
    let cut = &name[..name.len().min(LONGEST)];
    let mut text = cut.escape_ascii().to_string();
    if cut.len() < name.len() {
        text.push_str("...");
    }
    text
}
