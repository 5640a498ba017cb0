//! Who owns a sandbox's user namespace.
//!
//! The kernel counts inotify instances, locked memory, pending signals and the like in a user
//! namespace, and once more in the one outside, for the namespace's owner (`inc_ucount` walks up
//! to the first namespace). If root owned every sandbox, one sandbox could use up what is there
//! for all others and for root itself. So each belongs to the first id of its own range, an id
//! that has no process outside.

use std::io;

use rustix::thread::{CapabilitiesSecureBits, Uid};

/// Lets the caller change its effective id without losing its capabilities; see
/// `SECBIT_NO_SETUID_FIXUP` in capabilities(7). A new user namespace starts without it.
pub(crate) fn keep_capabilities() -> io::Result<()> {
    let bits = rustix::thread::capabilities_secure_bits()?;
    let bits = bits | CapabilitiesSecureBits::NO_SETUID_FIXUP;
    rustix::thread::set_capabilities_secure_bits(bits).map_err(Into::into)
}

/// Runs `make` with `owner` as effective user, whose are the user namespaces that it makes.
///
/// # Panics
///
/// If the kernel does not give root its own id back, which it always allows: going on as somebody
/// else would be worse.
pub(crate) fn owned_by<T>(owner: u32, make: impl FnOnce() -> T) -> io::Result<T> {
    let change = |user| rustix::thread::set_thread_res_uid(Uid::ROOT, user, Uid::ROOT);
    change(Uid::from_raw(owner))?;
    let made = make();
    change(Uid::ROOT).expect("the saved id is root's, so setresuid(2) cannot refuse it");
    Ok(made)
}
