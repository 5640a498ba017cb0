//! Holds a sandbox that runs, and lets it go on.
//!
//! Whether it is held is the kernel's to know: no record says it, and a launcher that comes after
//! another one finds it as it is.

use super::Launcher;
use crate::failure::{Outcome, not_found};

impl Launcher {
    /// Holds every process; repeating it is fine.
    pub(super) fn pause(&mut self, number: u64, name: &str) {
        let paused = self.check_runs(name).and_then(|()| self.host.trees.pause(name));
        self.answer(number, paused);
    }

    /// Lets every process go on; repeating it is fine.
    pub(super) fn resume(&mut self, number: u64, name: &str) {
        let resumed = self.check_runs(name).and_then(|()| self.host.trees.resume(name));
        self.answer(number, resumed);
    }

    pub(super) fn check_runs(&self, name: &str) -> Outcome<()> {
        let sandbox = self.sandboxes.get(name);
        let sandbox = sandbox.ok_or_else(|| not_found(format!("there is no sandbox `{name}`")))?;
        match sandbox.running {
            Some(_) => Ok(()),
            None => Err(not_found(format!("the sandbox `{name}` does not run"))),
        }
    }
}
