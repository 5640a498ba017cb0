//! Gives a sandbox that runs other limits.

use super::Launcher;
use crate::failure::{Outcome, not_found};
use crate::request::Limits;

impl Launcher {
    /// Changes the limits, and writes them down. What only a start can set stays.
    pub(super) fn resize(&mut self, number: u64, name: &str, limits: &Limits) {
        let resized = self.check_runs(name).and_then(|()| self.change_limits(name, limits));
        self.answer(number, resized);
    }

    fn change_limits(&mut self, name: &str, limits: &Limits) -> Outcome<()> {
        let sandbox = self.sandboxes.get(name);
        let sandbox = sandbox.ok_or_else(|| not_found(format!("there is no sandbox `{name}`")))?;
        let from = sandbox.record.limits;
        let Limits { memory_bytes, cpu_millis, pids, .. } = *limits;
        let to = Limits { memory_bytes, cpu_millis, pids, ..from };
        self.host.trees.resize(name, (&from, &to), &self.host.without)?;
        let mut record = sandbox.record.clone();
        record.limits = to;
        // The daemon's record is the truth; this one is what the next launcher answers with.
        self.write_record(name, &record)?;
        if let Some(sandbox) = self.sandboxes.get_mut(name) {
            sandbox.record = record;
        }
        Ok(())
    }
}
