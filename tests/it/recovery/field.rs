//! What is killed, and how what remains is asked: one daemon with its keeper and launcher.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use infield_testkit::eventually;
use infield_tests::Home;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::traces::{Mark, Traces, child, first_process, lies, pids};

/// How long the host may take to let go of what was killed last.
const LET_GO: Duration = Duration::from_secs(5);
/// How long a daemon may take to be back.
pub(super) const BACK: Duration = Duration::from_secs(20);

/// Counts for ever, a line each time, and would show a gap.
const COUNT: &str = "i=0; while :; do echo $i; i=$((i+1)); sleep 0.02; done";

/// Who is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Victim {
    Daemon,
    Launcher,
    Agent,
    Keeper,
}

/// One daemon with its guardian, and a sandbox whose command runs all the time.
pub(super) struct Field {
    pub(super) home: Home,
    /// The `infield serve` that was started last.
    serve: Child,
    command: String,
    process: u32,
    /// The number that the command had reached when it was last looked at.
    reached: u64,
}

fn serve(home: &Home) -> Result<Child> {
    let mut serve = home.command(&["serve"]);
    let serve = serve.stdout(Stdio::null()).stderr(Stdio::null());
    serve.spawn().context("the binary is not built")
}

impl Field {
    pub(super) fn open() -> Result<Self> {
        Self::open_at(Home::new()?)
    }

    pub(super) fn open_at(home: Home) -> Result<Self> {
        let serve = serve(&home)?;
        let command = String::new();
        let mut field = Self { home, serve, command, process: 0, reached: 0 };
        field.ask(&["create", "--name", "steady"])?;
        let command = field.ask(&["exec", "-d", "steady", "sh", "-c", COUNT])?;
        field.command = command.trim().to_owned();
        let steady = field.record("steady")?;
        let id = steady["id"].as_str().context("no id")?;
        field.process = first_process(&field.home.path(), id).context("no first process")?;
        Ok(field)
    }

    /// Runs a command until it is answered: a daemon that is killed takes its connections along.
    pub(super) fn ask(&self, words: &[&str]) -> Result<String> {
        let begun = Instant::now();
        loop {
            match self.home.run(words) {
                Ok(answer) => return Ok(answer),
                Err(error) if begun.elapsed() > BACK => return Err(error),
                Err(_) => std::thread::park_timeout(Duration::from_millis(20)),
            }
        }
    }

    pub(super) fn records(&self) -> Result<Vec<Value>> {
        let listed: Value = serde_json::from_str(&self.ask(&["ls", "--json"])?)?;
        Ok(listed.as_array().context("no list")?.clone())
    }

    pub(super) fn record(&self, name: &str) -> Result<Value> {
        let records = self.records()?;
        records.into_iter().find(|record| record["name"] == name).context("no such sandbox")
    }

    /// Begins a command whose answer a kill may take away.
    pub(super) fn begin(&self, words: &[&str]) -> Result<std::process::Child> {
        let mut command = self.home.command(words);
        Ok(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?)
    }

    /// The state in which a sandbox comes to rest.
    pub(super) fn rest(&self, name: &str) -> Result<String> {
        let begun = Instant::now();
        loop {
            let record = self.record(name)?;
            let state = record["state"].as_str().unwrap_or_default().to_owned();
            if ["running", "stopped"].contains(&state.as_str()) {
                return Ok(state);
            }
            ensure!(begun.elapsed() < BACK, "`{name}` is still {state}: {}", record["cause"]);
            std::thread::park_timeout(Duration::from_millis(10));
        }
    }

    /// The processes of this home's daemon, with the word that makes each what it is.
    pub(super) fn processes(&self) -> Result<Vec<(u32, String)>> {
        let mark = format!("INFIELD_HOME={}", self.home.path().display());
        let mut found = Vec::new();
        for pid in pids()? {
            let folder = PathBuf::from(format!("/proc/{pid}"));
            let environment = fs::read(folder.join("environ")).unwrap_or_default();
            let command = fs::read(folder.join("cmdline")).unwrap_or_default();
            let is_ours = environment.split(|byte| *byte == 0).any(|name| name == mark.as_bytes());
            let word = command.split(|byte| *byte == 0).nth(1).unwrap_or_default();
            if is_ours && (word.starts_with(b"__") || word == b"serve") {
                found.push((pid, String::from_utf8_lossy(word).into_owned()));
            }
        }
        Ok(found)
    }

    /// The keeper of this home, which may be one that a command started in the background.
    fn keeper(&self) -> Result<Option<u32>> {
        for (pid, word) in self.processes()? {
            // One that waits for the home has no child yet.
            if ["serve", "__keeper"].contains(&word.as_str()) && child(pid, "__launcher")?.is_some()
            {
                return Ok(Some(pid));
            }
        }
        Ok(None)
    }

    /// The process that a kill of all but an agent is for, as soon as it is there.
    pub(super) fn find(&self, victim: Victim) -> Result<u32> {
        let begun = Instant::now();
        loop {
            let keeper = self.keeper()?;
            let word = match victim {
                Victim::Daemon => "__daemon",
                Victim::Launcher => "__launcher",
                Victim::Keeper => "",
                Victim::Agent => bail!("an agent is killed by its number"),
            };
            let found = match keeper {
                Some(keeper) if victim != Victim::Keeper => child(keeper, word)?,
                keeper => keeper,
            };
            if let Some(pid) = found {
                return Ok(pid);
            }
            ensure!(begun.elapsed() < BACK, "there is no {victim:?} to kill");
            std::thread::park_timeout(Duration::from_millis(5));
        }
    }

    /// Kills what was found; a keeper is started again at once.
    pub(super) fn kill(&mut self, victim: Victim, pid: u32) -> Result<()> {
        kill(pid)?;
        if victim == Victim::Keeper { self.serve_again() } else { Ok(()) }
    }

    fn serve_again(&mut self) -> Result<()> {
        // Ours ended now, or before: then the home was another's.
        self.serve.wait()?;
        self.serve = serve(&self.home)?;
        Ok(())
    }

    /// The command that ran all the time runs in the same process, and has lost no line.
    pub(super) fn check_steady(&mut self) -> Result<()> {
        let steady = self.record("steady")?;
        ensure!(steady["state"] == "running", "the steady sandbox is {}", steady["state"]);
        let id = steady["id"].as_str().context("no id")?;
        let process = first_process(&self.home.path(), id);
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

impl Drop for Field {
    fn drop(&mut self) {
        drop(self.home.command(&["shutdown", "--all"]).output());
        drop(self.serve.kill());
        drop(self.serve.wait());
    }
}

pub(super) fn kill(pid: u32) -> Result<()> {
    let pid = Pid::from_raw(i32::try_from(pid)?).context("no pid")?;
    match kill_process(pid, Signal::KILL) {
        Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
        Err(errno) => bail!("cannot kill: {errno}"),
    }
}

/// Folders of sandboxes, by the host alone.
pub(super) fn folders(home: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(home.join("sandboxes")).into_iter().flatten();
    entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect()
}

/// Kills the first process of a sandbox as soon as the launcher has written it down, or later.
pub(super) fn kill_newcomer(home: &Path, before: &BTreeSet<String>, delay: Duration) -> Result<()> {
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
pub(super) async fn agree(field: &Field) -> Traces {
    let by = field.home.user().map_or(Mark::Groups, Mark::User);
    let (mut found, mut wrong) = (Traces::default(), String::new());
    let begun = Instant::now();
    let look = || {
        let looked =
            field.records().and_then(|records| Ok((records, Traces::by(&field.home.path(), by)?)));
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
