//! `docs/network-attempts.md`, from the table.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result};

use super::all;
use super::table::KINDS;

const HEAD: &str = "\
# Attempts

Generated from `tests/it/network/attempts` by `INFIELD_BLESS=1 cargo test --test it attempts`; the
test fails when this page is not what the table says.

Each attempt is a hostile program in a real sandbox that tries to reach what its policy does not
allow. It runs once on infield as it is, and once on a test build that leaves out the defence that
the attempt is named for; whatever is no secret of sandboxes also runs on a bare host. All outcomes
are tested: an attempt that fails everywhere proves nothing. What the words of the defences mean is in
`crates/net/src/defence.rs` and `crates/jail/src/defence.rs`.
";

/// Defences of which each holds its attempts alone, and why there are several.
const SEVERAL: &[(&str, &str)] = &[
    ("special,own", "the address is one of the host's own and not public either"),
    ("straight,own", "a connection to the listener itself asks for a loopback address"),
    ("rules,host", "an address that came to stand for another name fits neither rule nor request"),
    (
        "landlock,network_namespace",
        "abstract sockets are those of a namespace, and beyond the sandbox's own there are none",
    ),
    (
        "seccomp,capabilities,network_owner",
        "the call is refused, no capability is held, and it would not count on the host's network \
         namespace",
    ),
    (
        "capabilities,network_owner",
        "no capability is held, and it would not count in a namespace that is the host's",
    ),
    (
        "read_only_proc,capabilities,network_owner",
        "the file is read-only, nobody inside may change settings, and those of the host's namespace \
         are not root's inside",
    ),
];

fn document() -> String {
    let mut text = HEAD.to_owned();
    let mut add = |line: std::fmt::Arguments<'_>| {
        text.write_fmt(line).expect("a string takes every text");
    };
    add(format_args!(
        "\nWhere each of several defences holds an attempt alone, it is held as long as one is there, and\nsucceeds without all of them:\n\n"
    ));
    for (words, why) in SEVERAL {
        add(format_args!("- `{}`: {why}.\n", words.replace(',', "`, `")));
    }
    for (kind, attempts) in KINDS {
        let title = kind[..1].to_uppercase() + &kind[1..];
        let table = "| attempt | defence | with it | without it |\n| --- | --- | --- | --- |\n";
        add(format_args!("\n## {title}\n\n{table}"));
        for attempt in *attempts {
            let name = attempt.name.replace('_', " ");
            let defence = attempt.defence.replace(',', "`, `");
            let [with, without] = attempt.outcomes();
            add(format_args!("| {name} | `{defence}` | {with} | {without} |\n"));
        }
    }
    text
}

#[test]
fn the_page_says_what_the_table_says() -> Result<()> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/network-attempts.md");
    if std::env::var_os("INFIELD_BLESS").is_some() {
        std::fs::write(&path, document())?;
    }
    let page = std::fs::read_to_string(&path).context("docs/network-attempts.md is missing")?;
    assert_eq!(page, document(), "INFIELD_BLESS=1 writes it anew");
    Ok(())
}

#[test]
fn several_defences_have_a_reason() {
    for attempt in all().filter(|attempt| attempt.defence.contains(',')) {
        let is_told = SEVERAL.iter().any(|(words, _)| *words == attempt.defence);
        assert!(is_told, "{}: why {}?", attempt.name, attempt.defence);
    }
}
