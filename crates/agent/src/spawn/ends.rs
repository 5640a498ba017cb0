//! Both ends of a command's streams: pipes, or a terminal.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use rustix::fs::fchown;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::pty::OpenptFlags;
use rustix::termios::Winsize;

use infield_protocol::message::{Spawn, Stdin, TerminalSize};

use crate::account::Account;

/// Our ends of a command's streams.
pub(crate) struct OurEnds {
    pub(crate) input: Option<OwnedFd>,
    pub(crate) stdout: OwnedFd,
    pub(crate) stderr: Option<OwnedFd>,
}

/// The child's ends.
pub(super) struct ChildEnds {
    /// Nothing to read, when missing.
    pub(super) stdin: Option<OwnedFd>,
    pub(super) stdout: OwnedFd,
    /// The same as standard output, when missing.
    pub(super) stderr: Option<OwnedFd>,
}

/// Opens both.
pub(super) fn open_ends(spawn: &Spawn, account: &Account) -> io::Result<(ChildEnds, OurEnds)> {
    if let Some(size) = spawn.terminal {
        let (master, slave) = open_terminal(size, account)?;
        let input = Some(master.try_clone()?);
        let child = ChildEnds { stdin: Some(slave.try_clone()?), stdout: slave, stderr: None };
        return Ok((child, OurEnds { input, stdout: master, stderr: None }));
    }
    let (stdin, input) = match spawn.stdin {
        Stdin::Empty => (None, None),
        Stdin::Bytes(_) | Stdin::Stream => {
            let (read, write) = pipe_with(PipeFlags::CLOEXEC)?;
            rustix::io::ioctl_fionbio(&write, true)?;
            (Some(read), Some(write))
        }
    };
    let (stdout, stdout_end) = pipe_with(PipeFlags::CLOEXEC)?;
    let (stderr, stderr_end) = pipe_with(PipeFlags::CLOEXEC)?;
    rustix::io::ioctl_fionbio(&stdout, true)?;
    rustix::io::ioctl_fionbio(&stderr, true)?;
    for end in stdin.iter().chain([&stdout_end, &stderr_end]) {
        own(end, account)?;
    }
    let child = ChildEnds { stdin, stdout: stdout_end, stderr: Some(stderr_end) };
    Ok((child, OurEnds { input, stdout, stderr: Some(stderr) }))
}

fn open_terminal(size: TerminalSize, account: &Account) -> io::Result<(OwnedFd, OwnedFd)> {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let master = rustix::pty::openpt(flags)?;
    rustix::pty::unlockpt(&master)?;
    let slave = rustix::pty::ioctl_tiocgptpeer(&master, flags)?;
    resize(&master, size)?;
    own(&slave, account)?;
    rustix::io::ioctl_fionbio(&master, true)?;
    Ok((master, slave))
}

/// Lets a user open what it has again by name, such as `/dev/stdout`.
fn own(end: &OwnedFd, account: &Account) -> io::Result<()> {
    match account.uid {
        0 => Ok(()),
        uid => Ok(fchown(end, Some(rustix::fs::Uid::from_raw(uid)), None)?),
    }
}

/// Tells a terminal its size.
pub(crate) fn resize(terminal: impl AsFd, size: TerminalSize) -> io::Result<()> {
    let (ws_col, ws_row) = (size.columns, size.rows);
    Ok(rustix::termios::tcsetwinsize(
        terminal,
        Winsize { ws_row, ws_col, ws_xpixel: 0, ws_ypixel: 0 },
    )?)
}

/// Whether a terminal's or pipe's end of input is a character or the closing of it.
pub(crate) fn end_of_terminal_input(terminal: &OwnedFd) -> u8 {
    const CONTROL_D: u8 = 4;
    debug_assert!(terminal.as_raw_fd() > 2, "a terminal of ours");
    rustix::termios::tcgetattr(terminal).map_or(CONTROL_D, |attributes| {
        attributes.special_codes[rustix::termios::SpecialCodeIndex::VEOF]
    })
}
