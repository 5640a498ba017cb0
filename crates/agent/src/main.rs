//! The agent's entry.

use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    let failure = infield_agent::run(std::env::args().skip(1));
    // The launcher reads why a sandbox did not come up; nobody else is there to be told.
    let told = writeln!(std::io::stderr(), "error: {}", failure.message);
    ExitCode::from(if told.is_ok() { 1 } else { 2 })
}
