//! The gate, in the order in which a mistake is cheapest to find.

use std::{fs, thread};

use anyhow::{Context, Result, anyhow};

use crate::install::{self, Policy};
use crate::step::{command, execute, root, target};
use crate::tidy;

pub(crate) fn run(policy: Policy) -> Result<()> {
    // Compilers need the system's packages; everything else comes while they work.
    install::debian(policy)?;
    let tools = thread::scope(|scope| {
        let tools = scope.spawn(|| install::run(policy));
        run_checks()?;
        tools.join().map_err(|_| anyhow!("the installation panicked"))?
    })?;
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
    // attackers. The words before `--` stay the same: other ones would build everything anew.
    let apart = ["attacks::", "held::floods::", "held::weak::"];
    let threads = threads().to_string();
    let most = ["--", "--test-threads", &threads].into_iter();
    test(&most.chain(apart.iter().flat_map(|filter| ["--skip", filter])).collect::<Vec<_>>())?;
    apart.iter().try_for_each(|filter| test(&["--", filter]))
}

/// Tests at once: one more than the processors can run, since many wait most of their time.
fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from) + 1
}

fn run_checks() -> Result<()> {
    run_cargo(&["cargo", "fmt", "--all", "--check"])?;
    tidy::run()?;
    run_cargo(&["cargo", "clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])
}

fn run_cargo(words: &[&str]) -> Result<()> {
    execute(command(words).current_dir(root()))
}
