//! The attempts, by kind.

mod addresses;
mod floods;
mod handshakes;
mod inside;
mod lifecycle;
mod lookalikes;
mod peers;
mod protocols;
mod rebinding;
mod requests;
mod tunnels;

use super::{Attempt, Ground, Policy, Step, Success};

/// One zone and its top, on every port.
const ALLOWED: Policy = Policy::Custom(&["allow allowed.example", "allow *.allowed.example"]);

/// Every kind with its attempts.
pub(crate) const KINDS: &[(&str, &[Attempt])] = &[
    ("addresses", addresses::ATTEMPTS),
    ("rebinding", rebinding::ATTEMPTS),
    ("lookalikes", lookalikes::ATTEMPTS),
    ("handshakes", handshakes::ATTEMPTS),
    ("requests", requests::ATTEMPTS),
    ("tunnels", tunnels::ATTEMPTS),
    ("protocols", protocols::ATTEMPTS),
    ("inside", inside::ATTEMPTS),
    ("other sandboxes", peers::ATTEMPTS),
    ("lifecycle", lifecycle::ATTEMPTS),
    ("floods", floods::ATTEMPTS),
];

/// Attempts that are not made in sandboxes, each with the reason.
#[rustfmt::skip]
pub(super) const LEFT_OUT: &[(&str, &str)] = &[
    ("cannot_lose_the_policy_by_a_pause", "no command pauses a sandbox yet"),
    ("cannot_lose_the_policy_by_a_fork", "no command forks a sandbox yet"),
    ("cannot_lose_the_policy_by_a_snapshot", "no command makes a snapshot yet"),
];
