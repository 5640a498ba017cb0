//! The gate, in the order in which a mistake is cheapest to find.

use std::fs;

use anyhow::{Context, Result};

use crate::install::{self, Policy};
use crate::step::{command, execute, root, target};
use crate::tidy;

pub(crate) fn run(policy: Policy) -> Result<()> {
    let tools = install::run(policy)?;
    run_checks()?;
    execute(
        command(&["cargo", "deny", "--log-level", "error", "check", "bans", "licenses", "sources"])
            .env("PATH", tools.path()?),
    )?;
    let binary = target().join("debug/infield");
    let weak = tools.folder().join("infield-weak");
    run_cargo(&["cargo", "build", "--bin", "infield", "--features", "weaken"])?;
    fs::copy(&binary, &weak).context("cannot put the weakened build aside")?;
    run_cargo(&["cargo", "build", "--bin", "infield"])?;
    let test = |words: &[&str]| -> Result<()> {
        let mut cargo = command(&["cargo", "test", "--workspace", "--no-fail-fast"]);
        cargo.args(words).env("INFIELD_BIN", &binary).env("INFIELD_WEAK_BIN", &weak);
        cargo.env("INFIELD_TEST_TOOLS", tools.folder()).env("INSTA_UPDATE", "no");
        execute(cargo.env("PATH", tools.path()?))
    };
    // Floods, fork bombs and full disks apart: promises about time are kept for others than
    // attackers.
    let apart = ["attacks::", "held::floods::", "held::weak::"];
    let skipped = apart.iter().flat_map(|filter| ["--skip", filter]);
    test(&["--"].into_iter().chain(skipped).collect::<Vec<_>>())?;
    let [attacks, floods, weak] = apart;
    test(&["--test", "it", "--", attacks])?;
    test(&["--test", "it", "--", floods])?;
    test(&["--test", "it", "--", weak])
}

fn run_checks() -> Result<()> {
    run_cargo(&["cargo", "fmt", "--all", "--check"])?;
    tidy::run()?;
    run_cargo(&["cargo", "clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])
}

fn run_cargo(words: &[&str]) -> Result<()> {
    execute(command(words).current_dir(root()))
}
