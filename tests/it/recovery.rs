//! Kill −9 of daemon, launcher and agent, in each phase of creation and in the middle of commands.
//!
//! What must hold after each: work that ran still runs and its output has no gap; a sandbox whose
//! first process was killed says so; and soon after, the records and the host agree.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use infield_testkit::eventually;
use infield_tests::Server;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::traces::{Traces, child, first_process, lies};

/// Kills in all; a third for each kind of victim.
const KILLS: u32 = 30;
/// How long the host may take to let go of what was killed last.
const LET_GO: Duration = Duration::from_secs(5);
/// How long a daemon may take to be back.
const BACK: Duration = Duration::from_secs(20);

/// Counts for ever, a line each time, and would show a gap.
const COUNT: &str = "i=0; while :; do echo $i; i=$((i+1)); sleep 0.02; done";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Victim {
    Daemon,
    Launcher,
    Agent,
}

impl Victim {
    fn of(kill: u32) -> Self {
        match kill % 3 {
            0 => Self::Daemon,
            1 => Self::Launcher,
            _ => Self::Agent,
        }
    }
}

/// One daemon with its guardian, and a sandbox whose command runs all the time.
struct Field {
    server: Server,
    command: String,
    process: u32,
    /// The number that the command had reached when it was last looked at.
    reached: u64,
}

impl Field {
    fn open() -> Result<Self> {
        let server = Server::start(&[])?;
        server.home.run(&["create", "--name", "steady"])?;
        let command = server.home.run(&["exec", "-d", "steady", "sh", "-c", COUNT])?;
        let mut field = Self { server, command: command.trim().to_owned(), process: 0, reached: 0 };
        let steady = field.record("steady")?;
        let id = steady["id"].as_str().context("no id")?;
        let home = field.server.home.path();
        field.process = first_process(&home, id).context("no first process")?;
        Ok(field)
    }

    /// Runs a command until it is answered: a daemon that is killed takes its connections along.
    fn ask(&self, words: &[&str]) -> Result<String> {
        let begun = Instant::now();
        loop {
            match self.server.home.run(words) {
                Ok(answer) => return Ok(answer),
                Err(error) if begun.elapsed() > BACK => return Err(error),
                Err(_) => std::thread::park_timeout(Duration::from_millis(20)),
            }
        }
    }

    fn records(&self) -> Result<Vec<Value>> {
        let listed: Value = serde_json::from_str(&self.ask(&["ls", "--json"])?)?;
        Ok(listed.as_array().context("no list")?.clone())
    }

    fn record(&self, name: &str) -> Result<Value> {
        let records = self.records()?;
        records.into_iter().find(|record| record["name"] == name).context("no such sandbox")
    }

    /// Begins a command whose answer a kill may take away.
    fn begin(&self, words: &[&str]) -> Result<std::process::Child> {
        let mut command = self.server.home.command(words);
        Ok(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?)
    }

    /// The state in which a sandbox comes to rest.
    fn rest(&self, name: &str) -> Result<String> {
        let begun = Instant::now();
        loop {
            let state = self.record(name)?["state"].as_str().unwrap_or_default().to_owned();
            if ["running", "stopped"].contains(&state.as_str()) {
                return Ok(state);
            }
            ensure!(begun.elapsed() < BACK, "`{name}` is still {state}");
            std::thread::park_timeout(Duration::from_millis(10));
        }
    }

    fn kill(&self, word: &str) -> Result<()> {
        let begun = Instant::now();
        loop {
            if let Some(pid) = child(self.server.pid(), word)? {
                return kill(pid);
            }
            ensure!(begun.elapsed() < BACK, "there is no `{word}` to kill");
            std::thread::park_timeout(Duration::from_millis(5));
        }
    }

    /// The command that ran all the time runs in the same process, and has lost no line.
    fn check_steady(&mut self) -> Result<()> {
        let steady = self.record("steady")?;
        ensure!(steady["state"] == "running", "the steady sandbox is {}", steady["state"]);
        let id = steady["id"].as_str().context("no id")?;
        let process = first_process(&self.server.home.path(), id);
        ensure!(process == Some(self.process), "the steady sandbox was started anew");
        let begun = Instant::now();
        let lines = loop {
            let output = self.ask(&["logs", &self.command])?;
            let lines: Vec<u64> = output.lines().map(str::parse).collect::<Result<_, _>>()?;
            ensure!(lines.iter().copied().eq(0..lines.len() as u64), "the output has a gap");
            if lines.len() as u64 > self.reached {
                break lines;
            }
            ensure!(begun.elapsed() < LET_GO, "the command stands still at {}", self.reached);
            std::thread::park_timeout(Duration::from_millis(10));
        };
        self.reached = lines.len() as u64;
        Ok(())
    }
}

fn kill(pid: u32) -> Result<()> {
    let pid = Pid::from_raw(i32::try_from(pid)?).context("no pid")?;
    match kill_process(pid, Signal::KILL) {
        Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
        Err(errno) => bail!("cannot kill: {errno}"),
    }
}

/// Folders of sandboxes, by the host alone.
fn folders(home: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(home.join("sandboxes")).into_iter().flatten();
    entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect()
}

/// Kills the first process of a sandbox as soon as the launcher has written it down, or later.
fn kill_newcomer(home: &Path, before: &BTreeSet<String>, delay: Duration) -> Result<()> {
    let begun = Instant::now();
    loop {
        let newcomer = folders(home).into_iter().find(|id| !before.contains(id));
        if let Some(pid) = newcomer.and_then(|id| first_process(home, &id)) {
            std::thread::park_timeout(delay);
            return kill(pid);
        }
        ensure!(begun.elapsed() < BACK, "no sandbox came");
    }
}

/// Waits until the records and the host agree; five seconds at most.
async fn agree(field: &Field) -> Traces {
    let (mut found, mut wrong) = (Traces::default(), String::new());
    let begun = Instant::now();
    let look = || {
        let looked = field
            .records()
            .and_then(|records| Ok((records, Traces::of(&field.server.home.path())?)));
        match looked {
            Ok((records, traces)) => {
                wrong = lies(&records, &traces).join("\n");
                found = traces;
            }
            Err(error) => wrong = error.to_string(),
        }
        assert!(wrong.is_empty() || begun.elapsed() < LET_GO, "{wrong}");
        wrong.is_empty()
    };
    eventually(LET_GO * 2, "the records and the host agree", look).await;
    found
}

#[tokio::test]
async fn no_kill_in_creation_leaves_a_lie() -> Result<()> {
    let mut field = Field::open()?;
    let begun = Instant::now();
    field.ask(&["create", "--name", "measure"])?;
    let creation = begun.elapsed();
    let mut met = 0;
    for number in 0..KILLS {
        let home = field.server.home.path();
        let before = folders(&home);
        let name = format!("n{number}");
        let mut creating = field.begin(&["create", "--name", &name])?;
        // Every kind of victim meets every phase: the delays go evenly over a whole creation.
        let delay = creation * (number / 3) / (KILLS / 3);
        match Victim::of(number) {
            Victim::Daemon => {
                std::thread::park_timeout(delay);
                field.kill("__daemon")?;
            }
            Victim::Launcher => {
                std::thread::park_timeout(delay);
                field.kill("__launcher")?;
            }
            Victim::Agent => kill_newcomer(&home, &before, delay / 4)?,
        }
        met += u32::from(!creating.wait()?.success());
        field.check_steady().with_context(|| format!("after the kill {number}"))?;
    }
    agree(&field).await;
    let broken = field.records()?.iter().filter(|record| record["state"] != "running").count();
    assert!(met > 0 && broken > 0, "{met} answers and {broken} sandboxes met a kill");
    for record in field.records()? {
        let id = record["id"].as_str().context("no id")?;
        field.ask(&["rm", "-f", id])?;
    }
    let left = agree(&field).await;
    assert!(left.folders.is_empty() && left.groups.is_empty() && left.processes.is_empty());
    Ok(())
}

#[tokio::test]
async fn no_kill_in_a_command_loses_it() -> Result<()> {
    let mut field = Field::open()?;
    for number in 0..KILLS {
        let victim = Victim::of(number);
        match victim {
            Victim::Daemon => field.kill("__daemon")?,
            Victim::Launcher => field.kill("__launcher")?,
            Victim::Agent => check_killed_agent(&field, number)?,
        }
        field.check_steady().with_context(|| format!("after the kill {number} of {victim:?}"))?;
    }
    agree(&field).await;
    Ok(())
}

#[tokio::test]
async fn no_kill_at_a_stop_or_an_end_loses_a_file() -> Result<()> {
    let mut field = Field::open()?;
    field.ask(&["create", "--name", "saved"])?;
    let fill = "head -c 8000000 /dev/urandom > /workspace/x; sha256sum /workspace/x";
    let sum = field.ask(&["exec", "saved", "sh", "-c", fill])?;
    let begun = Instant::now();
    field.ask(&["stop", "saved"])?;
    let stop = begun.elapsed();
    for number in 0..KILLS {
        let victim = if number % 2 == 0 { "__daemon" } else { "__launcher" };
        if field.rest("saved")? == "stopped" {
            field.ask(&["start", "saved"])?;
        }
        let kept = field.ask(&["exec", "saved", "sha256sum", "/workspace/x"])?;
        ensure!(kept == sum, "the file changed before the kill {number}");
        let name = format!("e{number}");
        field.ask(&["create", "--name", &name])?;
        // One is stopped and one removed while the kill comes, each in another phase every time.
        let mut stopping = field.begin(&["stop", "saved"])?;
        let mut ending = field.begin(&["rm", "-f", &name])?;
        std::thread::park_timeout(stop * (number / 2) / (KILLS / 2));
        field.kill(victim)?;
        stopping.wait()?;
        ending.wait()?;
        field.check_steady().with_context(|| format!("after the kill {number}"))?;
    }
    agree(&field).await;
    Ok(())
}

/// A sandbox whose agent is killed in the middle of a command stops, says why, and its command
/// is not said to run.
fn check_killed_agent(field: &Field, number: u32) -> Result<()> {
    let name = format!("victim-{number}");
    field.ask(&["create", "--name", &name])?;
    let command = field.ask(&["exec", "-d", &name, "sleep", "1000"])?;
    let record = field.record(&name)?;
    let id = record["id"].as_str().context("no id")?;
    kill(first_process(&field.server.home.path(), id).context("no first process")?)?;
    let begun = Instant::now();
    let record = loop {
        let record = field.record(&name)?;
        if record["state"] == "stopped" {
            break record;
        }
        ensure!(begun.elapsed() < BACK, "{name} is still {}", record["state"]);
        std::thread::park_timeout(Duration::from_millis(10));
    };
    ensure!(record["cause"]["reason"] == "killed", "{name} stopped for {}", record["cause"]);
    let info: Value = serde_json::from_str(&field.ask(&["info", &name, "--json"])?)?;
    let running = info.to_string().contains("\"status\":\"running\"");
    ensure!(!running, "`{}` is said to run in a stopped sandbox: {info}", command.trim());
    field.ask(&["rm", "-f", &name])?;
    Ok(())
}
