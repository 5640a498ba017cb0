//! Failures as the host is told of them.

use std::fmt::Display;
use std::io;

use infield_protocol::message::{self, Code};

/// Why something was not done, for the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure(pub message::Failure);

impl Failure {
    /// Makes one.
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self(message::Failure { code, message: message.into(), hint: None })
    }

    /// Adds the one action that mends it.
    #[must_use]
    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// What the kernel said about `what`, which is a path in backticks or a short phrase.
    pub(crate) fn kernel(what: impl Display, error: &io::Error) -> Self {
        let said = said(error);
        let code = match error.kind() {
            io::ErrorKind::NotFound => Code::NotFound,
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Code::Denied,
            io::ErrorKind::AlreadyExists
            | io::ErrorKind::DirectoryNotEmpty
            | io::ErrorKind::ResourceBusy => Code::Conflict,
            io::ErrorKind::NotADirectory
            | io::ErrorKind::IsADirectory
            | io::ErrorKind::InvalidFilename
            | io::ErrorKind::InvalidInput => Code::Invalid,
            io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::OutOfMemory
            | io::ErrorKind::FileTooLarge => Code::Quota,
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Code::Timeout,
            _ => match error.raw_os_error() {
                Some(libc::ELOOP) => Code::Invalid,
                Some(libc::EAGAIN | libc::EMFILE | libc::ENFILE) => Code::Quota,
                _ => Code::Internal,
            },
        };
        Self::new(code, format!("{what}: {said}"))
    }
}

/// The kernel's words without Rust's `(os error 2)`, in lower case.
fn said(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

/// Turns results of others into ours.
pub(crate) trait Failed<T> {
    /// With this code and these words.
    fn failed(self, code: Code, message: impl FnOnce() -> String) -> Result<T, Failure>;
}

impl<T, E: Display> Failed<T> for Result<T, E> {
    fn failed(self, code: Code, message: impl FnOnce() -> String) -> Result<T, Failure> {
        self.map_err(|error| Failure::new(code, format!("{}: {error}", message())))
    }
}

/// Turns the kernel's results into ours.
pub(crate) trait KernelFailed<T> {
    /// While doing this.
    fn doing<D: Display>(self, what: impl FnOnce() -> D) -> Result<T, Failure>;
}

impl<T, E: Into<io::Error>> KernelFailed<T> for Result<T, E> {
    fn doing<D: Display>(self, what: impl FnOnce() -> D) -> Result<T, Failure> {
        self.map_err(|error| Failure::kernel(what(), &error.into()))
    }
}
