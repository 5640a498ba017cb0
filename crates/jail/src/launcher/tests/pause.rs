//! Sandboxes that are held: nothing of them runs, and nothing of them outruns their end.

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::jail::{self, Jail, LIMITS, Traces, start_of};
use crate::request::{Answer, FailureKind, LayerPlace, Limits, Request};

/// Reads what a bomb would be seen by: the processes of the work.
fn processes(jail: &mut Jail, name: &str) -> u32 {
    let (answer, _) = jail.ask(Request::Measure { sandbox: name.to_owned() }, None);
    let Answer::Usage(usage) = answer else { panic!("{answer:?}") };
    usage.pids.expect("pids are counted")
}

fn request(word: &str, name: &str) -> Request {
    let sandbox = name.to_owned();
    match word {
        "pause" => Request::Pause { sandbox },
        "resume" => Request::Resume { sandbox },
        "stop" => Request::Stop { sandbox },
        _ => Request::Remove { sandbox },
    }
}

/// A shell that does something inside a sandbox, among its work.
fn inside(pid: u32, name: &str, script: &str) -> Command {
    let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).expect("it runs");
    let door = |line: &str| {
        let (tree, path) = line.split_once(':')?.1.split_once(':')?;
        let tree = tree.strip_prefix("name=").unwrap_or(tree);
        let tree = if tree.is_empty() { "unified" } else { tree };
        let door = format!("/sys/fs/cgroup/{tree}{}/cgroup.procs", path.replace("/agent", "/work"));
        path.contains(name).then_some(door)
    };
    let doors: Vec<String> = groups.lines().filter_map(door).collect();
    assert!(!doors.is_empty(), "{groups}");
    let enter: String = doors.iter().map(|door| format!("echo 0 > {door}; ")).collect();
    let script = format!("{enter}exec nsenter -t {pid} -U -m -p sh -c '{script}'");
    let mut command = Command::new("sh");
    command.args(["-ec", &script]).stdin(Stdio::null()).stdout(Stdio::null());
    command.stderr(Stdio::null());
    command
}

#[test]
fn nothing_of_a_paused_sandbox_runs_and_all_of_it_goes_on() {
    let Some(mut jail) = Jail::open() else { return };
    let (started, _) = jail.start("held", LayerPlace::Memory);
    jail.done(request("pause", "held"));
    jail.done(request("pause", "held"));
    let (found, ..) = jail.inventory();
    assert!(found[0].paused && found[0].running.is_some(), "{found:?}");
    let switches = || {
        let status = fs::read_to_string(format!("/proc/{}/status", started.pid)).expect("there");
        status.lines().filter(|line| line.contains("ctxt_switches")).collect::<String>()
    };
    let before = switches();
    let socket = jail.home().join("sandboxes/held/agent.sock");
    let knock = std::os::unix::net::UnixStream::connect(socket).expect("the kernel queues it");
    assert_eq!(switches(), before, "nobody inside saw it");
    jail.kill_launcher();
    let mut jail = jail.again();
    let (found, ..) = jail.inventory();
    assert!(found[0].paused, "another launcher leaves it as it is: {found:?}");
    jail.done(request("resume", "held"));
    jail::eventually("somebody inside looks who knocked", || switches() != before);
    drop(knock);
    let (found, ..) = jail.inventory();
    assert!(!found[0].paused, "{found:?}");
    let failure = jail.failure(request("pause", "nobody"));
    assert_eq!(failure.kind, FailureKind::NotFound);
    jail.done(request("stop", "held"));
    assert_eq!(jail.failure(request("pause", "held")).kind, FailureKind::NotFound);
}

#[test]
fn a_start_of_what_is_paused_lets_it_go_on() {
    let Some(mut jail) = Jail::open() else { return };
    let (first, _) = jail.start("held", LayerPlace::Disk);
    jail.done(request("pause", "held"));
    let (second, _) = jail.start("held", LayerPlace::Disk);
    assert_eq!(first, second);
    assert!(!jail.inventory().0[0].paused);
}

#[test]
fn a_held_fork_bomb_ends_with_its_sandbox() {
    let Some(mut jail) = Jail::open() else { return };
    for (end, place) in
        [("stop", LayerPlace::Memory), ("stop", LayerPlace::Disk), ("remove", LayerPlace::Memory)]
    {
        let before = Traces::of(&jail);
        let (started, _) = jail.start("bomb", place);
        let bomb = "bomb() { while :; do (bomb &) ; done; }; bomb";
        let mut bomb = inside(started.pid, "bomb", bomb).spawn().expect("the shell starts");
        let begun = Instant::now();
        while processes(&mut jail, "bomb") < LIMITS.pids / 2 {
            assert!(begun.elapsed() < Duration::from_secs(10), "it never spread");
        }
        jail.done(request("pause", "bomb"));
        let begun = Instant::now();
        jail.done(request(end, "bomb"));
        assert!(begun.elapsed() < Duration::from_secs(10), "{end} {place:?}: {begun:?}");
        bomb.wait().expect("it is our child");
        jail.done(request("remove", "bomb"));
        jail::eventually("nobody is left", || Traces::of(&jail) == before);
    }
}

#[test]
fn limits_change_while_it_runs_and_never_below_what_is_used() {
    let Some(mut jail) = Jail::open() else { return };
    let (started, _) = jail.start("grow", LayerPlace::Memory);
    let resize = |limits: Limits| Request::Resize { sandbox: "grow".to_owned(), limits };
    let file = |name: &str| {
        let groups = fs::read_to_string(format!("/proc/{}/cgroup", started.pid)).expect("it runs");
        let tree = name.split('.').next().expect("a controller");
        let path = groups.lines().find_map(|line| line.split_once(&format!(":{tree}:")));
        let path = path.expect("its tree").1.replace("/agent", "/work");
        let text = fs::read_to_string(format!("/sys/fs/cgroup/{tree}{path}/{name}"));
        text.expect("its file").trim().to_owned()
    };
    if !fs::exists("/sys/fs/cgroup/memory").is_ok_and(|there| there) {
        return;
    }
    let more = Limits { memory_bytes: 1 << 30, cpu_millis: 3_000, pids: 333, ..LIMITS };
    jail.done(resize(more));
    assert_eq!(file("memory.limit_in_bytes"), (1 << 30).to_string());
    assert_eq!(file("cpu.cfs_quota_us"), "300000");
    assert_eq!(file("pids.max"), "333");
    let fill = "head -c 60000000 /dev/zero > /workspace/big";
    assert!(inside(started.pid, "grow", fill).status().expect("it starts").success());
    jail.kill_launcher();
    let mut jail = jail.again();
    let limits = jail.inventory().0[0].running.as_ref().map(|started| started.limits);
    assert_eq!(limits, Some(more), "the next launcher knows them");
    let less = Limits { memory_bytes: 256 << 20, cpu_millis: 500, ..more };
    jail.done(resize(less));
    assert_eq!(file("memory.limit_in_bytes"), (256 << 20).to_string());
    let failure = jail.failure(resize(Limits { memory_bytes: 32 << 20, ..less }));
    assert_eq!(failure.kind, FailureKind::Refused, "{failure:?}");
    assert_eq!(file("memory.limit_in_bytes"), (256 << 20).to_string());
    // A sandbox that is started again takes the limits of its start.
    jail.done(request("stop", "grow"));
    let start = crate::request::Start { limits: less, ..start_of("grow", LayerPlace::Memory) };
    let (answer, _) = jail.ask(Request::Start(start), None);
    let Answer::Started(again) = answer else { panic!("{answer:?}") };
    assert_eq!(again.limits.memory_bytes, less.memory_bytes);
}
