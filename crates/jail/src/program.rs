//! The agent's program: carried by this crate, run from a sealed memory file.

use std::io::Write;
use std::os::fd::OwnedFd;

use rustix::fs::{MemfdFlags, SealFlags};

use crate::failure::{At, Outcome};

const AGENT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/infield-agent"));

/// Puts the agent into a memory file that nobody can write, grow or shrink any more.
///
/// One file serves every sandbox, so their agents share the pages of the program's text.
pub(crate) fn seal() -> Outcome<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    // MFD_EXEC is asked for where the kernel knows it (6.3), because a host may have set
    // vm.memfd_noexec.
    let file = rustix::fs::memfd_create("infield-agent", flags | MemfdFlags::EXEC)
        .or_else(|_| rustix::fs::memfd_create("infield-agent", flags))
        .at("make a memory file")?;
    let mut file = std::fs::File::from(file);
    file.write_all(AGENT).at("fill the memory file")?;
    let seals = SealFlags::SEAL | SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE;
    rustix::fs::fcntl_add_seals(&file, seals).at("seal the memory file")?;
    Ok(file.into())
}
