//! Control groups: two for each sandbox in every tree that has a controller.
//!
//! `infield/HOME/ID/work` carries the sandbox's limits and holds everything that commands start.
//! `infield/HOME/ID/agent` holds the agent alone, with small limits of its own, so that the agent
//! still answers when the work has used up all it may. A process enters by writing `0` itself:
//! with old trees that costs microseconds where a parent's write waits for the scheduler.
//!
//! A tree that only counts or holds has one group for both. A unified tree without controllers, as beside
//! old trees, is left alone: to enter its `cgroup.procs` takes the kernel's lock on all thread
//! groups, and with it 10 to 20 ms of waiting on an idle machine (6.18), for nothing in return.

pub(crate) mod detect;
mod pause;
mod resize;

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{Access, AtFlags, Mode, OFlags};
use rustix::process::Signal;

use self::detect::{Controller, Tree, Version};
use crate::defence::{Defence, Without};
use crate::failure::{At, Outcome};
use crate::folders;
use crate::process;
use crate::request::{Limits, Usage};

/// What an agent may use. It forks for each file operation, and those write in `work`.
const AGENT_LIMITS: Limits = Limits {
    memory_bytes: 192 << 20,
    cpu_millis: 1_000,
    pids: 512,
    disk_bytes: 0,
    inodes: 0,
    open_files: 0,
};

/// The kernel's own period for a new group.
const PERIOD_US: u64 = 100_000;

/// Which part of the memory limit may be in buffers of sockets besides, where they are counted
/// apart.
const SOCKET_SHARE: u64 = 4;

/// The groups of a sandbox where limits tell work and agent apart.
const PARTS: &[&str] = &["agent", "work"];

/// The group of a sandbox where nothing is limited.
const WHOLE: &[&str] = &["all"];

/// Groups for a sandbox that is not known yet, empty or with its first process. No sandbox is
/// called so.
pub(crate) const NEXT: &str = "_next";
pub(crate) const BODY: &str = "_body";

/// One tree with our folder in it.
#[derive(Debug)]
struct Branch {
    version: Version,
    controllers: Vec<Controller>,
    /// `infield`, for all data directories of the host.
    above: OwnedFd,
    /// The folder of this data directory in it.
    folder: OwnedFd,
}

/// Where in each tree our folder is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum From {
    /// At the top, as root may.
    Top,
    /// In the caller's own group, as far as that was delegated.
    OwnGroup,
}

/// All trees of this host that we may use.
#[derive(Debug, Default)]
pub(crate) struct Trees(Vec<Branch>);

/// The groups of one sandbox, made and limited.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    /// Where the first process is born, in the unified tree.
    pub(crate) birth: Option<OwnedFd>,
    /// The door of that group, for a process that has left it.
    pub(crate) birth_door: Option<OwnedFd>,
    /// Files into which the first process writes `0` to enter its own groups.
    pub(crate) agent: Vec<OwnedFd>,
    /// Files into which a command writes `0` to enter the groups of the work.
    pub(crate) work: Vec<OwnedFd>,
    /// The file with the work's count of kills for want of memory.
    pub(crate) out_of_memory: Option<OwnedFd>,
}

impl Trees {
    /// Finds the trees and makes our folder in each. A tree that refuses is not used.
    pub(crate) fn open(tag: &str, from: From) -> Self {
        let mountinfo = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let own = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let listed = |mount: &Path| {
            let below = match from {
                From::Top => "",
                From::OwnGroup => detect::own_unified(&own).unwrap_or_default(),
            };
            let path = mount.join(below).join("cgroup.controllers");
            std::fs::read_to_string(path).unwrap_or_default()
        };
        let branches = detect::trees(&mountinfo, listed).into_iter().filter_map(|tree| {
            let start = match (from, tree.version) {
                (From::Top, _) => tree.mount.clone(),
                (From::OwnGroup, Version::V2) => tree.mount.join(detect::own_unified(&own)?),
                (From::OwnGroup, Version::V1) => return None,
            };
            Branch::open(&tree, &start, tag).ok()
        });
        Self(branches.collect())
    }

    /// Removes our folders when nothing is in them any more.
    pub(crate) fn close(&self, tag: &str) {
        for branch in &self.0 {
            // Busy means that sandboxes go on, here or below another data directory.
            if rustix::fs::unlinkat(&branch.above, tag, AtFlags::REMOVEDIR).is_err() {
                continue;
            }
            let _ = rustix::fs::unlinkat(&branch.above, "../infield", AtFlags::REMOVEDIR);
        }
    }

    /// What enforces a controller.
    pub(crate) fn mechanism(&self, controller: Controller) -> Option<&'static str> {
        let branch = self.0.iter().find(|branch| branch.controllers.contains(&controller))?;
        Some(match branch.version {
            Version::V1 => "cgroup_v1",
            Version::V2 => "cgroup_v2",
        })
    }

    /// Whether one write ends all work.
    pub(crate) fn atomic_kill(&self) -> bool {
        self.pids().is_some_and(|branch| branch.version == Version::V2)
    }

    /// Makes the groups of a sandbox. Its work has no limits yet.
    pub(crate) fn make(&self, name: &str) -> Outcome<Groups> {
        let mut groups = Groups::default();
        for branch in &self.0 {
            branch.make(name, &mut groups).at("make the control groups")?;
        }
        Ok(groups)
    }

    /// Gives the work of a sandbox that has none its limits.
    pub(crate) fn limit(&self, name: &str, limits: &Limits, without: &Without) -> Outcome<()> {
        let limit = |branch: &Branch| {
            let work = folders::open_folder(branch.folder.as_fd(), &format!("{name}/work"))?;
            branch.limit(work.as_fd(), limits, without)
        };
        let mut limited = self.0.iter().filter(|branch| branch.parts() == PARTS);
        limited.try_for_each(limit).at("limit the control groups")
    }

    /// Whether groups can get another name: in old trees alone (`cgroup1_rename`).
    pub(crate) fn can_rename(&self) -> bool {
        self.0.iter().all(|branch| branch.version == Version::V1)
    }

    /// Gives the groups of one name to another that has none.
    pub(crate) fn rename(&self, from: &str, to: &str) -> Outcome<()> {
        let rename =
            |branch: &Branch| rustix::fs::renameat(&branch.folder, from, &branch.folder, to);
        self.0.iter().try_for_each(rename).at("rename the control groups")
    }

    /// Ends all work of a sandbox; false where no tree tells it from the agent, or where it is
    /// gone. From then on the work may not fork; [`Self::allow_work`] takes that back.
    pub(crate) fn kill_work(&self, name: &str) -> bool {
        self.pids().is_some_and(|branch| branch.kill_work(name).is_ok())
    }

    /// Lets the work of a sandbox that was killed fork again.
    pub(crate) fn allow_work(&self, name: &str, limits: &Limits) -> io::Result<()> {
        let file = format!("{name}/work/pids.max");
        self.pids().map_or(Ok(()), |branch| {
            folders::write_value(branch.folder.as_fd(), &file, &limits.pids.to_string())
        })
    }

    /// Whether anything of a sandbox's work still runs; false where no tree can tell.
    pub(crate) fn has_work(&self, name: &str) -> bool {
        self.pids().is_some_and(|branch| !branch.processes(name, "work").is_empty())
    }

    fn pids(&self) -> Option<&Branch> {
        self.0.iter().find(|branch| branch.controllers.contains(&Controller::Pids))
    }

    /// Every process in a sandbox's groups.
    pub(crate) fn processes(&self, name: &str) -> Vec<u32> {
        let mut all: Vec<u32> = Vec::new();
        for branch in &self.0 {
            for part in branch.parts() {
                all.extend(branch.processes(name, part));
            }
        }
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Removes the groups of a sandbox. An error says that a process is still on its way out.
    pub(crate) fn remove(&self, name: &str) -> io::Result<()> {
        self.0.iter().try_for_each(|branch| branch.remove(name))
    }

    /// Names that have groups.
    pub(crate) fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for branch in &self.0 {
            for name in folders::names(branch.folder.as_fd()).unwrap_or_default() {
                // Control files have a dot or an underscore in their names, groups have not.
                if crate::check::is_sandbox_name(&name) && !names.contains(&name) {
                    let folder = folders::open_folder(branch.folder.as_fd(), &name);
                    if folder.is_ok() {
                        names.push(name);
                    }
                }
            }
        }
        names
    }

    /// What the work of a sandbox uses.
    pub(crate) fn usage(&self, name: &str) -> Usage {
        let number = |controller: Controller, v1: &str, v2: &str| {
            let branch = self.0.iter().find(|branch| branch.controllers.contains(&controller))?;
            let file = if branch.version == Version::V1 { v1 } else { v2 };
            branch.read(name, "work", file)?.trim().parse::<u64>().ok()
        };
        Usage {
            memory_bytes: number(Controller::Memory, "memory.usage_in_bytes", "memory.current"),
            pids: number(Controller::Pids, "pids.current", "pids.current")
                .and_then(|count| u32::try_from(count).ok()),
            cpu_us: self.0.iter().find_map(|branch| branch.cpu_us(name)),
            disk_bytes: None,
            inodes: None,
        }
    }

    /// How often the kernel killed for want of memory in a part, `agent` or `work`.
    pub(crate) fn out_of_memory_kills(&self, name: &str, part: &str) -> u64 {
        let branch = self.0.iter().find(|branch| branch.controllers.contains(&Controller::Memory));
        let kills = branch
            .and_then(|branch| field(&branch.read(name, part, branch.kills_file())?, "oom_kill"));
        kills.unwrap_or(0)
    }
}

impl Branch {
    fn open(tree: &Tree, start: &Path, tag: &str) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let start = rustix::fs::open(start, flags, Mode::empty())?;
        folders::make_folder(start.as_fd(), "infield", 0o755)?;
        let ours = folders::open_folder(start.as_fd(), "infield")?;
        folders::make_folder(ours.as_fd(), tag, 0o755)?;
        let folder = folders::open_folder(ours.as_fd(), tag)?;
        // It may be there from a launcher that had more rights.
        rustix::fs::accessat(&folder, ".", Access::WRITE_OK, AtFlags::EACCESS)?;
        let branch = Self {
            above: ours,
            version: tree.version,
            controllers: tree.controllers.clone(),
            folder,
        };
        for parent in [&start, &branch.above, &branch.folder] {
            branch.pass_down(parent.as_fd())?;
        }
        Ok(branch)
    }

    /// The groups of each sandbox in this tree.
    fn parts(&self) -> &'static [&'static str] {
        let limits = |one: &Controller| !matches!(one, Controller::CpuCount | Controller::Freezer);
        if self.controllers.iter().any(limits) { PARTS } else { WHOLE }
    }

    fn processes(&self, name: &str, part: &str) -> Vec<u32> {
        let text = self.read(name, part, "cgroup.procs").unwrap_or_default();
        text.lines().filter_map(|line| line.parse().ok()).collect()
    }

    /// One write where the kernel has it (`cgroup.kill`, 5.14). Else nothing may be born any
    /// more, and whoever is there is ended; a process that is just coming in is for the next call.
    fn kill_work(&self, name: &str) -> io::Result<()> {
        let write = |file: &str, value: &str| {
            folders::write_value(self.folder.as_fd(), &format!("{name}/work/{file}"), value)
        };
        if self.version == Version::V2 {
            return write("cgroup.kill", "1");
        }
        write("pids.max", "0")?;
        let opened = self.processes(name, "work").into_iter().filter_map(process::open_any);
        let opened: Vec<_> = opened.collect();
        // Seen once more while the descriptors hold their numbers: these are the work's own.
        let still = self.processes(name, "work");
        for (_, pidfd) in opened.iter().filter(|(pid, _)| still.contains(pid)) {
            process::signal(pidfd.as_fd(), Signal::KILL)?;
        }
        Ok(())
    }

    /// Lets the groups below `parent` have our controllers. Old trees always do.
    fn pass_down(&self, parent: BorrowedFd<'_>) -> io::Result<()> {
        if self.version == Version::V1 {
            return Ok(());
        }
        let words: Vec<String> =
            self.controllers.iter().map(|c| format!("+{}", c.as_str())).collect();
        folders::write_value(parent, "cgroup.subtree_control", &words.join(" "))
    }

    fn make(&self, name: &str, groups: &mut Groups) -> io::Result<()> {
        folders::make_folder(self.folder.as_fd(), name, 0o755)?;
        let own = folders::open_folder(self.folder.as_fd(), name)?;
        self.pass_down(own.as_fd())?;
        for part in self.parts() {
            folders::make_folder(own.as_fd(), part, 0o755)?;
        }
        if self.parts() == WHOLE {
            let all = folders::open_folder(own.as_fd(), WHOLE[0])?;
            groups.agent.push(folders::open(all.as_fd(), "tasks", OFlags::WRONLY)?);
            return Ok(());
        }
        let agent = folders::open_folder(own.as_fd(), "agent")?;
        let work = folders::open_folder(own.as_fd(), "work")?;
        self.limit(agent.as_fd(), &AGENT_LIMITS, &Without::nothing())?;
        let door = if self.version == Version::V1 { "tasks" } else { "cgroup.procs" };
        groups.work.push(folders::open(work.as_fd(), door, OFlags::WRONLY)?);
        match self.version {
            Version::V1 => groups.agent.push(folders::open(agent.as_fd(), door, OFlags::WRONLY)?),
            Version::V2 => {
                groups.birth_door = Some(folders::open(agent.as_fd(), door, OFlags::WRONLY)?);
                groups.birth = Some(agent);
            }
        }
        if self.controllers.contains(&Controller::Memory) {
            let counter = folders::open(work.as_fd(), self.kills_file(), OFlags::RDONLY)?;
            groups.out_of_memory = Some(counter);
        }
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        for part in self.parts() {
            let path = format!("{name}/{part}");
            folders::remove_name(self.folder.as_fd(), &path, AtFlags::REMOVEDIR)?;
        }
        folders::remove_name(self.folder.as_fd(), name, AtFlags::REMOVEDIR)
    }

    fn limit(&self, group: BorrowedFd<'_>, limits: &Limits, without: &Without) -> io::Result<()> {
        for controller in &self.controllers {
            match controller {
                Controller::Memory if without.keeps(Defence::MemoryLimit) => {
                    self.limit_memory(group, limits.memory_bytes)?;
                }
                Controller::Pids if without.keeps(Defence::PidsLimit) => {
                    folders::write_value(group, "pids.max", &limits.pids.to_string())?;
                }
                Controller::Cpu if without.keeps(Defence::CpuLimit) => {
                    self.limit_cpu(group, limits.cpu_millis)?;
                }
                Controller::Memory
                | Controller::Pids
                | Controller::Cpu
                | Controller::CpuCount
                | Controller::Freezer => {}
            }
        }
        Ok(())
    }

    fn limit_memory(&self, group: BorrowedFd<'_>, bytes: u64) -> io::Result<()> {
        let limit = bytes.to_string();
        match self.version {
            Version::V1 => {
                folders::write_value(group, "memory.limit_in_bytes", &limit)?;
                // Buffers of internet sockets are counted apart from all other memory.
                let sockets = "memory.kmem.tcp.limit_in_bytes";
                optional(folders::write_value(
                    group,
                    sockets,
                    &(bytes / SOCKET_SHARE).to_string(),
                ))?;
                // Counts memory and swap together; absent where the host counts no swap.
                optional(folders::write_value(group, "memory.memsw.limit_in_bytes", &limit))
            }
            Version::V2 => {
                folders::write_value(group, "memory.max", &limit)?;
                optional(folders::write_value(group, "memory.swap.max", "0"))
            }
        }
    }

    fn limit_cpu(&self, group: BorrowedFd<'_>, millis: u32) -> io::Result<()> {
        let quota = u64::from(millis) * PERIOD_US / 1_000;
        match self.version {
            Version::V1 => {
                // The period of a new group is this one already, and each write has the kernel
                // look at all groups.
                folders::write_value(group, "cpu.cfs_quota_us", &quota.to_string())
            }
            Version::V2 => folders::write_value(group, "cpu.max", &format!("{quota} {PERIOD_US}")),
        }
    }

    /// The processor time of all that a sandbox did, microseconds.
    fn cpu_us(&self, name: &str) -> Option<u64> {
        let read =
            |file: &str| folders::read_file(self.folder.as_fd(), &format!("{name}/{file}")).ok();
        match self.version {
            Version::V1 if self.controllers.contains(&Controller::CpuCount) => {
                Some(read("cpuacct.usage")?.trim().parse::<u64>().ok()? / 1_000)
            }
            Version::V2 if self.controllers.contains(&Controller::Cpu) => {
                field(&read("cpu.stat")?, "usage_usec")
            }
            Version::V1 | Version::V2 => None,
        }
    }

    fn kills_file(&self) -> &'static str {
        match self.version {
            Version::V1 => "memory.oom_control",
            Version::V2 => "memory.events",
        }
    }

    fn read(&self, name: &str, part: &str, file: &str) -> Option<String> {
        folders::read_file(self.folder.as_fd(), &format!("{name}/{part}/{file}")).ok()
    }
}

/// Lets a control file be absent.
fn optional(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// The number behind `key` in lines of `key number`.
fn field(text: &str, key: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' '))?;
    line.trim().parse().ok()
}
