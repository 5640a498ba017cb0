//! Finds out what there is: at the launcher's start, and whenever the daemon asks.
//!
//! At the start everything on disk is compared with what runs. A process without a record ends, a
//! record whose process is gone gets its cause, what was half made is removed.

use std::collections::BTreeSet;
use std::os::fd::AsFd;

use rustix::process::Signal;

use super::{Launcher, Running, Sandbox, Watched};
use crate::cgroup;
use crate::check;
use crate::folders;
use crate::process;
use crate::process::Ending;
use crate::record::{Record, State};
use crate::request::{Answer, Enforced, Found, ImageReport, PACKET_BYTES, Started, VolumeReport};

/// Bytes of entries in one packet, with room for what is around them.
const PART_BYTES: usize = PACKET_BYTES - 4_096;

/// What one packet tells.
#[derive(Default)]
struct Part {
    sandboxes: Vec<Found>,
    images: Vec<ImageReport>,
    volumes: Vec<VolumeReport>,
}

/// Whether another packet follows.
#[derive(PartialEq, Eq)]
enum Follows {
    More,
    Nothing,
}

impl Part {
    fn into_answer(self, follows: Follows) -> Answer {
        let Self { sandboxes, images, volumes } = self;
        Answer::Inventory { sandboxes, images, volumes, more: follows == Follows::More }
    }
}

/// All that is to be told, in as many packets as it takes.
#[derive(Default)]
struct Parts {
    full: Vec<Part>,
    last: Part,
    used: usize,
}

impl Parts {
    /// The packet in which this fits.
    fn with_room_for(&mut self, entry: &impl serde::Serialize) -> &mut Part {
        let bytes = postcard::to_stdvec(entry).map_or(0, |bytes| bytes.len());
        if self.used + bytes > PART_BYTES {
            self.full.push(std::mem::take(&mut self.last));
            self.used = 0;
        }
        self.used += bytes;
        &mut self.last
    }
}

/// The words of a record as the daemon reads them.
pub(super) fn enforced(record: &Record) -> Vec<Enforced> {
    let pair = |(control, mechanism): &(String, String)| Enforced {
        control: control.clone(),
        mechanism: mechanism.clone(),
    };
    record.enforced.iter().map(pair).collect()
}

impl Launcher {
    /// Takes over what an earlier launcher left, and clears what it left half done.
    pub(super) fn adopt(&mut self) {
        self.adopt_volumes();
        let names = folders::names(self.host.folders.sandboxes.as_fd()).unwrap_or_default();
        let mut known = BTreeSet::new();
        for name in names.into_iter().filter(|name| check::is_sandbox_name(name)) {
            known.insert(name.clone());
            self.adopt_one(&name);
        }
        for name in self.host.trees.names() {
            if !known.contains(&name) {
                self.end_strangers(&name);
                self.remove_groups(&name);
            }
        }
        // An earlier launcher's process that never became a sandbox ends with its channel.
        self.end_strangers(cgroup::BODY);
        self.clean_images();
    }

    fn adopt_one(&mut self, name: &str) {
        let record = self.read_record(name);
        let whole = record.is_some();
        let record = record.unwrap_or_else(|| self.guess_record(name));
        if let Some(ranges) = &mut self.host.ranges {
            ranges.allotment.take(record.range);
        }
        let sandbox = Sandbox { record, running: None, task: None, queue: Default::default() };
        let state = sandbox.record.state.clone();
        self.sandboxes.insert(name.to_owned(), sandbox);
        match state {
            State::Running(recorded) => match process::open(&recorded, &self.host.boot) {
                Some(pidfd) => self.adopt_running(name, recorded.pid, pidfd),
                None if recorded.boot != self.host.boot => {
                    self.found_dead(name, ("host_restart", "the host was started again"));
                }
                None => {
                    let (word, sentence) = self.cause(name, Ending::Unknown);
                    self.found_dead(name, (word.as_str(), sentence.as_str()));
                }
            },
            State::Stopped { .. } if whole => {
                self.end_strangers(name);
                self.remove_groups(name);
            }
            // Nothing of it ever ran, or nothing is known of it.
            State::Stopped { .. } | State::Fresh => {
                self.end_strangers(name);
                self.remove(None, name);
            }
        }
    }

    fn adopt_running(&mut self, name: &str, pid: u32, pidfd: std::os::fd::OwnedFd) {
        // An earlier launcher may have held the agent for a save that it did not finish.
        drop(process::signal(pidfd.as_fd(), Signal::CONT));
        match self.follow(pidfd.as_fd()) {
            Ok(token) => {
                self.watched.insert(token, Watched::Process(name.to_owned()));
                if let Some(sandbox) = self.sandboxes.get_mut(name) {
                    sandbox.running = Some(Running { pid, pidfd, wires: None });
                }
            }
            // Without a watch it cannot be driven; the daemon finds it stopped, with the cause.
            Err(failure) => {
                drop(process::signal(pidfd.as_fd(), Signal::KILL));
                self.found_dead(name, ("killed", failure.message.as_str()));
            }
        }
    }

    fn found_dead(&mut self, name: &str, (word, sentence): (&str, &str)) {
        self.end_strangers(name);
        self.stopped(None, name, Some((word.to_owned(), sentence.to_owned())));
    }

    /// Ends processes in a sandbox's groups that no record names.
    fn end_strangers(&self, name: &str) {
        self.host.trees.kill_work(name);
        for pid in self.host.trees.processes(name) {
            process::kill(pid);
        }
        drop(self.host.trees.resume(name));
    }

    fn read_record(&self, name: &str) -> Option<Record> {
        let folder = self.host.folders.sandbox(name).ok()?;
        Record::decode(&folders::read_file(folder.as_fd(), "record").ok()?)
    }

    /// A stand-in for a record that is not there, to remove its folder with: the ids are those
    /// of the layer.
    fn guess_record(&self, name: &str) -> Record {
        let owner = self.host.folders.sandbox(name).ok().and_then(|folder| {
            ["layer", "layer.new"].into_iter().find_map(|part| {
                let flags = rustix::fs::AtFlags::SYMLINK_NOFOLLOW;
                rustix::fs::statat(&folder, part, flags).ok().map(|stat| stat.st_uid)
            })
        });
        let start = crate::request::Start {
            sandbox: name.to_owned(),
            image: check::HOST_IMAGE.to_owned(),
            hostname: name.to_owned(),
            layer: crate::request::LayerPlace::Disk,
            limits: crate::request::Limits {
                memory_bytes: 0,
                cpu_millis: 0,
                pids: 0,
                disk_bytes: 0,
                inodes: 0,
                open_files: 0,
            },
            network: crate::request::Network::Loopback,
            volumes: Vec::new(),
            require: Vec::new(),
        };
        Record::fresh(&start, owner.unwrap_or(0))
    }

    /// Tells the daemon all that there is, in as many packets as it takes.
    pub(super) fn inventory(&mut self, number: u64, only: Option<&str>) {
        let mut parts = Parts::default();
        let wanted = |name: &&String| only.is_none_or(|only| only == name.as_str());
        for name in self.sandboxes.keys().filter(wanted) {
            if let Some(found) = self.found(name) {
                parts.with_room_for(&found).sandboxes.push(found);
            }
        }
        if only.is_none() {
            for image in self.image_reports() {
                parts.with_room_for(&image).images.push(image);
            }
            for volume in self.all_volumes() {
                parts.with_room_for(&volume).volumes.push(volume);
            }
        }
        let Parts { full, last, .. } = parts;
        for part in full {
            self.channel.send(number, part.into_answer(Follows::More), Vec::new());
        }
        self.channel.send(number, last.into_answer(Follows::Nothing), Vec::new());
    }

    fn found(&self, name: &str) -> Option<Found> {
        let sandbox = self.sandboxes.get(name)?;
        let folder = self.host.folders.sandbox(name).ok();
        let running = sandbox.running.as_ref();
        Some(Found {
            sandbox: name.to_owned(),
            running: running.map(|running| Started {
                pid: running.pid,
                enforced: enforced(&sandbox.record),
                limits: sandbox.record.limits,
                network: sandbox.record.network,
                volumes: self.volume_reports(&sandbox.record.volumes),
            }),
            paused: running.is_some() && self.host.trees.is_paused(name),
            layer: folder.is_some_and(|folder| folders::exists(folder.as_fd(), "layer")),
            ended: match &sandbox.record.state {
                State::Stopped { cause } => cause.clone(),
                State::Fresh | State::Running(_) => None,
            },
        })
    }
}
