//! From an error to what a person reads and what a shell sees: the one place for both.

use std::fmt::Write as _;
use std::process::ExitCode;

use infield_domain::{Error, Kind};

use crate::output;

/// The exit code of `run` and `exec` when infield failed and not the program, as docker has it.
pub(crate) const RUN_FAILED: u8 = 125;

/// The exit code of `run` and `exec` when the time was over, as timeout(1) has it.
pub(crate) const TIME_OVER: u8 = 124;

/// The exit code that tells a kind apart.
pub(crate) fn exit_code(kind: Kind) -> u8 {
    match kind {
        Kind::Internal => 1,
        Kind::Invalid => 2,
        Kind::Unavailable => 3,
        Kind::NotFound => 4,
        Kind::Conflict => 5,
        Kind::Unauthenticated | Kind::Denied => 6,
        Kind::Quota => 7,
        Kind::Unsupported => 8,
        Kind::Timeout => 9,
    }
}

/// Shows an error on standard error, and gives the exit code of its kind.
pub(crate) fn report(error: &Error) -> ExitCode {
    output::complain(&render(error));
    ExitCode::from(exit_code(error.kind()))
}

/// The text of an error, with styles that the stream drops where there is no terminal.
pub(crate) fn render(error: &Error) -> String {
    let (red, cyan) = (output::ERROR, output::HINT);
    let mut text = format!("{red}error:{red:#} {}\n", output::clean_lines(error.message()));
    if let Some(hint) = error.hint() {
        writeln!(text, "{cyan}hint:{cyan:#} {}", output::clean_lines(hint))
            .expect("a string takes every write");
    }
    text
}

#[cfg(test)]
mod tests;
