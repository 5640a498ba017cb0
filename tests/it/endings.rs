//! The end of a daemon in its first moments, when it proves to itself that it can make a sandbox.
//!
//! That sandbox has no record, so nobody but the daemon that made it, or the next one, can remove
//! it: an end that was asked for has to leave nothing, and a kill nothing that the next start
//! does not clear.

use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use infield_testkit::eventually;
use infield_tests::Home;
use rustix::process::{Pid, Signal, kill_process};

use crate::traces::{Traces, child};

/// Ends in all; a third for each way.
const ENDS: u32 = 30;
/// How often the ends are gone through, at most, until one has met the check: on a host that is busy
/// with other things all of them may come too late.
const MOST_ROUNDS: u32 = 5;
/// How long a daemon may take to get as far as its check, and to end.
const LIMIT: Duration = Duration::from_secs(20);
/// How long after its socket a daemon may take to its check.
const UNSEEN: Duration = Duration::from_secs(2);
/// How long the host may take to let go of what was ended last.
const LET_GO: Duration = Duration::from_secs(5);
/// The step between the moments at which the ends come.
const STEP: Duration = Duration::from_millis(8);

/// Waits for something that comes within moments and may be over soon.
fn wait(what: &str, mut is_there: impl FnMut() -> Result<bool>) -> Result<()> {
    let begun = Instant::now();
    while !is_there()? {
        ensure!(begun.elapsed() < LIMIT, "waited in vain: {what}");
        std::thread::park_timeout(Duration::from_millis(1));
    }
    Ok(())
}

fn serve(home: &Home) -> Result<Child> {
    let mut serve = home.command(&["serve"]);
    serve.stdout(Stdio::null()).stderr(Stdio::null());
    serve.spawn().context("the binary is not built")
}

fn signal(child: &Child, signal: Signal) -> Result<()> {
    let pid = Pid::from_raw(i32::try_from(child.id())?).context("no pid")?;
    Ok(kill_process(pid, signal)?)
}

/// Waits until the daemon's check is in progress and says so; on a busy host it may come and go
/// unseen.
fn await_check(home: &Path) -> Result<bool> {
    let (sandboxes, socket) = (home.join("sandboxes"), home.join("infield.sock"));
    let mut listening = None;
    let mut is_seen = false;
    wait("the check's sandbox", || {
        is_seen = std::fs::read_dir(&sandboxes).is_ok_and(|mut all| all.next().is_some());
        if socket.exists() {
            listening.get_or_insert_with(Instant::now);
        }
        Ok(is_seen || listening.is_some_and(|since: Instant| since.elapsed() > UNSEEN))
    })?;
    Ok(is_seen)
}

fn await_end(mut child: Child) -> Result<()> {
    let ended = wait("the end of the daemon", || Ok(child.try_wait()?.is_some()));
    if ended.is_err() {
        child.kill()?;
        child.wait()?;
    }
    ended
}

/// What is left of the sandboxes of a home, one line for each.
fn left(home: &Path) -> Result<Vec<String>> {
    let traces = Traces::of(home)?;
    let named = [
        ("processes", format!("{:?}", traces.processes), traces.processes.is_empty()),
        ("control groups", format!("{:?}", traces.groups), traces.groups.is_empty()),
        ("spare groups", format!("{:?}", traces.spare_groups), traces.spare_groups.is_empty()),
        (
            "spare processes",
            format!("{:?}", traces.spare_processes),
            traces.spare_processes.is_empty(),
        ),
        ("folders", format!("{:?}", traces.folders), traces.folders.is_empty()),
        ("sockets", format!("{:?}", traces.sockets), traces.sockets.is_empty()),
        ("mounts", format!("{:?}", traces.mounts), traces.mounts.is_empty()),
    ];
    let there = named.into_iter().filter(|(_, _, is_empty)| !is_empty);
    Ok(there.map(|(what, which, _)| format!("{what}: {which}")).collect())
}

async fn check_nothing_left(home: &Path, context: &str) {
    let begun = Instant::now();
    let look = || {
        let left = left(home).unwrap_or_else(|error| vec![error.to_string()]).join("\n");
        assert!(left.is_empty() || begun.elapsed() < LET_GO, "{context}: {left}");
        left.is_empty()
    };
    eventually(LET_GO * 2, "nothing is left", look).await;
}

#[tokio::test]
async fn no_end_leaves_the_sandbox_of_the_own_check() -> Result<()> {
    let mut met = 0;
    for number in 0..ENDS * MOST_ROUNDS {
        if number >= ENDS && met > 0 {
            break;
        }
        let home = Home::new()?;
        let daemon = serve(&home)?;
        met += u32::from(await_check(&home.path())?);
        std::thread::park_timeout(STEP * (number % ENDS / 3));
        let way = match number % 3 {
            0 => "SIGTERM",
            1 => "shutdown",
            _ => "shutdown --all",
        };
        match way {
            "SIGTERM" => signal(&daemon, Signal::TERM)?,
            words => drop(home.run(&words.split(' ').collect::<Vec<_>>())?),
        }
        await_end(daemon)?;
        check_nothing_left(&home.path(), &format!("the end {number} by {way}")).await;
        if home.path().join("infield.sock").exists() {
            bail!("the socket outlives the end {number} by {way}");
        }
    }
    assert!(met > 0, "no end met the check");
    Ok(())
}

#[tokio::test]
async fn the_next_start_clears_what_a_kill_left_of_the_own_check() -> Result<()> {
    let mut met = 0;
    for number in 0..ENDS / 3 * MOST_ROUNDS {
        if number >= ENDS / 3 && met > 0 {
            break;
        }
        let home = Home::new()?;
        let daemon = serve(&home)?;
        let mut parts = Vec::new();
        wait("the daemon's processes", || {
            let found = ["__launcher", "__daemon"].map(|word| child(daemon.id(), word));
            parts = found.into_iter().collect::<Result<Vec<_>>>()?;
            Ok(parts.iter().all(Option::is_some))
        })?;
        // The check is over in a few milliseconds.
        await_check(&home.path())?;
        std::thread::park_timeout(Duration::from_millis((number % (ENDS / 3)).into()));
        signal(&daemon, Signal::KILL)?;
        await_end(daemon)?;
        // Until the old daemon has seen it, it would be the one to answer.
        for part in parts.into_iter().flatten() {
            let folder = format!("/proc/{part}/exe");
            wait("the end of the old one", || Ok(std::fs::read_link(&folder).is_err()))?;
        }
        met += u32::from(!left(&home.path())?.is_empty());
        // A command starts the next daemon, which is asked to end when its own check may run.
        home.run(&["ls"])?;
        home.run(&["shutdown"])?;
        check_nothing_left(&home.path(), &format!("after the kill {number}")).await;
    }
    assert!(met > 0, "no kill met the check");
    Ok(())
}
