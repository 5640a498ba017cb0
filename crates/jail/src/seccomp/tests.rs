use std::collections::BTreeSet;

use super::*;

fn lines() -> impl Iterator<Item = &'static Line> {
    [ALLOWED, ALLOWED_HERE, REFUSED, REFUSED_HERE].into_iter().flatten()
}

/// Runs the program as the kernel would.
fn run(number: u32, architecture: u32, arguments: [u32; 3]) -> u32 {
    let program = Filter::compile().0;
    let (mut place, mut value) = (0, 0_u32);
    loop {
        let now = program[place];
        place += 1;
        match u32::from(now.code) & 7 {
            libc::BPF_LD => {
                value = match now.k {
                    NUMBER_OFFSET => number,
                    ARCHITECTURE_OFFSET => architecture,
                    offset => arguments[(offset as usize - 16) / 8],
                }
            }
            libc::BPF_RET => return now.k,
            libc::BPF_JMP => {
                let holds = match u32::from(now.code) & 0xf0 {
                    libc::BPF_JEQ => value == now.k,
                    libc::BPF_JGE => value >= now.k,
                    libc::BPF_JSET => value & now.k != 0,
                    _ => {
                        place += now.k as usize;
                        continue;
                    }
                };
                place += usize::from(if holds { now.jt } else { now.jf });
            }
            other => panic!("{other}"),
        }
    }
}

fn check(number: i64, arguments: [i32; 3], expected: u32) {
    let arguments = arguments.map(i32::cast_unsigned);
    let number = u32::try_from(number).expect("a call's number");
    assert_eq!(run(number, ARCHITECTURE, arguments), expected, "call {number} {arguments:?}");
}

const ALLOW: u32 = libc::SECCOMP_RET_ALLOW;
const EPERM: u32 = libc::SECCOMP_RET_ERRNO | libc::EPERM as u32;
const ENOSYS: u32 = libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32;

#[test]
fn every_call_is_listed_once_with_a_reason() {
    let mut seen = BTreeSet::new();
    for line in lines() {
        assert!(line.reason.len() > 4, "{:?}", line.calls);
        for (name, number) in line.calls {
            assert!(seen.insert(number), "{name} is listed twice");
        }
    }
    assert!(seen.len() > 250);
}

#[test]
fn the_program_says_what_the_table_says() {
    let table = verdicts();
    for number in 0..1_024 {
        let expected = match table.get(&number) {
            Some(Verdict::Allow(When::Always)) => ALLOW,
            Some(Verdict::Allow(_)) => continue,
            Some(Verdict::Refuse) => EPERM,
            Some(Verdict::Unknown) | None => ENOSYS,
        };
        check(number.into(), [0; 3], expected);
    }
}

#[test]
fn arguments_decide_where_the_table_says_so() {
    check(libc::SYS_clone, [libc::SIGCHLD, 0, 0], ALLOW);
    check(libc::SYS_clone, [libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD, 0, 0], ALLOW);
    for flag in [libc::CLONE_NEWUSER, libc::CLONE_NEWNS, libc::CLONE_NEWNET, libc::CLONE_NEWPID] {
        check(libc::SYS_clone, [flag | libc::SIGCHLD, 0, 0], EPERM);
        check(libc::SYS_unshare, [flag, 0, 0], EPERM);
    }
    check(libc::SYS_unshare, [NEW_TIME, 0, 0], EPERM);
    check(libc::SYS_unshare, [libc::CLONE_FILES, 0, 0], ALLOW);
    check(libc::SYS_clone3, [0; 3], ENOSYS);
    check(libc::SYS_ioctl, [0, libc::TIOCGWINSZ as i32, 0], ALLOW);
    check(libc::SYS_ioctl, [0, libc::TIOCSTI as i32, 0], EPERM);
    check(libc::SYS_ioctl, [0, libc::TIOCLINUX as i32, 0], EPERM);
    for family in [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK] {
        check(libc::SYS_socket, [family, libc::SOCK_STREAM, 0], ALLOW);
    }
    for family in [libc::AF_INET, libc::AF_INET6] {
        for protocol in [libc::IPPROTO_TCP, libc::IPPROTO_MPTCP, libc::IPPROTO_ICMPV6] {
            check(libc::SYS_socket, [family, libc::SOCK_STREAM, protocol], ALLOW);
        }
        for protocol in [libc::IPPROTO_SCTP, libc::IPPROTO_DCCP, libc::IPPROTO_UDPLITE, 255, -1] {
            check(libc::SYS_socket, [family, libc::SOCK_DGRAM, protocol], EPERM);
        }
    }
    check(libc::SYS_socket, [libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_AUDIT], EPERM);
    for family in [libc::AF_PACKET, libc::AF_VSOCK, libc::AF_ALG, libc::AF_XDP, -1] {
        check(libc::SYS_socket, [family, libc::SOCK_RAW, 0], EPERM);
    }
    check(libc::SYS_socketpair, [libc::AF_UNIX, 0, 0], ALLOW);
    check(libc::SYS_socketpair, [libc::AF_TIPC, 0, 0], EPERM);
    check(libc::SYS_personality, [0, 0, 0], ALLOW);
    check(libc::SYS_personality, [-1, 0, 0], ALLOW);
    check(libc::SYS_personality, [libc::ADDR_NO_RANDOMIZE, 0, 0], EPERM);
    for call in [libc::SYS_prlimit64, libc::SYS_sched_setscheduler, libc::SYS_sched_setaffinity] {
        check(call, [AGENT, 0, 0], EPERM);
        check(call, [7, 0, 0], ALLOW);
    }
    for call in [libc::SYS_setpriority, libc::SYS_ioprio_set] {
        check(call, [libc::PRIO_PROCESS.cast_signed(), AGENT, 19], EPERM);
        check(call, [libc::PRIO_USER.cast_signed(), 0, 19], EPERM);
        check(call, [libc::PRIO_PROCESS.cast_signed(), 0, 19], ALLOW);
    }
    check(libc::SYS_ioprio_set, [IOPRIO_WHO_USER, 0, 0], EPERM);
    check(libc::SYS_io_setup, [1, 0, 0], ENOSYS);
}

#[test]
fn foreign_calls_end_the_process() {
    let kill = libc::SECCOMP_RET_KILL_PROCESS;
    assert_eq!(run(0, 0x4000_0003, [0; 3]), kill, "the 32-bit table");
    assert_eq!(run(FOREIGN_NUMBERS, ARCHITECTURE, [0; 3]), kill, "the x32 table");
}

#[test]
fn the_program_is_small() {
    let length = Filter::compile().0.len();
    assert!((100..400).contains(&length), "{length}");
}
