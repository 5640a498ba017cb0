//! The process that waits for the next command.

use std::collections::BTreeSet;
use std::fs;

use rustix::process::{Pid, Signal, kill_process};

use crate::agent::{Agent, eventually, is_alive};

/// The agent's one child while no command runs.
fn child(agent: &Agent) -> Option<u32> {
    let own = agent.pid();
    let path = format!("/proc/{own}/task/{own}/children");
    let all = fs::read_to_string(path).expect("the agent lives");
    all.split_whitespace().find_map(|pid| pid.parse().ok())
}

/// Has a command run, and waits for the spare that comes after it.
fn spare(agent: &Agent) -> u32 {
    assert_eq!(agent.shell("echo first").out(), "first\n");
    eventually("a spare that waits", || {
        child(agent).is_some_and(|pid| descriptors(pid).len() == 4)
    });
    child(agent).expect("it is there")
}

fn descriptors(pid: u32) -> BTreeSet<String> {
    let all = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    all.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn the_next_command_is_the_process_that_waited() {
    let agent = Agent::start();
    let pid = spare(&agent);
    assert_eq!(agent.shell("echo $$").out(), format!("{pid}\n"));
    let next = spare(&agent);
    assert_ne!(next, pid);
}

#[test]
fn it_has_its_channel_and_nothing_else_of_the_agents() {
    let agent = Agent::start();
    let pid = spare(&agent);
    assert_eq!(descriptors(pid), ["0", "1", "2", "3"].map(str::to_owned).into());
    let link = fs::read_link(format!("/proc/{pid}/fd/3")).expect("it is open");
    assert!(link.to_string_lossy().starts_with("socket:"), "{link:?}");
}

#[test]
fn one_that_is_killed_or_held_hinders_no_command() {
    let agent = Agent::start();
    for signal in [Signal::KILL, Signal::STOP, Signal::TERM] {
        let pid = spare(&agent);
        let number = Pid::from_raw(pid.cast_signed()).expect("a number");
        kill_process(number, signal).expect("it is there");
        if signal != Signal::STOP {
            eventually("its end", || !is_alive(pid));
        }
        assert_eq!(agent.shell("echo next").out(), "next\n", "after {signal:?}");
        eventually("its end", || !is_alive(pid));
    }
}

#[test]
fn a_plan_that_is_too_long_for_it_is_followed_all_the_same() {
    let agent = Agent::start();
    let pid = spare(&agent);
    let long = "x".repeat(100_000);
    let seen = agent.shell(&format!("echo $$ {long} | head -c 20"));
    assert!(!seen.out().starts_with(&format!("{pid} ")), "{}", seen.out());
    eventually("its end", || !is_alive(pid));
}

#[test]
fn one_that_nobody_wants_ends() {
    let agent = Agent::start();
    let pid = spare(&agent);
    eventually("its end", || !is_alive(pid));
    assert_eq!(agent.shell("echo later").out(), "later\n");
}
