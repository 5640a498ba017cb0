//! One command: its process, its streams, its limits and its end.
//!
//! ```text
//! starting ──report──▶ running ──exit──▶ draining ──pipes closed or quiet──▶ ended
//!     └──report of a failure──▶ forgotten
//! ```
//!
//! Nothing here waits. [`Commands`](crate::commands::Commands) bounds them all, and
//! [`Server`](crate::serve::Server) brings them together with those who follow.

use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant, SystemTime};

use rustix::io::Errno;
use rustix::process::{Pid, Signal as Number, WaitStatus};

use infield_protocol::message::{
    Ending, Execution, OnDisconnect, Signal, Spawn, Stdin, StoppedBy, Stream, TerminalSize,
};

use crate::kept::Kept;
use crate::spawn::{self, Launched, SpawnWords};
use crate::tree::{Marker, Tree};

/// Characters of a command that are remembered.
const WORDS: usize = 200;

/// What a tree is given between SIGTERM and SIGKILL.
const GRACE: Duration = Duration::from_millis(250);

/// How often a tree that is being killed is looked at again.
const KILL_AGAIN: Duration = Duration::from_millis(10);

/// After this, what cannot be killed (it waits inside the kernel) holds the ending up no longer.
const KILL_AT_MOST: Duration = Duration::from_millis(900);

/// How long a pipe that a background process holds open must be quiet after the command's exit.
const QUIET: Duration = Duration::from_millis(200);

/// Bytes for standard input that are held while the command does not read.
pub(crate) const INPUT_BYTES: usize = 256 << 10;

/// A command that runs or ran.
pub(crate) struct Command {
    pub(crate) number: u64,
    pub(crate) id: String,
    pub(crate) on_disconnect: OnDisconnect,
    /// Connections that follow it or wait for its output.
    pub(crate) watchers: Vec<u64>,
    /// Open until the program runs.
    pub(crate) report: Option<OwnedFd>,
    pub(crate) words: SpawnWords,
    pub(crate) stdout: Output,
    pub(crate) stderr: Output,
    pub(crate) input: Option<Input>,
    pub(crate) ending: Option<Ending>,
    line: String,
    marker: Marker,
    pid: Option<Pid>,
    terminal: bool,
    started_at: u64,
    started: Instant,
    deadline: Option<Instant>,
    stop: Stop,
    asked_by_caller: bool,
    exit: Option<(WaitStatus, Instant)>,
    oom_kills: Option<u64>,
}

/// One of a command's outputs.
#[derive(Default)]
pub(crate) struct Output {
    pub(crate) kept: Kept,
    /// Open until its end was read.
    pub(crate) pipe: Option<OwnedFd>,
    /// Not read for now, because a follower is slow.
    pub(crate) held: bool,
    last_read: Option<Instant>,
}

/// A command's standard input.
pub(crate) struct Input {
    pub(crate) fd: OwnedFd,
    pub(crate) pending: Vec<u8>,
    pub(crate) watched: bool,
    ends: bool,
    terminal: bool,
}

/// How far the ending of a whole tree is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    No,
    /// Asked to end; killed at this time.
    Asked {
        by: Option<StoppedBy>,
        kill_at: Instant,
    },
    /// Being killed since then, looked at again at `next`.
    Killing {
        by: Option<StoppedBy>,
        since: Instant,
        next: Instant,
    },
    /// Nothing was left.
    Killed {
        by: Option<StoppedBy>,
    },
}

impl Command {
    /// A command that was just launched.
    pub(crate) fn new(number: u64, spawn: Spawn, launched: Launched, oom: Option<u64>) -> Self {
        let started = Instant::now();
        let terminal = spawn.terminal.is_some();
        let line: String = spawn.argv.join(" ").chars().take(WORDS).collect();
        let (pending, ends) = match spawn.stdin {
            Stdin::Empty => (Vec::new(), true),
            Stdin::Bytes(bytes) => (bytes.0, true),
            Stdin::Stream => (Vec::new(), false),
        };
        let input = |fd| Input { fd, pending, watched: false, ends, terminal };
        Self {
            number,
            id: spawn.id,
            on_disconnect: spawn.on_disconnect,
            watchers: Vec::new(),
            report: Some(launched.report),
            words: SpawnWords {
                program: spawn.argv.into_iter().next().unwrap_or_default(),
                working_directory: spawn.working_directory,
                user: spawn.user,
            },
            stdout: Output { pipe: Some(launched.ends.stdout), ..Output::default() },
            stderr: Output { pipe: launched.ends.stderr, ..Output::default() },
            input: launched.ends.input.map(input),
            ending: None,
            line,
            marker: Marker(number),
            pid: Some(launched.pid),
            terminal,
            started_at: now_ms(),
            started,
            deadline: spawn
                .timeout_ms
                .and_then(|ms| started.checked_add(Duration::from_millis(ms))),
            stop: Stop::No,
            asked_by_caller: false,
            exit: None,
            oom_kills: oom,
        }
    }

    pub(crate) fn output(&self, stream: Stream) -> &Output {
        match stream {
            Stream::Stdout => &self.stdout,
            Stream::Stderr => &self.stderr,
        }
    }

    pub(crate) fn output_mut(&mut self, stream: Stream) -> &mut Output {
        match stream {
            Stream::Stdout => &mut self.stdout,
            Stream::Stderr => &mut self.stderr,
        }
    }

    /// Bytes of kept output that it has in memory.
    pub(crate) fn held(&self) -> usize {
        self.stdout.kept.held() + self.stderr.kept.held()
    }

    /// Gives the oldest block of its larger stream back.
    pub(crate) fn drop_oldest(&mut self) -> bool {
        let stream = if self.stdout.kept.held() >= self.stderr.kept.held() {
            Stream::Stdout
        } else {
            Stream::Stderr
        };
        self.output_mut(stream).kept.drop_oldest()
    }

    /// What is told of it.
    pub(crate) fn execution(&self) -> Execution {
        Execution {
            id: self.id.clone(),
            command: self.line.clone(),
            started_at: self.started_at,
            ending: self.ending,
            stdout_bytes: self.stdout.kept.end(),
            stderr_bytes: self.stderr.kept.end(),
        }
    }

    /// Whether its first process is this one, and does not run its program yet.
    pub(crate) fn is_starting(&self, pid: Pid) -> bool {
        self.pid == Some(pid) && self.report.is_some()
    }

    /// Whether its first process is this one, which ended.
    pub(crate) fn exited(&mut self, pid: Pid, status: WaitStatus) -> bool {
        if self.pid != Some(pid) {
            return false;
        }
        self.pid = None;
        self.exit = Some((status, Instant::now()));
        true
    }

    /// Signals the whole tree, for a caller.
    pub(crate) fn signal(&mut self, signal: Signal) -> io::Result<()> {
        self.asked_by_caller |= self.exit.is_none();
        match signal {
            Signal::Kill => self.kill(Some(StoppedBy::Caller)),
            Signal::Interrupt => self.tree().signal(Number::INT).map(drop),
            Signal::Terminate => self.tree().signal(Number::TERM).map(drop),
            Signal::Hangup => self.tree().signal(Number::HUP).map(drop),
        }
    }

    /// Asks the whole tree to end, and kills what is left after a moment.
    pub(crate) fn stop(&mut self, by: StoppedBy) -> io::Result<()> {
        if self.stop != Stop::No {
            return Ok(());
        }
        let by = self.exit.is_none().then_some(by);
        self.stop = Stop::Asked { by, kill_at: Instant::now() + GRACE };
        self.tree().signal(Number::TERM).map(drop)
    }

    fn kill(&mut self, by: Option<StoppedBy>) -> io::Result<()> {
        let now = Instant::now();
        let by = match self.stop {
            Stop::No => by.filter(|_| self.exit.is_none()),
            Stop::Asked { by, .. } | Stop::Killing { by, .. } | Stop::Killed { by } => by,
        };
        let left = self.tree().kill()?;
        let since = match self.stop {
            Stop::Killing { since, .. } => since,
            _ => now,
        };
        let over = left == 0 || now.duration_since(since) >= KILL_AT_MOST;
        self.stop = match over {
            true => Stop::Killed { by },
            false => Stop::Killing { by, since, next: Instant::now() + KILL_AGAIN },
        };
        Ok(())
    }

    fn tree(&self) -> Tree {
        Tree { marker: self.marker, root: self.pid }
    }

    /// When time alone will change something.
    pub(crate) fn wakes_at(&self) -> Option<Instant> {
        let stop = match self.stop {
            Stop::No => self.deadline.filter(|_| self.exit.is_none()),
            Stop::Asked { kill_at, .. } => Some(kill_at),
            Stop::Killing { next, .. } => Some(next),
            Stop::Killed { .. } => None,
        };
        [stop, self.quiet_at()].into_iter().flatten().min()
    }

    /// Does what is due.
    pub(crate) fn on_time(&mut self, now: Instant) -> io::Result<()> {
        match self.stop {
            Stop::No if self.exit.is_none() && self.deadline.is_some_and(|at| at <= now) => {
                self.stop(StoppedBy::Timeout)
            }
            Stop::Asked { kill_at: at, .. } | Stop::Killing { next: at, .. } if at <= now => {
                self.kill(None)
            }
            Stop::No | Stop::Asked { .. } | Stop::Killing { .. } | Stop::Killed { .. } => Ok(()),
        }
    }

    /// When a pipe that somebody else still holds has been quiet for long enough.
    fn quiet_at(&self) -> Option<Instant> {
        let (_, exited) = self.exit.filter(|_| self.ending.is_none())?;
        let outputs = [&self.stdout, &self.stderr];
        if outputs.iter().any(|output| output.held) {
            return None;
        }
        let last = outputs.iter().filter_map(|output| output.last_read).max();
        Some(last.map_or(exited, |last| last.max(exited)) + QUIET)
    }

    /// Whether nothing is missing any more to its end.
    pub(crate) fn may_end(&self) -> bool {
        let drained = self.stdout.pipe.is_none() && self.stderr.pipe.is_none();
        let quiet = self.quiet_at().is_some_and(|at| at <= Instant::now());
        let stopping = matches!(self.stop, Stop::Asked { .. } | Stop::Killing { .. });
        let exited = self.exit.is_some() && self.ending.is_none();
        exited && self.report.is_none() && !stopping && (drained || quiet)
    }

    /// Ends it. Who was killed may have met the memory limit, whose kills are counted only then.
    pub(crate) fn end(&mut self, oom_kills: impl FnOnce() -> Option<u64>) {
        let Some((status, exited)) = self.exit else { return };
        let signal = status.terminating_signal();
        let exit_code = status.exit_status().or(signal.map(|signal| 128 + signal)).unwrap_or(-1);
        let wall = exited.duration_since(self.started).as_millis();
        self.ending = Some(Ending {
            exit_code,
            signal,
            stopped_by: self.stopped_by(exit_code, oom_kills),
            wall_ms: u64::try_from(wall).unwrap_or(u64::MAX),
        });
        self.input = None;
    }

    fn stopped_by(
        &self,
        exit_code: i32,
        oom_kills: impl FnOnce() -> Option<u64>,
    ) -> Option<StoppedBy> {
        let asked = match self.stop {
            Stop::No => None,
            Stop::Asked { by, .. } | Stop::Killing { by, .. } | Stop::Killed { by } => by,
        };
        let killed = exit_code == 128 + Number::KILL.as_raw();
        let signalled = exit_code > 128;
        let out_of_memory = || killed && oom_kills() > self.oom_kills;
        asked
            .or((self.asked_by_caller && signalled).then_some(StoppedBy::Caller))
            .or_else(|| out_of_memory().then_some(StoppedBy::OutOfMemory))
    }

    /// Tells its terminal a new size.
    pub(crate) fn resize(&self, size: TerminalSize) -> io::Result<()> {
        match &self.stdout.pipe {
            Some(terminal) if self.terminal => spawn::resize(terminal, size),
            _ => Ok(()),
        }
    }
}

impl Output {
    /// Reads what is there into `room`, once, and keeps it; at the end the pipe is given back for
    /// closing.
    pub(crate) fn read(&mut self, room: &mut [u8]) -> Option<OwnedFd> {
        let pipe = self.pipe.as_ref()?;
        match rustix::io::read(pipe, &mut *room) {
            Ok(0) => self.pipe.take(),
            Ok(count) => match self.kept.push(&room[..count]) {
                Ok(()) => {
                    self.last_read = Some(Instant::now());
                    None
                }
                // No memory: the stream ends here, and the command meets a closed pipe.
                Err(_) => self.pipe.take(),
            },
            Err(Errno::AGAIN | Errno::INTR) => None,
            // EIO is how a terminal says that nobody has its other side any more, tty_ioctl(4).
            Err(_) => self.pipe.take(),
        }
    }
}

impl Input {
    /// Adds bytes, as far as the input has not ended.
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        if !self.ends {
            self.pending.extend_from_slice(bytes);
        }
    }

    /// Ends it after what is pending. A terminal gets its character for that.
    pub(crate) fn finish(&mut self) {
        if self.ends {
            return;
        }
        if self.terminal {
            self.pending.push(spawn::end_of_terminal_input(&self.fd));
        } else {
            self.ends = true;
        }
    }

    /// Writes what the command takes; whether all is said that will be.
    pub(crate) fn write(&mut self) -> bool {
        while !self.pending.is_empty() {
            match rustix::io::write(&self.fd, &self.pending) {
                Ok(count) => drop(self.pending.drain(..count)),
                Err(Errno::AGAIN) => return false,
                Err(Errno::INTR) => {}
                // The command closed its input: nobody will read the rest.
                Err(_) => return !self.terminal,
            }
        }
        self.ends && !self.terminal
    }
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
