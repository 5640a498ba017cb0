//! From an error to what a person reads and what a shell sees: the one place for both.

use std::fmt::Write as _;
use std::process::ExitCode;

use infield_domain::{Error, Kind};
use infield_rest::wire::ErrorDetail;

use crate::output;

/// The exit code of `run` and `exec` when infield failed and not the program, as docker has it.
pub(crate) const RUN_FAILED: u8 = 125;

/// The exit code of `exec` when the sandbox has no such program, as a shell has it.
pub(crate) const NO_PROGRAM: u8 = 127;

/// The exit code of `run` and `exec` when the time was over, as timeout(1) has it.
pub(crate) const TIME_OVER: u8 = 124;

/// An error that came over the wire. A word that we do not know is a fault of its sender.
pub(crate) fn from_detail(detail: ErrorDetail) -> Error {
    let kind = Kind::from_word(&detail.kind).unwrap_or(Kind::Internal);
    let error = Error::new(kind, detail.message);
    match detail.hint {
        Some(hint) => error.with_hint(hint),
        None => error,
    }
}

/// An error for the wire.
pub(crate) fn to_detail(error: &Error) -> ErrorDetail {
    ErrorDetail {
        kind: error.kind().as_str().to_owned(),
        message: error.message().to_owned(),
        hint: error.hint().map(str::to_owned),
        code: None,
    }
}

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
