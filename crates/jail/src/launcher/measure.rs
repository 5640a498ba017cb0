//! What a sandbox uses.

use std::os::fd::AsFd;

use super::{Launcher, Task};
use crate::failure::{At, Outcome, not_found};
use crate::folders;
use crate::request::{Answer, LayerPlace, Usage};
use crate::worker::{Job, Report, Worker};

impl Launcher {
    /// Reads the counters; a layer on disk is counted by a worker.
    pub(super) fn measure(&mut self, number: u64, name: &str) {
        match self.begin_measure(number, name) {
            Ok(None) => (),
            Ok(Some(usage)) => self.channel.send(number, Answer::Usage(usage), Vec::new()),
            Err(failure) => self.fail(number, failure),
        }
    }

    /// The answer, or none when a worker will have it.
    fn begin_measure(&mut self, number: u64, name: &str) -> Outcome<Option<Usage>> {
        let sandbox = self.sandboxes.get(name);
        let sandbox = sandbox.ok_or_else(|| not_found(format!("there is no sandbox `{name}`")))?;
        let runs = sandbox.running.is_some();
        let (place, range) = (sandbox.record.layer, sandbox.record.range);
        let mut usage = if runs { self.host.trees.usage(name) } else { Usage::default() };
        if runs && place == LayerPlace::Memory {
            let layer = self.memory_layer(name)?;
            let stat = rustix::fs::fstatvfs(&layer).at("measure the memory layer")?;
            usage.disk_bytes = Some((stat.f_blocks - stat.f_bfree) * stat.f_frsize);
            usage.inodes = Some(stat.f_files - stat.f_ffree);
            return Ok(Some(usage));
        }
        let folder = self.host.folders.sandbox(name).at("open the sandbox's folder")?;
        let layer = match folders::open_folder(folder.as_fd(), "layer") {
            Err(rustix::io::Errno::NOENT) => return Ok(Some(usage)),
            other => other.at("open the layer")?,
        };
        let job = Job::Measure { folder: layer };
        let worker = Worker::start(job, self.host.map(range), &self.host.filter)?;
        self.follow_worker(name, worker)?;
        if let Some(sandbox) = self.sandboxes.get_mut(name) {
            sandbox.task = Some(Task::Measuring { number, usage });
        }
        Ok(None)
    }

    /// A worker counted the layer.
    pub(super) fn measured(&mut self, number: u64, usage: Usage, report: Outcome<Report>) {
        match report {
            Ok(Report::Done { bytes, entries, .. }) => {
                let usage = Usage { disk_bytes: Some(bytes), inodes: Some(entries), ..usage };
                self.channel.send(number, Answer::Usage(usage), Vec::new());
            }
            Ok(Report::Failed { message, .. }) => {
                self.fail(number, crate::failure::refused(message))
            }
            Err(failure) => self.fail(number, failure),
        }
    }
}
