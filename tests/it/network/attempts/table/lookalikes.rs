//! Names that look like an allowed one, to a person or to careless code.

use super::{ALLOWED, Attempt, Policy, Success};

macro_rules! name {
    ($name:literal, $policy:expr, $words:literal) => {
        Attempt::new($name, "rules", $policy, concat!("reached(", $words, ")"))
    };
}

const EXACT: Policy = Policy::Custom(&["allow allowed.example"]);
const BELOW: Policy = Policy::Custom(&["allow *.allowed.example"]);
const BUT_ONE: Policy = Policy::Custom(&["allow *.allowed.example", "deny www.allowed.example"]);
const ONE_PORT: Policy = Policy::Custom(&["allow raw.allowed.example:443"]);

/// A label that holds what ends a string in C.
const NUL: &str = "ask([b'nul-allowed.example\\0', b'evil', b'example'], 1)\nverdict(False)";
/// One label with dots in it, which is one name as text and another one on the wire.
const DOTS: &str = "ask([b'dots.allowed.example', b'evil', b'example'], 1)\nverdict(False)";
/// As long as names may be.
const LONG: &str =
    "ask('.'.join(['long' + 'x' * 59] * 3 + ['y' * 40, 'evil', 'example']), 1)\nverdict(False)";
/// An allowed name behind one that is not.
const BEHIND: &str = "ask('behind.evil.example.allowed.example.evil.example', 1)\nverdict(False)";

#[rustfmt::skip]
pub(crate) const ATTEMPTS: &[Attempt] = &[
    name!("cannot_reach_a_name_with_an_allowed_end", EXACT, "'evilallowed.example'"),
    name!("cannot_reach_a_name_with_an_allowed_beginning", EXACT, "'allowed.example.evil.example'"),
    name!("cannot_reach_the_top_of_a_wildcard", BELOW, "'allowed.example'"),
    name!("cannot_reach_below_an_exact_name", EXACT, "'www.allowed.example'"),
    name!("cannot_pass_a_deny_rule_by_a_final_dot", BUT_ONE,
        "'www.allowed.example.', data=get('www.allowed.example')"),
    name!("cannot_pass_a_deny_rule_by_capitals", BUT_ONE, "'WWW.Allowed.EXAMPLE'"),
    name!("cannot_reach_a_name_with_a_foreign_letter", EXACT,
        "'\\xe0llowed.example', data=get('xn--llowed-hta.example')"),
    name!("cannot_reach_a_name_in_punycode", EXACT, "'xn--llowed-hta.example'"),
    Attempt::new("cannot_reach_another_port_of_a_name", "ports", ONE_PORT,
        "reached('raw.allowed.example', port=8080)"),
    Attempt::new("cannot_end_a_name_early", "questions", ALLOWED, NUL)
        .when(Success::Asked("nul-allowed")),
    Attempt::new("cannot_hide_dots_in_a_label", "questions", ALLOWED, DOTS)
        .when(Success::Asked("dots")),
    Attempt::new("cannot_overflow_a_name", "names", ALLOWED, LONG)
        .when(Success::Asked("longxxxx")),
    Attempt::new("cannot_look_up_a_name_behind_an_allowed_one", "names", ALLOWED, BEHIND)
        .when(Success::Asked("behind.evil")),
];
