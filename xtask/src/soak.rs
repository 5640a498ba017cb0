//! The long rest: fuzz targets for minutes each, many kills, the benchmark at full length.

use std::fs;

use anyhow::Result;

use crate::install::{self, Policy};
use crate::step::{command, execute, root, target};

/// Seconds for each fuzz target.
const FUZZ_SECONDS: u32 = 600;

pub(crate) fn run() -> Result<()> {
    let tools = install::run(Policy::Install)?;
    execute(&mut command(&["cargo", "build", "--release", "--bin", "infield"]))?;
    let binary = target().join("release/infield");
    execute(
        command(&["cargo", "test", "--release", "--package", "infield-tests", "--", "recovery"])
            .env("INFIELD_BIN", &binary)
            .env("INFIELD_TEST_TOOLS", tools.folder()),
    )?;
    for name in ["archive", "frames"] {
        let limit = format!("-max_total_time={FUZZ_SECONDS}");
        let corpus = format!("corpus/{name}");
        // What is found goes into the first folder; the corpus is for people to choose.
        let found = format!("target/found-{name}");
        fs::create_dir_all(root().join("fuzz").join(&found))?;
        let words = ["cargo", "run", "--release", "--bin", name, "--", &limit, &found, &corpus];
        execute(command(&words).current_dir(root().join("fuzz")))?;
    }
    execute(std::process::Command::new(binary).args(["bench", "--alive", "1000"]))
}
