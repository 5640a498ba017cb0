//! Other limits for work that runs.

use std::io;
use std::os::fd::AsFd;

use super::detect::{Controller, Version};
use super::{Branch, PARTS, Trees, optional};
use crate::defence::Without;
use crate::failure::{At, Outcome, refused};
use crate::folders;
use crate::request::Limits;

impl Trees {
    /// Gives the work of a sandbox that runs other limits, all of them or none.
    pub(crate) fn resize(
        &self,
        name: &str,
        (from, to): (&Limits, &Limits),
        without: &Without,
    ) -> Outcome<()> {
        self.check_use(name, to)?;
        let limited = self.write_limits(name, (from, to), without);
        if limited.is_err() {
            // The older limits held a moment ago.
            drop(self.write_limits(name, (to, from), without));
        }
        limited
    }

    /// Refuses limits below what is in use: the kernel would end processes to keep them.
    fn check_use(&self, name: &str, to: &Limits) -> Outcome<()> {
        self.reclaim(name, to.memory_bytes);
        let usage = self.usage(name);
        if let Some(used) = usage.memory_bytes.filter(|used| *used > to.memory_bytes) {
            return Err(refused(format!(
                "the sandbox `{name}` uses {used} bytes of memory, more than {}",
                to.memory_bytes
            )));
        }
        if let Some(used) = usage.pids.filter(|used| *used > to.pids) {
            return Err(refused(format!(
                "the sandbox `{name}` has {used} processes, more than {}",
                to.pids
            )));
        }
        Ok(())
    }

    /// Has the kernel give back what it keeps for the sandbox without need.
    fn reclaim(&self, name: &str, to_bytes: u64) {
        let Some(used) = self.usage(name).memory_bytes.filter(|used| *used > to_bytes) else {
            return;
        };
        for branch in &self.0 {
            if !branch.controllers.contains(&Controller::Memory) {
                continue;
            }
            let (file, value) = match branch.version {
                Version::V1 => ("memory.force_empty", "0".to_owned()),
                Version::V2 => ("memory.reclaim", (used - to_bytes).to_string()),
            };
            // What it cannot give back is seen by the next look.
            let path = format!("{name}/work/{file}");
            drop(folders::write_value(branch.folder.as_fd(), &path, &value));
        }
    }

    fn write_limits(
        &self,
        name: &str,
        (from, to): (&Limits, &Limits),
        without: &Without,
    ) -> Outcome<()> {
        let limit = |branch: &Branch| -> io::Result<()> {
            let work = folders::open_folder(branch.folder.as_fd(), &format!("{name}/work"))?;
            let memory = branch.controllers.contains(&Controller::Memory);
            if memory && branch.version == Version::V1 && to.memory_bytes > from.memory_bytes {
                // Memory and swap together may never be less than memory alone.
                let both = "memory.memsw.limit_in_bytes";
                let value = to.memory_bytes.to_string();
                optional(folders::write_value(work.as_fd(), both, &value))?;
            }
            branch.limit(work.as_fd(), to, without)
        };
        let mut limited = self.0.iter().filter(|branch| branch.parts() == PARTS);
        limited.try_for_each(limit).at("limit the control groups")
    }
}
