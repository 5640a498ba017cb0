//! Ids, limits, capabilities and Landlock of the calling process.

use std::io;

use landlock::{
    ABI, Access, AccessFs, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreatedAttr, Scope,
};
use rustix::process::{Resource, Rlimit};
use rustix::thread::{CapabilitySet, CapabilitySets};

use super::{Done, During};
use crate::capability;
use crate::plan::Limited;

/// Becomes id 0 of the namespace. Without it the process has an id that does not exist there.
pub(crate) fn become_root() -> io::Result<()> {
    let (user, group) = (rustix::process::Uid::ROOT, rustix::process::Gid::ROOT);
    match rustix::thread::set_thread_groups(&[]) {
        // Where the map has one id only, the kernel demands that groups stay as they are.
        Ok(()) | Err(rustix::io::Errno::PERM) => (),
        Err(error) => return Err(error.into()),
    }
    rustix::thread::set_thread_res_gid(group, group, group)?;
    rustix::thread::set_thread_res_uid(user, user, user)?;
    // A terminal's interrupt reaches a process group; the launcher's is not ours any more.
    rustix::process::setsid()?;
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
    Ok(())
}

/// Sets both limits of a resource, never above what the process has.
pub(super) fn limit(limited: Limited, value: u64) -> Done {
    let resource = match limited {
        Limited::OpenFiles => Resource::Nofile,
        Limited::Processes => Resource::Nproc,
        Limited::Core => Resource::Core,
        Limited::LockedMemory => Resource::Memlock,
        Limited::MessageQueues => Resource::Msgqueue,
    };
    let most = rustix::process::getrlimit(resource).maximum.unwrap_or(u64::MAX);
    let value = Some(value.min(most));
    rustix::process::setrlimit(resource, Rlimit { current: value, maximum: value })
        .during("set a resource limit")
}

/// Takes every capability that is not kept out of the bounding set.
pub(super) fn bounding_set() -> io::Result<()> {
    let kept = capability::kept();
    for number in 0..64 {
        let one = CapabilitySet::from_bits_retain(1 << number);
        if kept.contains(one) {
            continue;
        }
        match rustix::thread::remove_capability_from_bounding_set(one) {
            Ok(()) => (),
            // Numbers grow without gaps: this is the first that the kernel does not have.
            Err(rustix::io::Errno::INVAL) => break,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Keeps the nine and lets none pass to programs by inheritance.
pub(super) fn capabilities() -> io::Result<()> {
    let kept = capability::kept();
    rustix::thread::clear_ambient_capability_set()?;
    let sets =
        CapabilitySets { effective: kept, permitted: kept, inheritable: CapabilitySet::empty() };
    Ok(rustix::thread::set_capabilities(None, sets)?)
}

/// Whether this kernel has Landlock.
pub(crate) fn has_landlock() -> bool {
    let ruleset = Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
    ruleset.handle_access(AccessFs::Execute).and_then(Ruleset::create).is_ok()
}

/// Allows everything below the root but making devices, and nothing elsewhere. REFER, TRUNCATE
/// and IOCTL_DEV must be among what is allowed, or dpkg and terminals break.
pub(crate) fn landlock() -> Done {
    restrict().map_err(io::Error::other).during("restrict by Landlock")
}

fn restrict() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let abi = ABI::V6;
    let allowed = AccessFs::from_all(abi) & !(AccessFs::MakeChar | AccessFs::MakeBlock);
    Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(abi))?
        .scope(Scope::from_all(abi))?
        .create()?
        .add_rule(PathBeneath::new(PathFd::new("/")?, allowed))?
        .no_new_privs(false)
        .restrict_self()?;
    Ok(())
}
