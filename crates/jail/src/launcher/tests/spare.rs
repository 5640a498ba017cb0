//! The first process that is made ahead: it becomes one sandbox or none, and as confined as any.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use super::jail::{self, Jail, LIMITS, eventually};
use crate::cgroup::{BODY, detect};
use crate::request::{Answer, LayerPlace, Limits, Request, Start};

/// The process that waits in the groups of the next sandbox.
fn waiting(jail: &Jail) -> BTreeSet<u32> {
    let stat = rustix::fs::stat(jail.home()).expect("it is there");
    let tag = format!("{:x}-{:x}", stat.st_dev, stat.st_ino);
    let mountinfo = fs::read_to_string("/proc/self/mountinfo").expect("it is there");
    let groups = detect::trees(&mountinfo, |_| String::new()).into_iter().map(|tree| {
        let group = tree.mount.join("infield").join(&tag).join(BODY).join("agent/cgroup.procs");
        fs::read_to_string(group).unwrap_or_default()
    });
    groups.collect::<String>().lines().filter_map(|line| line.parse().ok()).collect()
}

/// Waits for it; none on a host whose groups cannot be renamed.
fn prepared(jail: &mut Jail) -> Option<u32> {
    let mountinfo = fs::read_to_string("/proc/self/mountinfo").expect("it is there");
    let trees = detect::trees(&mountinfo, |mount| {
        fs::read_to_string(mount.join("cgroup.controllers")).unwrap_or_default()
    });
    if trees.iter().any(|tree| tree.version == detect::Version::V2) {
        return None;
    }
    eventually("a process is ready", || !waiting(jail).is_empty());
    waiting(jail).into_iter().next()
}

/// All that confines a process and does not name it.
fn confinement(pid: u32) -> Vec<String> {
    let read = |file: &str| {
        let path = PathBuf::from(format!("/proc/{pid}/{file}"));
        fs::read_to_string(path).unwrap_or_else(|error| panic!("{file}: {error}"))
    };
    let map = read("uid_map");
    let range = map.split_whitespace().nth(1).expect("it has ids");
    let walls = ["Cap", "NoNewPrivs", "Seccomp", "Groups", "Uid", "Gid", "Threads"];
    let status = read("status");
    let status = status.lines().filter(|line| walls.iter().any(|wall| line.starts_with(wall)));
    let mountinfo = read("mountinfo");
    // The numbers of mounts and devices differ, what is mounted where and how does not.
    let mounts = mountinfo.lines().map(|line| line.splitn(4, ' ').last().unwrap_or_default());
    let mut found: Vec<String> = status.chain(mounts).map(str::to_owned).collect();
    found.extend(read("limits").lines().map(str::to_owned));
    found.extend(read("cgroup").lines().map(|line| line.replace("/one/", "/two/")));
    found.into_iter().map(|line| line.replace(range, "RANGE")).collect()
}

#[test]
fn a_prepared_process_is_confined_like_a_new_one() {
    let Some(mut jail) = Jail::open() else { return };
    let (one, _) = jail.start("one", LayerPlace::Memory);
    let Some(ready) = prepared(&mut jail) else { return };
    let (two, _) = jail.start("two", LayerPlace::Memory);
    assert_eq!(two.pid, ready, "the process that was ready is used");
    assert_eq!(confinement(one.pid), confinement(two.pid));
    let space = |pid: u32, kind: &str| fs::read_link(format!("/proc/{pid}/ns/{kind}"));
    for kind in ["user", "mnt", "pid", "net", "ipc", "uts", "cgroup"] {
        let (first, second) = (space(one.pid, kind), space(two.pid, kind));
        assert_ne!(first.expect("it runs"), second.expect("it runs"), "{kind}");
    }
}

#[test]
fn a_sandbox_with_other_limits_gets_a_process_of_its_own() {
    let Some(mut jail) = Jail::open() else { return };
    jail.start("one", LayerPlace::Memory);
    let Some(ready) = prepared(&mut jail) else { return };
    let limits = Limits { pids: LIMITS.pids - 1, ..LIMITS };
    let start = Start { limits, ..jail::start_of("other", LayerPlace::Memory) };
    let (Answer::Started(other), _) = jail.ask(Request::Start(start), None) else {
        panic!("it did not start");
    };
    assert_ne!(other.pid, ready);
    assert_eq!(other.limits, limits);
    let (disk, _) = jail.start("disk", LayerPlace::Disk);
    assert_ne!(disk.pid, ready);
}

#[test]
fn a_prepared_process_ends_with_its_launcher() {
    let Some(mut jail) = Jail::open() else { return };
    jail.start("one", LayerPlace::Memory);
    let Some(ready) = prepared(&mut jail) else { return };
    jail.kill_launcher();
    eventually("it ends", || crate::process::started(ready).is_err());
    let mut jail = jail.again();
    jail.start("two", LayerPlace::Memory);
    assert_ne!(prepared(&mut jail), Some(ready));
}

#[test]
fn a_prepared_process_that_was_killed_is_not_missed() {
    let Some(mut jail) = Jail::open() else { return };
    let (one, _) = jail.start("one", LayerPlace::Memory);
    let Some(ready) = prepared(&mut jail) else { return };
    crate::process::kill(ready);
    eventually("it ends", || crate::process::started(ready).is_err());
    let (two, _) = jail.start("two", LayerPlace::Memory);
    let map = |pid: u32| fs::read_to_string(format!("/proc/{pid}/uid_map")).expect("it runs");
    assert_ne!(map(one.pid), map(two.pid));
    let (three, _) = jail.start("three", LayerPlace::Memory);
    assert_ne!(map(two.pid), map(three.pid));
}

#[test]
fn a_process_is_prepared_for_one_kind_of_network() {
    let Some(mut jail) = Jail::open() else { return };
    jail.start("one", LayerPlace::Memory);
    let Some(quiet) = prepared(&mut jail) else { return };
    let first = jail.wired(jail::wired_start("two"));
    assert_ne!(first.pid, quiet, "what has a loopback only is not for a wired one");
    eventually("the next is of the other kind", || {
        waiting(&jail).into_iter().any(|pid| pid != quiet)
    });
    let ready = prepared(&mut jail).expect("it is ready");
    let (back, _) = jail.start("three", LayerPlace::Memory);
    assert_ne!(back.pid, ready, "what is wired is not for one with a loopback only");
    eventually("the next is of the first kind again", || !waiting(&jail).contains(&ready));
    eventually("it is ready", || !waiting(&jail).is_empty());
}

#[test]
fn a_prepared_wired_process_is_confined_and_served_like_a_new_one() {
    let Some(mut jail) = Jail::open() else { return };
    let one = jail.wired(jail::wired_start("one"));
    let Some(ready) = prepared(&mut jail) else { return };
    let two = jail.wired(jail::wired_start("two"));
    assert_eq!(two.pid, ready, "the process that was ready is used");
    assert_eq!(confinement(one.pid), confinement(two.pid));
    super::wired::check_served(&one);
    super::wired::check_served(&two);
}
