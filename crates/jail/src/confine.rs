//! Takes files from a process of ours that needs none.

use std::io;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreatedAttr, Scope,
};
use rustix::process::{DumpableBehavior, set_dumpable_behavior};

/// What says where the host's resolvers are; often a link to somewhere else.
const RESOLVERS: &str = "/etc/resolv.conf";

/// Where random numbers come from, for those who do not ask the kernel itself.
const RANDOM: [&str; 2] = ["/dev/random", "/dev/urandom"];

/// Leaves the caller nothing to read but random numbers and what says where the host's resolvers
/// are, in folders where others replace it, and hides its memory from processes of its user. As far
/// as the kernel has Landlock. It holds for one thread and those that it makes, so the caller has no other yet.
pub fn confine_to_network() -> io::Result<()> {
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    restrict().map_err(io::Error::other)
}

fn restrict() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let abi = ABI::V6;
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(abi))?
        .scope(Scope::from_all(abi))?
        .create()?;
    for place in folders().into_iter().chain(RANDOM.map(PathBuf::from)) {
        // One that is not there cannot be opened either.
        if let Ok(place) = PathFd::new(&place) {
            rules = rules.add_rule(PathBeneath::new(place, AccessFs::ReadFile))?;
        }
    }
    rules.restrict_self()?;
    Ok(())
}

/// Where the file and what it links to lie.
fn folders() -> Vec<PathBuf> {
    let file = Path::new(RESOLVERS);
    let target = file.canonicalize().ok();
    [Some(file.to_owned()), target]
        .into_iter()
        .flatten()
        .filter_map(|file| Some(file.parent()?.to_owned()))
        .collect()
}
