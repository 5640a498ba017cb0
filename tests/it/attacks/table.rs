//! The attacks, by kind.

mod agent;
mod escape;
mod flood;
mod forks;
mod host;
mod kernel;
mod landing;
mod launcher;
mod leaks;
mod memory;
mod neighbours;
mod proc;
mod processes;
mod space;

use super::Attack;

/// Every kind with its attacks.
pub(crate) const KINDS: &[(&str, &[Attack])] = &[
    ("escape", escape::ATTACKS),
    ("proc and sys", proc::ATTACKS),
    ("kernel interfaces", kernel::ATTACKS),
    ("fork bomb", forks::ATTACKS),
    ("memory", memory::ATTACKS),
    ("disk and inode fill", space::ATTACKS),
    ("output flood", flood::ATTACKS),
    ("pid games", processes::ATTACKS),
    ("symlinks and races against the file operations", landing::ATTACKS),
    ("agent killed, traced or fed garbage", agent::ATTACKS),
    ("environment and descriptor leaks", leaks::ATTACKS),
    ("the host's files", host::ATTACKS),
    ("other sandboxes", neighbours::ATTACKS),
    ("a hostile daemon against the launcher", launcher::ATTACKS),
];
