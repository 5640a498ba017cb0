//! Trees of files that somebody hostile made: layers of sandboxes, archives, folders.
//!
//! Everything here works from open directories downwards. A name is one component, opened
//! beneath its directory without following links and without leaving the file system; no path
//! of the host is ever put together. The deepest and the widest trees cost a bounded number of
//! descriptors and a bounded amount of memory, because nothing recurses.
//!
//! These functions are run by a process of its own that is root in a user namespace with one
//! range of ids and has no right beyond it. They never hold a privilege that a wrong name could
//! abuse; the checks here are the second wall.

mod archive;
mod attributes;
pub(crate) mod beneath;
mod copy;
pub(crate) mod error;
mod measure;
mod names;
mod pack;
mod remove;
mod trail;
mod unpack;
pub(crate) mod walk;

pub use copy::copy;
pub use error::{Result, TreeError};
pub use measure::measure;
pub use pack::{pack, pack_entry};
pub use remove::remove_contents;
pub use unpack::{UnpackLimits, Unpacked, land, unpack};

/// What a tree holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Bytes on disk, each file once however many names it has.
    pub bytes: u64,
    /// Names: files, folders, links and everything else, without the top itself.
    pub entries: u64,
    /// Sockets, which cannot be copied and were left out.
    pub sockets: u64,
}
