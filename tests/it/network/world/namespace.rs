//! Network namespaces with names, and what killed runs left of theirs.
//!
//! A name carries the process that made it, by id and start time, so that the next run can tell
//! what nobody will remove from what another run is using. `ip netns` keeps the namespaces.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};

/// What every name begins with, those of temporary folders too.
const PREFIX: &str = "infield-world-";
/// Where `ip netns` keeps namespaces, and the files it puts over those of /etc.
const KEPT: &str = "/run/netns";
const COVERS: &str = "/etc/netns";

/// One network namespace until it is dropped.
pub(crate) struct Namespace {
    name: String,
}

impl Namespace {
    /// Makes an empty one with its loopback.
    pub(super) fn new(name: String) -> Result<Self> {
        ip(&["netns", "add", &name], "")?;
        let made = Self { name };
        made.configure("link set lo up")?;
        Ok(made)
    }

    /// Its name for `ip netns`.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The words that run a program in it and change nothing else.
    pub(crate) fn entry(&self) -> Vec<String> {
        ["nsenter".to_owned(), format!("--net={KEPT}/{}", self.name), "--".to_owned()].into()
    }

    /// Runs commands of ip(8), one on each line.
    pub(super) fn configure(&self, lines: &str) -> Result<()> {
        ip(&["-n", &self.name, "-batch", "-"], lines)
    }

    /// Puts a file over the one in /etc, for what `ip netns exec` starts.
    pub(super) fn cover(&self, file: &str, text: &str) -> Result<()> {
        let folder = Path::new(COVERS).join(&self.name);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(file), text)?;
        Ok(())
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        remove(&self.name);
    }
}

fn remove(name: &str) {
    drop(fs::remove_dir_all(Path::new(COVERS).join(name)));
    // The folder is others' as well, and stays until the last one is gone.
    drop(fs::remove_dir(COVERS));
    drop(ip(&["netns", "del", name], ""));
}

/// Runs ip(8).
fn ip(words: &[&str], input: &str) -> Result<()> {
    let mut command = Command::new("ip");
    command.args(words).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().context("ip(8) of iproute2 is missing")?;
    child.stdin.take().context("no standard input")?.write_all(input.as_bytes())?;
    let output = child.wait_with_output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "`ip {}`: {said}", words.join(" "));
    Ok(())
}

/// What the names of this process begin with.
pub(super) fn prefix() -> Result<String> {
    let pid = std::process::id();
    let start = start_time(pid).context("no start time of our own")?;
    Ok(format!("{PREFIX}{pid}-{start}-"))
}

/// When a process started, in clock ticks after the boot: proc(5), /proc/pid/stat, field 22.
fn start_time(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, after_name) = stat.rsplit_once(')')?;
    Some(after_name.split_whitespace().nth(19)?.to_owned())
}

/// Whether the process that made a name is gone. Foreign names have no maker to be gone.
fn is_orphan(name: &str) -> bool {
    let maker = name.strip_prefix(PREFIX).map(|rest| rest.splitn(3, '-').collect::<Vec<_>>());
    let Some([pid, start, _]) = maker.as_deref() else { return false };
    pid.parse().is_ok_and(|pid| start_time(pid).as_deref() != Some(*start))
}

fn orphans(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter(|entry| is_orphan(&entry.file_name().to_string_lossy()))
        .map(|entry| entry.path())
        .collect()
}

/// Removes what killed runs left: processes in their namespaces, these, and folders.
pub(super) fn sweep() -> Result<()> {
    for left in orphans(Path::new(KEPT)).iter().chain(&orphans(Path::new(COVERS))) {
        let name = left.file_name().context("no name")?.to_string_lossy();
        let inside = Command::new("ip").args(["netns", "pids", &name]).output()?;
        for pid in String::from_utf8_lossy(&inside.stdout).lines() {
            if let Some(pid) = pid.parse().ok().and_then(Pid::from_raw) {
                // It may have ended by itself.
                kill_process(pid, Signal::KILL).ok();
            }
        }
        remove(&name);
    }
    for folder in orphans(&std::env::temp_dir()) {
        drop(fs::remove_dir_all(folder));
    }
    Ok(())
}

#[test]
fn only_names_of_dead_processes_are_orphans() -> Result<()> {
    assert!(!is_orphan(&format!("{}host", prefix()?)));
    assert!(!is_orphan("somebody-elses"));
    assert!(!is_orphan("infield-world-1"));
    assert!(is_orphan(&format!("{PREFIX}{}-1-host", std::process::id())));
    Ok(())
}
