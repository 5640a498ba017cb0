//! Turns what the kernel says into a [`Failure`] that names the step.

use std::io;

use crate::request::{Failure, FailureKind};

/// What every operation of the launcher returns.
pub(crate) type Outcome<T> = Result<T, Failure>;

/// Names the step at which the kernel refused.
pub(crate) trait At<T> {
    /// Names the step, a few words such as `mount overlay`.
    fn at(self, step: &str) -> Outcome<T>;
}

impl<T, E: Into<io::Error>> At<T> for Result<T, E> {
    fn at(self, step: &str) -> Outcome<T> {
        self.map_err(|error| kernel(step, &error.into()))
    }
}

/// The kernel refused at `step`.
pub(crate) fn kernel(step: &str, error: &io::Error) -> Failure {
    let errno = error.raw_os_error();
    let full = matches!(errno, Some(libc::ENOSPC | libc::EMFILE | libc::ENFILE | libc::EAGAIN));
    Failure {
        kind: if full { FailureKind::Full } else { FailureKind::Kernel },
        message: format!("{step}: {error}"),
        errno,
        hint: hint(errno),
    }
}

/// The request is malformed or names what it may not.
pub(crate) fn refused(message: impl Into<String>) -> Failure {
    plain(FailureKind::Refused, message)
}

/// There is no such thing.
pub(crate) fn not_found(message: impl Into<String>) -> Failure {
    plain(FailureKind::NotFound, message)
}

/// The host cannot do it.
pub(crate) fn unsupported(message: impl Into<String>, hint: &str) -> Failure {
    Failure { hint: Some(hint.to_owned()), ..plain(FailureKind::Unsupported, message) }
}

/// A ceiling of the host is reached.
pub(crate) fn full(message: impl Into<String>, hint: &str) -> Failure {
    Failure { hint: Some(hint.to_owned()), ..plain(FailureKind::Full, message) }
}

/// What was begun is not done yet; asking again goes on with it.
pub(crate) fn late(message: impl Into<String>, hint: &str) -> Failure {
    Failure { hint: Some(hint.to_owned()), ..plain(FailureKind::Late, message) }
}

fn plain(kind: FailureKind, message: impl Into<String>) -> Failure {
    Failure { kind, message: message.into(), errno: None, hint: None }
}

fn hint(errno: Option<i32>) -> Option<String> {
    let words = match errno? {
        libc::ENOSPC => "remove sandboxes with `infield rm`, or free room below the data directory",
        libc::EMFILE | libc::ENFILE => "raise the open-file limit of `infield serve`",
        libc::EPERM | libc::ENOSYS => "run `infield doctor` to see what this host allows",
        _ => return None,
    };
    Some(words.to_owned())
}
