//! What a home has on the host: processes, control groups, network namespaces, mounts, folders
//! and sockets. Read from the host alone, never from infield, and compared with its records.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

/// How the processes of a home's sandboxes are told from all others.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Mark {
    /// By their control groups.
    Groups,
    /// By the user whom they belong to and by their network namespaces: no group was delegated.
    User(u32),
}

/// Everything that was found of one home.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Traces {
    /// Processes in a sandbox's control groups, by sandbox.
    pub(crate) processes: BTreeMap<String, BTreeSet<u32>>,
    /// Network namespaces of these processes that are not the host's, by sandbox.
    pub(crate) networks: BTreeMap<String, BTreeSet<PathBuf>>,
    /// Whether each sandbox that runs has control groups.
    pub(crate) has_groups: bool,
    /// Sandboxes with a control group.
    pub(crate) groups: BTreeSet<String>,
    /// Control groups that wait for the next sandbox. No sandbox is called like these.
    pub(crate) spare_groups: BTreeSet<String>,
    /// Processes in them.
    pub(crate) spare_processes: BTreeSet<u32>,
    /// Sandboxes with a folder.
    pub(crate) folders: BTreeSet<String>,
    /// Sandboxes with a socket.
    pub(crate) sockets: BTreeSet<String>,
    /// Mounts below the home that the host sees.
    pub(crate) mounts: Vec<String>,
    /// Names in the home, and in its folder of images.
    pub(crate) names: BTreeSet<String>,
}

impl Traces {
    /// Looks for the traces of a home of root's.
    pub(crate) fn of(home: &Path) -> Result<Self> {
        Self::by(home, Mark::Groups)
    }

    /// Looks for the traces of a home.
    pub(crate) fn by(home: &Path, by: Mark) -> Result<Self> {
        let stat = fs::metadata(home).context("the home is not there")?;
        let mark = format!("/infield/{:x}-{:x}", stat.dev(), stat.ino());
        let has_groups = matches!(by, Mark::Groups);
        let mut traces = Self { has_groups, ..Self::default() };
        match by {
            Mark::Groups => traces.find_processes(&format!("{mark}/"))?,
            Mark::User(user) => traces.find_processes_of(user, home)?,
        }
        traces.find_groups(mark.trim_start_matches('/'))?;
        let shown = home.to_string_lossy().into_owned();
        let mounts = fs::read_to_string("/proc/self/mountinfo")?;
        traces.mounts =
            mounts.lines().filter(|line| line.contains(&shown)).map(String::from).collect();
        traces.folders = names(&home.join("sandboxes"))?;
        let has_socket = |id: &&String| home.join("sandboxes").join(id).join("agent.sock").exists();
        traces.sockets = traces.folders.iter().filter(has_socket).cloned().collect();
        traces.names = names(home)?;
        traces
            .names
            .extend(names(&home.join("images"))?.into_iter().map(|name| format!("images/{name}")));
        Ok(traces)
    }

    fn find_processes(&mut self, mark: &str) -> Result<()> {
        let host = fs::read_link("/proc/self/ns/net")?;
        for pid in pids()? {
            let folder = PathBuf::from(format!("/proc/{pid}"));
            // A process that ended meanwhile is none.
            let Ok(groups) = fs::read_to_string(folder.join("cgroup")) else { continue };
            let Some(id) = groups.lines().find_map(|line| after(line, mark)) else { continue };
            if is_spare(&id) {
                self.spare_processes.insert(pid);
                continue;
            }
            self.processes.entry(id.clone()).or_default().insert(pid);
            if let Ok(network) = fs::read_link(folder.join("ns/net"))
                && network != host
            {
                self.networks.entry(id).or_default().insert(network);
            }
        }
        Ok(())
    }

    /// A namespace without a recorded first process stands for a sandbox that nobody knows.
    fn find_processes_of(&mut self, user: u32, home: &Path) -> Result<()> {
        let host = fs::read_link("/proc/self/ns/net")?;
        let network = |pid: u32| fs::read_link(format!("/proc/{pid}/ns/net")).ok();
        let recorded: BTreeMap<PathBuf, String> = names(&home.join("sandboxes"))?
            .into_iter()
            .filter_map(|id| Some((network(first_process(home, &id)?)?, id)))
            .collect();
        for pid in pids()? {
            let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            let real =
                status.lines().find_map(|line| line.strip_prefix("Uid:\t")?.split('\t').next());
            if real.and_then(|id| id.parse().ok()) != Some(user) {
                continue;
            }
            let Some(network) = network(pid).filter(|network| *network != host) else { continue };
            let unknown = || network.display().to_string();
            let id = recorded.get(&network).cloned().unwrap_or_else(unknown);
            self.processes.entry(id.clone()).or_default().insert(pid);
            self.networks.entry(id).or_default().insert(network);
        }
        Ok(())
    }

    fn find_groups(&mut self, mark: &str) -> Result<()> {
        let mounts = fs::read_to_string("/proc/self/mounts")?;
        for line in mounts.lines() {
            let mut fields = line.split(' ').skip(1);
            if let (Some(place), Some("cgroup" | "cgroup2")) = (fields.next(), fields.next()) {
                let all = names(&Path::new(place).join(mark))?.into_iter();
                let (spare, groups): (Vec<_>, _) = all.partition(|name| is_spare(name));
                self.groups.extend::<Vec<_>>(groups);
                self.spare_groups.extend(spare);
            }
        }
        Ok(())
    }
}

/// Whether a control group waits for the next sandbox.
fn is_spare(name: &str) -> bool {
    name.starts_with('_')
}

/// The sandbox that a path of a control group names after `mark`.
fn after(line: &str, mark: &str) -> Option<String> {
    let (_, rest) = line.split_once(mark)?;
    Some(rest.split('/').next().unwrap_or(rest).to_owned())
}

/// Names in a folder; none when there is no folder.
fn names(folder: &Path) -> Result<BTreeSet<String>> {
    let Ok(entries) = fs::read_dir(folder) else { return Ok(BTreeSet::new()) };
    let directories = |entry: &fs::DirEntry| {
        !folder.starts_with("/sys") || entry.file_type().is_ok_and(|kind| kind.is_dir())
    };
    entries
        .filter(|entry| entry.as_ref().map_or(true, directories))
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect()
}

/// Every process of the host.
pub(crate) fn pids() -> Result<Vec<u32>> {
    let entries = fs::read_dir("/proc")?;
    Ok(entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect())
}

/// The child of `parent` whose first argument is `word`.
pub(crate) fn child(parent: u32, word: &str) -> Result<Option<u32>> {
    for pid in pids()? {
        let folder = PathBuf::from(format!("/proc/{pid}"));
        let Ok(stat) = fs::read_to_string(folder.join("stat")) else { continue };
        // Fields after the name in parentheses: state, parent, ..., proc(5).
        let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
        let found = fields.split_whitespace().nth(1).and_then(|field| field.parse().ok());
        let command = fs::read(folder.join("cmdline")).unwrap_or_default();
        if found == Some(parent) && command.split(|byte| *byte == 0).nth(1) == Some(word.as_bytes())
        {
            return Ok(Some(pid));
        }
    }
    Ok(None)
}

/// The first process of a sandbox, as the launcher's record has it.
pub(crate) fn first_process(home: &Path, id: &str) -> Option<u32> {
    let record = fs::read_to_string(home.join("sandboxes").join(id).join("record")).ok()?;
    let pid = |line: &str| line.strip_prefix("pid=")?.parse().ok();
    record.lines().find_map(pid)
}

/// Where the records and the traces disagree, one line for each.
pub(crate) fn lies(records: &[Value], traces: &Traces) -> Vec<String> {
    let mut lies = Vec::new();
    let mut known = BTreeSet::new();
    for record in records {
        let id = record["id"].as_str().unwrap_or_default().to_owned();
        let state = record["state"].as_str().unwrap_or_default();
        let should_run = match state {
            "running" => true,
            "stopped" | "failed" => false,
            other => {
                lies.push(format!("{id} is still {other}"));
                continue;
            }
        };
        if !should_run && record["cause"].is_null() {
            lies.push(format!("{id} is {state} without a cause"));
        }
        let seen = [
            ("a process", traces.processes.contains_key(&id)),
            ("a network namespace", traces.networks.get(&id).is_some_and(|all| all.len() == 1)),
            ("a socket", traces.sockets.contains(&id)),
            ("a control group", traces.groups.contains(&id)),
        ];
        // Where none was delegated, none may be there.
        let seen = if traces.has_groups { &seen[..] } else { &seen[..3] };
        for &(what, is_there) in seen {
            if is_there != should_run {
                let word = if is_there { "has" } else { "has not" };
                lies.push(format!("{id} is {state} and {word} {what}"));
            }
        }
        if state != "failed" && !traces.folders.contains(&id) {
            lies.push(format!("{id} is {state} and has no folder"));
        }
        known.insert(id);
    }
    let found = traces.processes.keys().chain(&traces.groups).chain(&traces.folders);
    lies.extend(found.filter(|id| !known.contains(*id)).map(|id| format!("{id} has no record")));
    lies.extend(traces.mounts.iter().map(|mount| format!("a mount is left: {mount}")));
    lies
}
