//! A daemon of the background: when it ends by itself, what it does with its log, and that it
//! needs no network.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use infield_testkit::eventually;
use infield_tests::Home;

use crate::traces::Traces;

/// How long the daemon of these tests lives without being needed; ten minutes otherwise.
const UNUSED: Duration = Duration::from_millis(1_500);
/// How long its end may take from there.
const END: Duration = Duration::from_secs(15);
/// Bytes of a log that is too long, see `serve/log.rs`.
const LONG_LOG: usize = (16 << 20) + 1;

/// The start of a daemon that ends when it is not needed for a moment.
fn short_lived(home: &Home, words: &[&str]) -> Result<()> {
    let mut command = home.command(words);
    let output = command.env("INFIELD_UNUSED_MS", UNUSED.as_millis().to_string()).output()?;
    ensure!(output.status.success(), "{output:?}");
    Ok(())
}

/// Whether a keeper has the home: it removes its socket as the last thing.
fn is_up(home: &Home) -> bool {
    home.path().join("infield.sock").exists()
}

async fn stays_up(home: &Home, why: &str) {
    let begun = Instant::now();
    let look = || {
        assert!(is_up(home), "the daemon ended after {:?} with {why}", begun.elapsed());
        begun.elapsed() > UNUSED * 3
    };
    eventually(UNUSED * 8, "time passes", look).await;
}

#[tokio::test]
async fn a_daemon_that_nobody_needs_ends_and_leaves_nothing() -> Result<()> {
    let home = Home::new()?;
    short_lived(&home, &["create", "--name", "steady"])?;
    stays_up(&home, "a running sandbox").await;
    home.run(&["stop", "steady"])?;
    // A client that only waits is a client.
    let mut front = home.command(&["mcp"]);
    let mut front = front.stdin(std::process::Stdio::piped()).spawn()?;
    let input = front.stdin.take().context("no standard input")?;
    stays_up(&home, "a client").await;
    drop(input);
    front.wait()?;
    let begun = Instant::now();
    eventually(END, "the end of the daemon", || !is_up(&home)).await;
    ensure!(begun.elapsed() > UNUSED / 2, "it ended as soon as its client: {:?}", begun.elapsed());
    let traces = Traces::of(&home.path())?;
    ensure!(traces.processes.is_empty() && traces.groups.is_empty(), "{traces:?}");
    // What was stopped is there for the next one.
    home.run(&["start", "steady"])?;
    Ok(())
}

#[tokio::test]
async fn a_long_log_begins_anew_and_is_kept_once() -> Result<()> {
    let home = Home::new()?;
    let (log, old) = (home.path().join("log"), home.path().join("log.1"));
    let fill = || -> Result<()> {
        let mut log = OpenOptions::new().append(true).open(&log)?;
        Ok(log.write_all(&vec![b'\n'; LONG_LOG])?)
    };
    for round in 0..2 {
        home.run(&["ls"])?;
        home.run(&["shutdown"])?;
        fill()?;
        let long = fs::metadata(&log)?.len();
        home.run(&["ls"])?;
        // A keeper looks at its start, and each minute from then on.
        let cut = || fs::metadata(&log).is_ok_and(|log| log.len() < long / 2);
        eventually(END, "the log is cut", cut).await;
        ensure!(fs::metadata(&old)?.len() >= long, "the old log was not kept in round {round}");
        home.run(&["shutdown"])?;
        // Whoever writes, writes at the end: a file that was cut below its writers has no hole.
        let text = fs::read(&log)?;
        ensure!(!text.contains(&0), "the log has a hole");
        ensure!(String::from_utf8(text)?.starts_with('{'), "the new log begins in a line");
    }
    Ok(())
}

/// Runs in a network namespace of its own, after `prepare`.
fn run_without_network(prepare: &str) -> Result<()> {
    let home = Home::new()?;
    let code = "print(open('/proc/net/dev').read().count(':'), 6 * 7)";
    let ran = home.command(&["run", "-c", code]);
    let ended = home.command(&["shutdown", "--all"]);
    for (command, expected) in [(ran, "1 42\n"), (ended, "")] {
        let mut inside = Command::new("unshare");
        inside.args(["--net", "sh", "-c", &format!("{prepare} && exec \"$@\""), "sh"]);
        inside.arg(command.get_program()).args(command.get_args()).env_clear();
        for (name, value) in command.get_envs() {
            inside.env(name, value.unwrap_or_default());
        }
        let output = inside.output().context("unshare(1) of util-linux is missing")?;
        ensure!(output.status.success(), "after `{prepare}`: {output:?}");
        ensure!(output.stdout == expected.as_bytes(), "after `{prepare}`: {output:?}");
    }
    Ok(())
}

#[test]
fn code_runs_where_there_is_no_network_but_loopback() -> Result<()> {
    if !infield_tests::is_root("a host without a network") {
        return Ok(());
    }
    run_without_network("ip link set lo up")?;
    run_without_network("ip link show lo | grep -q DOWN")
}
