//! The project's chores, run as `cargo xtask CHORE`.
//!
//! `test` is the gate: whatever it checks is green on main, and the build server runs nothing
//! else. `soak` is the long rest.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a chore talks to its terminal")]

mod install;
mod intents;
mod soak;
mod step;
mod test;
mod tidy;

use std::env;
use std::path::Path;
use std::process::ExitCode;

const USAGE: &str = "usage: cargo xtask CHORE

  test [--no-install]   the gate: install what tests need, format, lints, tidy, bans, tests
  tidy                  layout, walls, sizes and names alone
  install               what the tests need, and nothing else
  intents FILE [--plans OUT]
                        how many requests in plain language are read right
  soak                  fuzz targets, many kills, benchmarks; takes an hour";

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["test"] => test::run(install::Policy::Install),
        ["test", "--no-install"] => test::run(install::Policy::Refuse),
        ["tidy"] => tidy::run(),
        ["install"] => install::run(install::Policy::Install).map(drop),
        ["intents", file] => intents::run(Path::new(file), None),
        ["intents", file, "--plans", plans] => {
            intents::run(Path::new(file), Some(Path::new(plans)))
        }
        ["soak"] => soak::run(),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
