//! `docs/attacks.md`, from the table.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result};

use super::table::KINDS;

const HEAD: &str = "\
# Attacks

Generated from `tests/it/attacks` by `INFIELD_BLESS=1 cargo test --test it attacks`; the test
fails when this page is not what the table says.

Each attack is hostile code in a real sandbox, or a hostile daemon before the real launcher. It runs
once on infield as it is, and once on a test build that leaves out the one defence that the attack
is named for. Both outcomes are tested: an attack that fails everywhere proves nothing. What the
words of the defences mean is in `crates/jail/src/defence.rs` and `crates/agent/src/settings.rs`.
";

fn document() -> String {
    let mut text = HEAD.to_owned();
    for (kind, attacks) in KINDS {
        let title = kind[..1].to_uppercase() + &kind[1..];
        let table = "| attack | defence | with it | without it |\n| --- | --- | --- | --- |\n";
        write!(text, "\n## {title}\n\n{table}").expect("a string takes every text");
        for attack in *attacks {
            let name = attack.name.replace('_', " ");
            writeln!(text, "| {name} | `{}` | held | succeeds |", attack.defence)
                .expect("a string takes every text");
        }
    }
    text
}

#[test]
fn the_page_says_what_the_table_says() -> Result<()> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/attacks.md");
    if std::env::var_os("INFIELD_BLESS").is_some() {
        std::fs::write(&path, document())?;
    }
    let page = std::fs::read_to_string(&path).context("docs/attacks.md is missing")?;
    assert_eq!(page, document(), "INFIELD_BLESS=1 writes it anew");
    Ok(())
}
