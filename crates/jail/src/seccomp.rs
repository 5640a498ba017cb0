//! Compiles the system call table into the program that every sandbox runs under.
//!
//! The kernel walks a program once for each call number when it is installed, so its shape is
//! part of what a start costs: a search tree of some 200 instructions takes a tenth of the time
//! of a list with a comparison for each call. Calls of another architecture or of the x32 table
//! end the process.

mod table;

use std::collections::BTreeMap;
use std::io;

use libc::sock_filter;

use self::table::{ALLOWED, ALLOWED_HERE, Line, REFUSED, REFUSED_HERE};

const NEW_NAMESPACES: i32 = libc::CLONE_NEWNS
    | libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET;
/// In `clone` these bits are part of the exit signal; in `unshare` they are `CLONE_NEWTIME`.
const NEW_TIME: i32 = 0x80;

/// See `linux/audit.h`.
#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: u32 = 0xc000_00b7;
#[cfg(target_arch = "riscv64")]
const ARCHITECTURE: u32 = 0xc000_00f3;

/// Numbers from here on are of the x32 table; other machines have none as high.
const FOREIGN_NUMBERS: u32 = 0x4000_0000;

/// With which arguments a call is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// With any.
    Always,
    /// `clone` without a flag that makes a namespace.
    NoNewNamespace,
    /// `unshare` without a flag that makes a namespace.
    NoNewNamespaceEither,
    /// `ioctl` that does not type into a terminal.
    NoTerminalInjection,
    /// `socket` of a family and protocol that sandboxes need.
    KnownFamily,
    /// `socketpair` of unix sockets.
    UnixPair,
    /// `personality` that asks, or sets the plain one.
    DefaultPersonality,
    /// A process that is not the first one, by the first argument.
    NotTheAgent,
    /// The same by the second argument, and not all processes of a user, by the first.
    NeitherAgentNorUser,
}

/// What happens to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// It is done, with these arguments; with others it is refused.
    Allow(When),
    /// EPERM.
    Refuse,
    /// ENOSYS.
    Unknown,
}

/// The program.
pub(crate) struct Filter(Vec<sock_filter>);

impl Filter {
    /// Compiles the table.
    pub(crate) fn compile() -> Self {
        let mut program = vec![
            load(ARCHITECTURE_OFFSET),
            jump(libc::BPF_JEQ, ARCHITECTURE, 1, 0),
            answer(libc::SECCOMP_RET_KILL_PROCESS),
            load(NUMBER_OFFSET),
            jump(libc::BPF_JGE, FOREIGN_NUMBERS, 0, 1),
            answer(libc::SECCOMP_RET_KILL_PROCESS),
        ];
        program.extend(search(&ranges(&verdicts())));
        Self(program)
    }

    /// Installs it for the calling process and all that it becomes.
    pub(crate) fn install(&self) -> io::Result<()> {
        crate::sys::install_filter(&self.0)
    }
}

fn verdicts() -> BTreeMap<u32, Verdict> {
    let mut verdicts = BTreeMap::new();
    let mut add = |tables: [&[Line]; 2], verdict: fn(&Line) -> Verdict| {
        for line in tables.into_iter().flatten() {
            for (_, number) in line.calls {
                verdicts.insert(u32::try_from(*number).unwrap_or(u32::MAX), verdict(line));
            }
        }
    };
    add([ALLOWED, ALLOWED_HERE], |line| Verdict::Allow(line.when));
    add([REFUSED, REFUSED_HERE], |_| Verdict::Refuse);
    verdicts
}

/// Runs of numbers with the same verdict, each by its first number.
fn ranges(verdicts: &BTreeMap<u32, Verdict>) -> Vec<(u32, Verdict)> {
    let mut ranges = vec![(0, Verdict::Unknown)];
    let mut next = 0;
    let mut begin = |first: u32, verdict: Verdict| match ranges.last_mut() {
        Some((_, last)) if *last == verdict => (),
        Some(range) if range.0 == first => range.1 = verdict,
        Some(_) | None => ranges.push((first, verdict)),
    };
    for (number, verdict) in verdicts {
        if *number > next {
            begin(next, Verdict::Unknown);
        }
        begin(*number, *verdict);
        next = number + 1;
    }
    begin(next, Verdict::Unknown);
    ranges
}

/// A search tree over ranges. The accumulator holds the call's number.
fn search(ranges: &[(u32, Verdict)]) -> Vec<sock_filter> {
    let (left, right) = ranges.split_at(ranges.len() / 2);
    let ([_, ..], [(first, _), ..]) = (left, right) else {
        return ranges.first().map_or_else(Vec::new, |(_, verdict)| decide(*verdict));
    };
    let left = search(left);
    // A conditional jump reaches 255 instructions; a plain one reaches all.
    let mut program = match u8::try_from(left.len()) {
        Ok(length) => vec![jump(libc::BPF_JGE, *first, length, 0)],
        Err(_) => vec![jump(libc::BPF_JGE, *first, 0, 1), skip(left.len())],
    };
    program.extend(left);
    program.extend(search(right));
    program
}

/// Ends with a verdict.
fn decide(verdict: Verdict) -> Vec<sock_filter> {
    let allow = answer(libc::SECCOMP_RET_ALLOW);
    let refuse = answer(libc::SECCOMP_RET_ERRNO | libc::EPERM.cast_unsigned());
    let equal = |value: i32| jump(libc::BPF_JEQ, value.cast_unsigned(), 0, 1);
    let without = |mask: i32| {
        vec![load(argument(0)), jump(libc::BPF_JSET, mask.cast_unsigned(), 0, 1), refuse, allow]
    };
    match verdict {
        Verdict::Unknown => {
            vec![answer(libc::SECCOMP_RET_ERRNO | libc::ENOSYS.cast_unsigned())]
        }
        Verdict::Refuse => vec![refuse],
        Verdict::Allow(When::Always) => vec![allow],
        Verdict::Allow(When::NoNewNamespace) => without(NEW_NAMESPACES),
        Verdict::Allow(When::NoNewNamespaceEither) => without(NEW_NAMESPACES | NEW_TIME),
        Verdict::Allow(When::NoTerminalInjection) => {
            let number = |value: libc::Ioctl| jump(libc::BPF_JEQ, value as u32, 0, 1);
            let (inject, linux) = (number(libc::TIOCSTI), number(libc::TIOCLINUX));
            vec![load(argument(1)), inject, refuse, linux, refuse, allow]
        }
        Verdict::Allow(When::KnownFamily) => {
            let among = |known: &[i32]| {
                let each = known.iter().flat_map(|number| [equal(*number), allow]);
                [load(argument(2))].into_iter().chain(each).chain([refuse]).collect::<Vec<_>>()
            };
            let (internet, netlink) = (among(INTERNET_PROTOCOLS), among(&[libc::NETLINK_ROUTE]));
            let to = |family: i32, steps: u8| jump(libc::BPF_JEQ, family.cast_unsigned(), steps, 0);
            let beyond = u8::try_from(internet.len() + 1).unwrap_or(u8::MAX);
            let mut program = vec![load(argument(0)), equal(libc::AF_UNIX), allow];
            program.extend([to(libc::AF_INET, 3), to(libc::AF_INET6, 2)]);
            program.extend([to(libc::AF_NETLINK, beyond), refuse]);
            program.extend(internet.into_iter().chain(netlink));
            program
        }
        Verdict::Allow(When::UnixPair) => {
            vec![load(argument(0)), equal(libc::AF_UNIX), allow, refuse]
        }
        Verdict::Allow(When::DefaultPersonality) => {
            vec![load(argument(0)), equal(0), allow, equal(-1), allow, refuse]
        }
        Verdict::Allow(When::NotTheAgent) => vec![load(argument(0)), equal(AGENT), refuse, allow],
        Verdict::Allow(When::NeitherAgentNorUser) => {
            let mut program = vec![load(argument(0))];
            for user in [libc::PRIO_USER.cast_signed(), IOPRIO_WHO_USER] {
                program.extend([equal(user), refuse]);
            }
            program.extend([load(argument(1)), equal(AGENT), refuse, allow]);
            program
        }
    }
}

/// What sockets of both families may speak: the one that their type means, TCP by one path or
/// several, UDP and echo requests. Others, such as SCTP, DCCP and UDP-Lite, are kernel code that a
/// socket may load, and nothing decides where their packets go.
const INTERNET_PROTOCOLS: &[i32] = &[
    0,
    libc::IPPROTO_TCP,
    libc::IPPROTO_MPTCP,
    libc::IPPROTO_UDP,
    libc::IPPROTO_ICMP,
    libc::IPPROTO_ICMPV6,
];

/// The agent's number in the sandbox's pid namespace.
const AGENT: i32 = 1;
/// From linux/ioprio.h. It is no word of setpriority(2), as PRIO_USER is IOPRIO_WHO_PGRP: groups
/// of processes lose their I/O priority to this.
const IOPRIO_WHO_USER: i32 = 3;

const NUMBER_OFFSET: u32 = 0;
const ARCHITECTURE_OFFSET: u32 = 4;

/// Where the lower half of an argument is in `struct seccomp_data`. All that are looked at are 32
/// bits wide for the kernel, which drops the upper half.
const fn argument(index: u32) -> u32 {
    let half = if cfg!(target_endian = "big") { 4 } else { 0 };
    16 + 8 * index + half
}

fn load(offset: u32) -> sock_filter {
    instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, offset, 0, 0)
}

fn answer(value: u32) -> sock_filter {
    instruction(libc::BPF_RET | libc::BPF_K, value, 0, 0)
}

fn jump(test: u32, value: u32, holds: u8, fails: u8) -> sock_filter {
    instruction(libc::BPF_JMP | libc::BPF_K | test, value, holds, fails)
}

fn skip(count: usize) -> sock_filter {
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    instruction(libc::BPF_JMP | libc::BPF_JA, count, 0, 0)
}

fn instruction(code: u32, k: u32, jt: u8, jf: u8) -> sock_filter {
    sock_filter { code: u16::try_from(code).unwrap_or(u16::MAX), jt, jf, k }
}

#[cfg(test)]
mod tests;
