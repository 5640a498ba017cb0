//! Other sandboxes, by every name and address that they could have. The neighbour is of the same
//! owner and in the network `team`; the stranger is another owner's, in one of the same word.

use super::{ALLOWED, Attempt, Ground, Policy, Step, Success};

/// Whoever is in no network.
macro_rules! apart {
    ($name:literal, $script:expr) => {
        Attempt::new($name, "members", ALLOWED, $script).on(Ground::Sandbox)
    };
}

/// Whoever is in one.
macro_rules! joined {
    ($name:literal, $network:literal, $defence:literal, $script:expr) => {
        Attempt::new($name, $defence, ALLOWED, $script).on(Ground::Sandbox).within($network)
    };
}

const NEIGHBOUR: &str = "reached('neighbour', 'neighbour.infield.internal', port=NEIGHBOUR)";
const STRANGER: &str = "reached('stranger', 'stranger.infield.internal', port=NEIGHBOUR)";

/// The addresses that stood for it.
const REMEMBER: &str = "
found = [address[0] for *_, address in socket.getaddrinfo('neighbour', NEIGHBOUR)]
ready()
verdict(any(where(address, NEIGHBOUR) for address in found))";

/// Bytes go back and forth for a while after it left: the cut may take a moment.
const GO_ON: &str = "
with connect('neighbour', NEIGHBOUR + 1) as stream:
    stream.sendall(b'before\\n')
    stream.recv(100)
    ready()
    limit = time.monotonic() + 3
    while time.monotonic() < limit:
        stream.sendall(b'after\\n')
        if stream.recv(100) == b'':
            verdict(False)
        time.sleep(0.05)
    verdict(True)";

const DENIED: Policy = Policy::Custom(&["allow allowed.example", "deny *.infield.internal"]);

#[rustfmt::skip]
pub(crate) const ATTEMPTS: &[Attempt] = &[
    apart!("cannot_reach_a_sandbox_by_its_name", NEIGHBOUR),
    apart!("cannot_reach_a_sandbox_of_somebody_else", STRANGER),
    apart!("cannot_reach_a_sandbox_with_an_allowed_host",
        "reached('neighbour.infield.internal', port=NEIGHBOUR, data=get('allowed.example'))"),
    joined!("cannot_reach_a_sandbox_of_another_network", "other", "members", NEIGHBOUR),
    joined!("cannot_reach_another_owners_network_of_the_same_word", "team", "members", STRANGER),
    joined!("cannot_use_the_address_of_a_sandbox_after_leaving", "team", "members", REMEMBER)
        .during(&[Step::Leave("team")]),
    joined!("cannot_go_on_to_a_sandbox_after_leaving", "team", "cut", GO_ON)
        .during(&[Step::Leave("team")]),
    joined!("cannot_go_on_to_a_sandbox_after_none", "team", "cut", GO_ON).during(&[Step::Close]),
    apart!("cannot_join_by_the_death_of_the_network", NEIGHBOUR).after(&[Step::KillNetwork]),
    apart!("cannot_join_by_the_death_of_the_daemon", NEIGHBOUR).after(&[Step::KillDaemon]),
    Attempt::new("cannot_reach_a_sandbox_that_a_rule_denies", "rules", DENIED, NEIGHBOUR)
        .on(Ground::Sandbox).within("team"),
    Attempt::new("cannot_ask_outside_for_a_sandbox", "questions", Policy::Public,
        "ask('asked-for-a-sandbox.infield.internal', 1)\nverdict(False)")
        .when(Success::Asked("asked-for-a-sandbox")).on(Ground::Sandbox),
];
