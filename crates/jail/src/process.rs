//! Recognises a process again.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::process::{Pid, PidfdFlags, Signal, WaitId, WaitIdOptions};

use crate::record::Process;

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// With a code.
    Code(i32),
    /// By a signal.
    Signal(i32),
    /// Somebody else's child, or it was gone before.
    Unknown,
}

/// The boot that we are in.
pub(crate) fn boot() -> io::Result<String> {
    Ok(std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned())
}

/// The start time of a process in ticks since boot, the 22nd field of its `stat`.
pub(crate) fn started(pid: u32) -> io::Result<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The second field is a name in parentheses and may hold anything.
    let (_, rest) = stat.rsplit_once(')').ok_or(io::ErrorKind::InvalidData)?;
    let mut fields = rest.split_whitespace();
    let state = fields.next();
    if matches!(state, Some("Z" | "X")) {
        return Err(io::Error::from(io::ErrorKind::NotFound));
    }
    let field = fields.nth(18).and_then(|field| field.parse().ok());
    field.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))
}

/// Opens a recorded process, if it is still the same one.
pub(crate) fn open(process: &Process, boot: &str) -> Option<OwnedFd> {
    if process.boot != boot {
        return None;
    }
    let pid = Pid::from_raw(i32::try_from(process.pid).ok()?)?;
    let pidfd = rustix::process::pidfd_open(pid, PidfdFlags::empty()).ok()?;
    // Looked at after the descriptor holds the process: its number cannot change hands now.
    (started(process.pid).ok()? == process.started).then_some(pidfd)
}

/// Sends a signal; a process that is gone is fine.
pub(crate) fn signal(pidfd: BorrowedFd<'_>, signal: Signal) -> io::Result<()> {
    match rustix::process::pidfd_send_signal(pidfd, signal) {
        Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Opens whatever process has a number now, and gives the number back with it.
pub(crate) fn open_any(number: u32) -> Option<(u32, OwnedFd)> {
    let pid = Pid::from_raw(i32::try_from(number).ok()?)?;
    Some((number, rustix::process::pidfd_open(pid, PidfdFlags::empty()).ok()?))
}

/// Ends a process by its number, if it can be opened.
pub(crate) fn kill(pid: u32) {
    if let Some((_, pidfd)) = open_any(pid) {
        // A process that cannot be ended shows up again when its group cannot be removed.
        let _ = rustix::process::pidfd_send_signal(&pidfd, Signal::KILL);
    }
}

/// Takes the exit status of a process that has ended.
pub(crate) fn reap(pidfd: BorrowedFd<'_>) -> Ending {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
    match rustix::process::waitid(WaitId::PidFd(pidfd), options) {
        Ok(Some(status)) => match (status.exit_status(), status.terminating_signal()) {
            (Some(code), _) => Ending::Code(code),
            (None, Some(signal)) => Ending::Signal(signal),
            (None, None) => Ending::Unknown,
        },
        Ok(None) | Err(_) => Ending::Unknown,
    }
}

/// Waits for a child that is about to end, and forgets it.
pub(crate) fn await_end(pidfd: &OwnedFd) {
    // A child of ours can be waited for, and once.
    let _ = rustix::process::waitid(WaitId::PidFd(pidfd.as_fd()), WaitIdOptions::EXITED);
}
