//! Which processes belong to a command, whatever they do to hide it.
//!
//! A daemon leaves its session, its parent and its environment behind. What it cannot leave is a
//! *hard* resource limit: children inherit it, and raising it needs privilege over the host. So
//! each command gets a pair of limits that nothing enforces or that nobody reaches (file locks,
//! which Linux has not counted since 2.4.25, and real-time processor time), one of them so much
//! above a middle as the other is below it. A process can lower either one, but then the two do
//! not add up any more, and it can never look like one of another command. A pair that does not
//! add up is taken for a member of whatever is being stopped. `/proc/PID/limits` tells the pair
//! of every process, whoever runs it.
//!
//! The walk never looks beyond the agent's own descendants: as the first process of a sandbox
//! that is everybody, and elsewhere it is nobody else's process.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read};

use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, setrlimit};

/// The middle of each pair: far above what anybody reaches, far below infinity.
const MIDDLE: u64 = 1 << 61;

/// Rounds of stopping, so that a process that forks all the time holds still before it is killed.
const STOPPING_ROUNDS: usize = 4;

/// What marks one command's processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Marker(pub(crate) u64);

impl Marker {
    /// Marks this process and all that will come of it.
    pub(crate) fn apply(self) -> io::Result<()> {
        let exactly = |value| Rlimit { current: Some(value), maximum: Some(value) };
        setrlimit(Resource::Locks, exactly(MIDDLE + self.0))?;
        setrlimit(Resource::Rttime, exactly(MIDDLE - self.0))?;
        Ok(())
    }
}

/// How a process is marked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    /// As the agent itself.
    None,
    /// As one command's.
    Command(Marker),
    /// As nobody's: it lowered what it had.
    Torn,
}

/// A command's processes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tree {
    /// Its marker.
    pub(crate) marker: Marker,
    /// Its first process, as long as the number is its own.
    pub(crate) root: Option<Pid>,
}

/// One process, as `/proc` tells.
#[derive(Clone, Copy, Debug)]
struct Process {
    pid: i32,
    state: u8,
    parent: i32,
    session: i32,
}

impl Tree {
    /// Sends a signal to every process; gives how many there were.
    pub(crate) fn signal(self, signal: Signal) -> io::Result<usize> {
        self.each(|process| send(process, signal))
    }

    /// Ends every process that there is now; gives how many there were. Call it until it is 0:
    /// what was forked meanwhile is found by the next call.
    pub(crate) fn kill(self) -> io::Result<usize> {
        for _ in 0..STOPPING_ROUNDS {
            let mut running = 0;
            self.each(|process| {
                if process.state != b'T' {
                    running += 1;
                    send(process, Signal::STOP);
                }
            })?;
            if running == 0 {
                break;
            }
        }
        self.signal(Signal::KILL)
    }

    fn each(self, mut act: impl FnMut(Process)) -> io::Result<usize> {
        let processes = descendants()?;
        let inherited = Limits::own();
        let mut found = 0;
        for process in processes.values().filter(|process| !b"ZX".contains(&process.state)) {
            let mark = Limits::of(process.pid).map_or(Mark::None, |limits| limits.mark(inherited));
            let belongs = match mark {
                Mark::Command(marker) => marker == self.marker,
                Mark::Torn => true,
                Mark::None => self.descends(*process, &processes),
            };
            if belongs {
                found += 1;
                act(*process);
            }
        }
        Ok(found)
    }

    /// Whether an unmarked process is the first one or came of it. Unmarked is who did not get
    /// to it yet, and everybody on a host whose own limits are lower.
    fn descends(self, process: Process, all: &BTreeMap<i32, Process>) -> bool {
        let Some(root) = self.root.map(Pid::as_raw_pid) else { return false };
        let mut next = Some(process);
        let mut steps = 0;
        while let Some(process) = next {
            if process.pid == root || process.session == root {
                return true;
            }
            steps += 1;
            next = all.get(&process.parent).copied().filter(|_| steps < all.len());
        }
        false
    }
}

fn send(process: Process, signal: Signal) {
    if let Some(pid) = Pid::from_raw(process.pid) {
        // Who ended meanwhile needs no signal, and the next walk finds who is left.
        let _delivered = kill_process(pid, signal);
    }
}

/// The hard limits that make a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Limits {
    locks: Option<u64>,
    rttime: Option<u64>,
}

impl Limits {
    fn own() -> Self {
        let hard = |resource| getrlimit(resource).maximum;
        Self { locks: hard(Resource::Locks), rttime: hard(Resource::Rttime) }
    }

    fn of(pid: i32) -> Option<Self> {
        let text = read_small::<4096>(&format!("/proc/{pid}/limits"))?;
        Self::parse(&text)
    }

    /// Lines of a name of up to 26 letters, then the soft and the hard limit.
    fn parse(text: &str) -> Option<Self> {
        let hard = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_ascii_whitespace().nth(1).map(|hard| hard.parse().ok())
        };
        Some(Self { locks: hard("Max file locks")?, rttime: hard("Max realtime timeout")? })
    }

    fn mark(self, inherited: Self) -> Mark {
        if self == inherited {
            return Mark::None;
        }
        match (self.locks, self.rttime) {
            (Some(above), Some(below))
                if above > MIDDLE && above.checked_add(below) == Some(2 * MIDDLE) =>
            {
                Mark::Command(Marker(above - MIDDLE))
            }
            _ => Mark::Torn,
        }
    }
}

/// Every living process that came of this one.
fn descendants() -> io::Result<BTreeMap<i32, Process>> {
    let mut all = BTreeMap::new();
    for entry in std::fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else { continue };
        // A process that ended since the folder was read is nobody.
        let process = read_small::<1024>(&format!("/proc/{pid}/stat")).and_then(|s| stat(pid, &s));
        all.extend(process.map(|process| (pid, process)));
    }
    let own = std::process::id().cast_signed();
    if own == 1 {
        all.remove(&own);
        return Ok(all);
    }
    let mut ours = BTreeSet::from([own]);
    loop {
        let known = ours.len();
        ours.extend(
            all.values().filter(|p| ours.contains(&p.parent)).map(|p| p.pid).collect::<Vec<_>>(),
        );
        if ours.len() == known {
            break;
        }
    }
    all.retain(|pid, _| *pid != own && ours.contains(pid));
    Ok(all)
}

/// `pid (name) state parent group session ..`, proc_pid_stat(5); the name may have anything in it.
fn stat(pid: i32, text: &str) -> Option<Process> {
    let mut fields = text.rsplit_once(')')?.1.split_ascii_whitespace();
    let state = *fields.next()?.as_bytes().first()?;
    let parent = fields.next()?.parse().ok()?;
    let session = fields.nth(1)?.parse().ok()?;
    Some(Process { pid, state, parent, session })
}

fn read_small<const BYTES: usize>(path: &str) -> Option<String> {
    let mut buffer = [0; BYTES];
    let count = File::open(path).ok()?.read(&mut buffer).ok()?;
    Some(String::from_utf8_lossy(&buffer[..count]).into_owned())
}
