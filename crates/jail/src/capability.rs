//! The capabilities that work inside a sandbox keeps, over its own user namespace only.

use rustix::thread::CapabilitySet;

/// Each capability that stays, with its reason. All others leave the bounding set for good.
pub(crate) const KEPT: [(CapabilitySet, &str); 9] = [
    (CapabilitySet::CHOWN, "package managers and tar give files to the sandbox's other users"),
    (CapabilitySet::DAC_OVERRIDE, "root works on files of the sandbox's other users"),
    (CapabilitySet::FOWNER, "chmod and utimes on files that root did not make, as dpkg does"),
    (CapabilitySet::FSETID, "an install keeps the mode bits that it was told to set"),
    (CapabilitySet::KILL, "root ends processes of the sandbox's other users"),
    (CapabilitySet::SETGID, "switching to another user, and apt's own download user"),
    (CapabilitySet::SETUID, "switching to another user, and apt's own download user"),
    (CapabilitySet::SETPCAP, "a program may give up more of its capabilities"),
    (CapabilitySet::NET_BIND_SERVICE, "servers on low ports where the sandbox owns its network"),
];

/// All that stay.
pub(crate) fn kept() -> CapabilitySet {
    KEPT.iter().fold(CapabilitySet::empty(), |all, (one, _)| all | *one)
}
