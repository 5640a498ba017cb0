//! Ends sandboxes: on request, or because their first process is gone.

use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::fs::AtFlags;
use rustix::process::Signal;

use super::{Launcher, Task};
use crate::apply;
use crate::failure::{At, Outcome, not_found, refused};
use crate::folders;
use crate::process;
use crate::process::Ending;
use crate::record::State;
use crate::request::LayerPlace;
use crate::worker::{Job, Worker};

/// The file system type number of a tmpfs, see statfs(2).
const TMPFS_MAGIC: rustix::fs::FsWord = 0x0102_1994;

/// How long killed work may take until nothing of it writes any more.
const WORK_ENDS: Duration = Duration::from_millis(100);

impl Launcher {
    /// Stops a sandbox; a memory layer is on disk before the answer.
    pub(super) fn stop(&mut self, number: u64, name: &str) {
        let Some(sandbox) = self.sandboxes.get(name) else {
            return self.fail(number, not_found(format!("there is no sandbox `{name}`")));
        };
        if sandbox.running.is_none() {
            return self.answer(number, Ok(()));
        }
        if sandbox.record.layer == LayerPlace::Disk {
            self.kill(name);
            return self.set_task(name, Task::Dying { number: Some(number) });
        }
        if let Err(failure) = self.begin_save(number, name) {
            self.fail(number, failure);
        }
    }

    /// Takes the memory layer's root, and starts to save it where the work can be ended apart
    /// from the agent, which holds the layer until it is on disk.
    fn begin_save(&mut self, number: u64, name: &str) -> Outcome<()> {
        let layer = self.memory_layer(name)?;
        if self.host.trees.kill_work(name) {
            self.freeze_agent(name)?;
            // What was paused has its end or its halt ahead of everything else.
            self.host.trees.resume(name)?;
            self.await_end_of_work(name);
            self.save(name, layer)?;
            self.set_task(name, Task::Saving { number });
            return Ok(());
        }
        self.kill(name);
        self.set_task(name, Task::Leaving { number, layer });
        Ok(())
    }

    fn freeze_agent(&self, name: &str) -> Outcome<()> {
        let running = self.sandboxes.get(name).and_then(|sandbox| sandbox.running.as_ref());
        running
            .map_or(Ok(()), |running| process::signal(running.pidfd.as_fd(), Signal::STOP))
            .at("hold the agent")
    }

    /// Killed processes end by themselves within moments; one that hangs in the kernel does not
    /// hold up everybody else for longer.
    fn await_end_of_work(&self, name: &str) {
        let end = Instant::now() + WORK_ENDS;
        while self.host.trees.has_work(name) && Instant::now() < end {
            self.host.trees.kill_work(name);
            std::thread::sleep(Duration::from_micros(200));
        }
    }

    /// The root of a running sandbox's tmpfs, fetched from its agent.
    pub(super) fn memory_layer(&self, name: &str) -> Outcome<OwnedFd> {
        let running = self.sandboxes.get(name).and_then(|sandbox| sandbox.running.as_ref());
        let running = running.ok_or_else(|| not_found(format!("`{name}` does not run")))?;
        let flags = rustix::process::PidfdGetfdFlags::empty();
        let layer = rustix::process::pidfd_getfd(&running.pidfd, apply::LAYER, flags)
            .at("fetch the memory layer")?;
        // What the agent holds is its word only. A folder of another file system would be read
        // by a worker with no more rights than the sandbox has; a save of it would be a lie.
        let kind = rustix::fs::fstatfs(&layer).at("look at the memory layer")?.f_type;
        if kind != TMPFS_MAGIC {
            return Err(refused("the agent holds no memory layer"));
        }
        Ok(layer)
    }

    /// Starts a worker that copies `layer` beside the saved one.
    fn save(&mut self, name: &str, layer: OwnedFd) -> Outcome<()> {
        let record = self.sandboxes.get(name).map(|sandbox| sandbox.record.clone());
        let record = record.ok_or_else(|| not_found(format!("there is no sandbox `{name}`")))?;
        let folder = self.host.folders.sandbox(name).at("open the sandbox's folder")?;
        let to = self.make_layer(folder.as_fd(), record.range)?;
        let job = Job::Save { from: layer, to };
        let worker = Worker::start(job, self.host.map(record.range), &self.host.filter)?;
        self.follow_worker(name, worker)
    }

    /// The copy is whole, or failed; then the older one stays and the sandbox goes on without
    /// its work.
    pub(super) fn saved(&mut self, number: u64, name: &str, result: Outcome<()>) {
        let placed = result.and_then(|()| {
            let folder = self.host.folders.sandbox(name).at("open the sandbox's folder")?;
            folders::put_in_place(folder.as_fd(), "layer.new", "layer").at("put the layer in place")
        });
        let running = self.sandboxes.get(name).and_then(|s| s.running.as_ref());
        match (placed, running) {
            (Ok(()), Some(_)) => {
                self.kill(name);
                self.set_task(name, Task::Dying { number: Some(number) });
            }
            (Ok(()), None) => self.stopped(Some(number), name, None),
            (Err(failure), None) => self.fail(number, failure),
            (Err(failure), Some(_)) => {
                let failure = self.go_on(name).err().unwrap_or(failure);
                self.fail(number, failure);
            }
        }
    }

    /// Lets a sandbox that was held for its save work again.
    fn go_on(&self, name: &str) -> Outcome<()> {
        let Some(sandbox) = self.sandboxes.get(name) else { return Ok(()) };
        let allowed = self.host.trees.allow_work(name, &sandbox.record.limits);
        if let Some(running) = &sandbox.running {
            process::signal(running.pidfd.as_fd(), Signal::CONT).at("let the agent go on")?;
        }
        allowed.at("let the work go on")
    }

    /// Writes down that a sandbox does not run any more, and clears what only running ones have.
    pub(super) fn stopped(
        &mut self,
        number: Option<u64>,
        name: &str,
        cause: Option<(String, String)>,
    ) {
        let Some(sandbox) = self.sandboxes.get_mut(name) else { return };
        sandbox.record.state = State::Stopped { cause };
        let record = sandbox.record.clone();
        self.remove_groups(name);
        let written =
            self.host.folders.sandbox(name).at("open the sandbox's folder").and_then(|f| {
                folders::remove_name(f.as_fd(), "agent.sock", AtFlags::empty())
                    .at("remove the socket")
            });
        let written = written.and_then(|()| self.write_record(name, &record));
        if let Some(number) = number {
            self.answer(number, written);
        }
    }

    /// Removes all of a sandbox.
    pub(super) fn remove(&mut self, number: Option<u64>, name: &str) {
        let Some(sandbox) = self.sandboxes.get(name) else {
            let left = self.remove_unknown(name);
            if let Some(number) = number {
                self.answer(number, left);
            }
            return;
        };
        if sandbox.running.is_some() {
            self.kill(name);
            return self.set_task(name, Task::Ending { number });
        }
        self.clear(number, name);
    }

    /// A folder that never got a record holds no id of a range.
    fn remove_unknown(&mut self, name: &str) -> Outcome<()> {
        self.remove_groups(name);
        self.remove_folder(name)
    }

    /// Empties the layers by a worker, if there is anything in them.
    fn clear(&mut self, number: Option<u64>, name: &str) {
        self.remove_groups(name);
        let result = self.begin_clear(name);
        match result {
            Ok(true) => self.set_task(name, Task::Clearing { number }),
            Ok(false) => self.cleared(number, name, Ok(())),
            Err(failure) => self.cleared(number, name, Err(failure)),
        }
    }

    fn begin_clear(&mut self, name: &str) -> Outcome<bool> {
        let step = "open the layer";
        let folder = match self.host.folders.sandbox(name) {
            // The start of a new one failed before it had one.
            Err(rustix::io::Errno::NOENT) => return Ok(false),
            folder => folder.at("open the sandbox's folder")?,
        };
        let mut folders = Vec::new();
        for part in ["layer", "layer.new"] {
            match folders::open_folder(folder.as_fd(), part) {
                Ok(layer) => folders.push(layer),
                Err(rustix::io::Errno::NOENT) => (),
                Err(error) => return Err(error).at(step),
            }
        }
        if folders.is_empty() {
            return Ok(false);
        }
        let range = self.sandboxes.get(name).map_or(0, |sandbox| sandbox.record.range);
        let job = Job::Clear { folders };
        let worker = Worker::start(job, self.host.map(range), &self.host.filter)?;
        self.follow_worker(name, worker)?;
        Ok(true)
    }

    /// Removes the folder whose layers are empty now, and gives the range back.
    pub(super) fn cleared(&mut self, number: Option<u64>, name: &str, result: Outcome<()>) {
        let result = result.and_then(|()| self.remove_folder(name));
        if result.is_ok()
            && let Some(sandbox) = self.sandboxes.remove(name)
        {
            self.host.release_range(sandbox.record.range);
            for (number, request) in sandbox.queue {
                self.take_for_sandbox(number, request);
            }
        }
        if let Some(number) = number {
            self.answer(number, result);
        }
    }

    fn remove_folder(&self, name: &str) -> Outcome<()> {
        let step = "remove the sandbox's folder";
        let folder = match self.host.folders.sandbox(name) {
            Err(rustix::io::Errno::NOENT) => return Ok(()),
            other => other.at(step)?,
        };
        let folder = folder.as_fd();
        for part in ["layer", "layer.new"] {
            folders::remove_name(folder, part, AtFlags::REMOVEDIR).at(step)?;
        }
        for part in ["agent.sock", "record.new", "record"] {
            folders::remove_name(folder, part, AtFlags::empty()).at(step)?;
        }
        folders::remove_name(self.host.folders.sandboxes.as_fd(), name, AtFlags::REMOVEDIR).at(step)
    }

    /// A sandbox's first process is gone, and with it all its processes.
    pub(super) fn process_ended(&mut self, name: &str) {
        let Some(sandbox) = self.sandboxes.get_mut(name) else { return };
        let Some(running) = sandbox.running.take() else { return };
        let ending = process::reap(running.pidfd.as_fd());
        self.forget(running.pidfd.as_fd());
        let Some(sandbox) = self.sandboxes.get_mut(name) else { return };
        match sandbox.task.take() {
            Some(Task::Dying { number }) => self.stopped(number, name, None),
            Some(Task::Leaving { number, layer }) => match self.save(name, layer) {
                Ok(()) => self.set_task(name, Task::Saving { number }),
                Err(failure) => {
                    self.fail(number, failure);
                    self.stopped(None, name, Some(self.cause(name, ending)));
                }
            },
            Some(Task::Ending { number }) => self.clear(number, name),
            // The starting process says by its channel what went wrong; the worker reports.
            Some(task @ (Task::Starting { .. } | Task::Saving { .. } | Task::Clearing { .. })) => {
                self.set_task(name, task);
            }
            Some(task @ Task::Measuring { .. }) => {
                let cause = self.cause(name, ending);
                self.stopped(None, name, Some(cause));
                self.set_task(name, task);
            }
            None => {
                let cause = self.cause(name, ending);
                self.stopped(None, name, Some(cause));
            }
        }
        self.next_of(name);
    }

    /// Ends a sandbox that could not be started again.
    pub(super) fn let_die(&mut self, name: &str) {
        self.kill(name);
        let runs = self.sandboxes.get(name).is_some_and(|sandbox| sandbox.running.is_some());
        if runs {
            // Whoever asks to start it again meanwhile must not be told that it runs.
            self.set_task(name, Task::Dying { number: None });
        } else {
            self.stopped(None, name, None);
        }
    }

    /// Why a sandbox ended that nobody stopped.
    pub(super) fn cause(&self, name: &str, ending: Ending) -> (String, String) {
        let (word, sentence) = match ending {
            Ending::Code(code) => ("exit", format!("its first process ended with code {code}")),
            Ending::Signal(_) | Ending::Unknown
                if self.host.trees.out_of_memory_kills(name, "agent") > 0 =>
            {
                ("out_of_memory", "its first process was ended for want of memory".to_owned())
            }
            Ending::Signal(signal) => {
                ("killed", format!("its first process was ended by signal {signal}"))
            }
            Ending::Unknown => ("killed", "it ended while no launcher watched".to_owned()),
        };
        (word.to_owned(), sentence)
    }

    pub(super) fn set_task(&mut self, name: &str, task: Task) {
        if let Some(sandbox) = self.sandboxes.get_mut(name) {
            sandbox.task = Some(task);
        }
    }
}
