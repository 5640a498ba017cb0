//! Starts a sandbox: everything that its first process needs, then that process.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, Gid, Mode, Uid};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use rustix::process::Signal;

use super::birth::{Born, Said, channel_pair, ended_early, hear};
use super::{Age, Launcher, Running, Sandbox, Task, Watched, host};
use crate::apply::{self, Materials};
use crate::check::HOST_IMAGE;
use crate::defence::Defence;
use crate::failure::{At, Outcome, not_found, refused, unsupported};
use crate::folders;
use crate::network::{Namespace, Wires};
use crate::plan::{ImageShape, LayerShape, Saved, Shape};
use crate::process;
use crate::record::{Process, Record, State, volumes_of};
use crate::request::{Answer, Failure, LayerPlace, Network, Start, Started};
use crate::worker;

/// Connections that may wait for the agent.
const BACKLOG: i32 = 128;

impl Launcher {
    /// Starts a sandbox, or answers with the one that runs.
    pub(super) fn start(&mut self, number: u64, start: &Start) {
        let name = start.sandbox.as_str();
        if self.sandboxes.get(name).is_some_and(|sandbox| sandbox.running.is_some()) {
            // Whoever asks for a start means one that works.
            return match self.host.trees.resume(name) {
                Ok(()) => self.watch(number, name),
                Err(failure) => self.fail(number, failure),
            };
        }
        self.started_last.clone_from(&start.sandbox);
        let start = &Start { network: self.host.network(start.network), ..start.clone() };
        let name = start.sandbox.as_str();
        let age = if self.sandboxes.contains_key(name) { Age::Known } else { Age::New };
        let begun = self.prepare(start).and_then(|()| self.begin(number, start, age));
        if let Err(failure) = begun {
            self.undo(number, name, age, failure);
        }
    }

    /// The descriptors of a sandbox that runs.
    pub(super) fn watch(&mut self, number: u64, name: &str) {
        match self.started(name) {
            Ok((started, descriptors)) => {
                self.channel.send(number, Answer::Started(started), descriptors);
            }
            Err(failure) => self.fail(number, failure),
        }
    }

    fn started(&mut self, name: &str) -> Outcome<(Started, Vec<OwnedFd>)> {
        let sandbox = self.sandboxes.get_mut(name);
        let sandbox = sandbox.ok_or_else(|| not_found(format!("there is no sandbox `{name}`")))?;
        let running = sandbox.running.as_mut();
        let running =
            running.ok_or_else(|| not_found(format!("the sandbox `{name}` does not run")))?;
        let (limits, network) = (sandbox.record.limits, sandbox.record.network);
        if running.wires.is_none() {
            running.wires = self.host.wire(&running.pidfd, network)?;
        }
        let pidfd = rustix::io::fcntl_dupfd_cloexec(&running.pidfd, 3).at("copy a pidfd")?;
        let mut descriptors = vec![pidfd];
        if let Some(wires) = &running.wires {
            descriptors.extend(wires.copies()?);
        }
        if !self.host.without.keeps(Defence::Duplicates) {
            running.wires = running.wires.take().map(Wires::let_go).transpose()?.flatten();
        }
        let enforced = super::inventory::enforced(&sandbox.record);
        let (pid, volumes) = (running.pid, sandbox.record.volumes.clone());
        let volumes = self.volume_reports(&volumes);
        Ok((Started { pid, enforced, limits, network, volumes }, descriptors))
    }

    /// Checks what the host and the request demand, and makes folder and record of a new one.
    fn prepare(&mut self, start: &Start) -> Outcome<()> {
        self.check_network(start.network)?;
        self.check_required(start)?;
        let name = start.sandbox.as_str();
        self.leftovers.retain(|leftover| leftover.sandbox != name);
        let enforced: Vec<(String, String)> = self
            .host
            .enforced(start.layer, start.network)
            .into_iter()
            .map(|one| (one.control, one.mechanism))
            .collect();
        if let Some(sandbox) = self.sandboxes.get_mut(name) {
            let record = &mut sandbox.record;
            if record.image != start.image || record.layer != start.layer {
                return Err(refused(format!("the sandbox `{name}` has another image or layer")));
            }
            record.limits = start.limits;
            record.network = start.network;
            record.volumes = volumes_of(start);
            record.hostname.clone_from(&start.hostname);
            record.enforced = enforced;
            return Ok(());
        }
        let range = match &mut self.host.ranges {
            Some(ranges) if self.host.without.keeps(Defence::IdRange) => {
                ranges.next_range(start)?
            }
            Some(ranges) => ranges.block.first + 2 * crate::request::RANGE_IDS,
            None => 0,
        };
        let mut record = Record::fresh(start, range);
        record.enforced = enforced;
        // Nothing on disk has the range's ids until a disk layer is made. Before that there is no
        // use in a record or in a folder.
        let made = match start.layer {
            LayerPlace::Disk => {
                self.make_folder(name).and_then(|()| self.write_first_record(name, &record))
            }
            LayerPlace::Memory => Ok(()),
        };
        let sandbox = Sandbox { record, running: None, task: None, queue: Default::default() };
        self.sandboxes.insert(name.to_owned(), sandbox);
        made
    }

    fn make_folder(&self, name: &str) -> Outcome<()> {
        let sandboxes = self.host.folders.sandboxes.as_fd();
        folders::make_folder(sandboxes, name, 0o711).at("make the sandbox's folder")
    }

    /// Refuses a network that this host cannot make, whether or not it is required: without its
    /// wires a sandbox would have another network than its policy says.
    fn check_network(&self, network: Network) -> Outcome<()> {
        match (network, &self.host.steering) {
            (Network::Loopback, _) | (Network::Wired, Ok(())) => Ok(()),
            (Network::Wired, Err(failure)) => Err(failure.clone()),
            (Network::Proxied, _) if self.host.without.keeps(Defence::NetworkNamespace) => Ok(()),
            (Network::Proxied, _) => {
                Err(refused("a sandbox without a network namespace cannot be proxied"))
            }
        }
    }

    fn check_required(&self, start: &Start) -> Outcome<()> {
        let enforced = self.host.enforced(start.layer, start.network);
        let holds = |word: &String| {
            enforced.iter().any(|one| one.control == *word && one.mechanism != "none")
        };
        let missing: Vec<&str> =
            start.require.iter().filter(|word| !holds(word)).map(String::as_str).collect();
        if missing.is_empty() {
            return Ok(());
        }
        Err(unsupported(
            format!(
                "this host cannot enforce `{}`, which the policy requires",
                missing.join("`, `")
            ),
            "run `infield doctor` for the mend, or leave it out of `require`",
        ))
    }

    /// Writes the record of a sandbox of which nothing ran yet. A part of it is as good as none:
    /// there is nothing to lose, and new files are what a start waits for on some file systems.
    fn write_first_record(&self, name: &str, record: &Record) -> Outcome<()> {
        let folder = self.host.folders.sandbox(name).at("open the sandbox's folder")?;
        folders::write_in_place(folder.as_fd(), "record", &record.encode()).at("write the record")
    }

    pub(super) fn write_record(&self, name: &str, record: &Record) -> Outcome<()> {
        let folder = self.host.folders.sandbox(name).at("open the sandbox's folder")?;
        folders::write_file(folder.as_fd(), "record", &record.encode()).at("write the record")
    }

    fn begin(&mut self, number: u64, start: &Start, age: Age) -> Outcome<()> {
        let name = start.sandbox.as_str();
        let record = self.sandboxes.get(name).map(|sandbox| sandbox.record.clone());
        let mut record = record.ok_or_else(|| not_found("the sandbox is gone"))?;
        // Closing what a new process was given can wait until that is on its way.
        let (born, given) = self.first_process(number, start, record.range)?;
        let recorded = self.make_folder(name).and_then(|()| {
            let listener = self.listen(name)?;
            let started = process::started(born.pid).at("look at the first process")?;
            let boot = self.host.boot.clone();
            record.state = State::Running(Process { pid: born.pid, started, boot });
            if age == Age::New {
                self.write_first_record(name, &record)?;
            } else {
                self.write_record(name, &record)?;
            }
            // One that was made for this sandbox has set it by itself.
            if given.is_none() && self.host.without.keeps(Defence::UtsNamespace) {
                born.name(&start.hostname)?;
            }
            born.hand_over(listener.as_fd())?;
            self.follow(born.pidfd.as_fd())
        });
        let token = match recorded {
            Ok(token) => token,
            Err(failure) => {
                born.end();
                return Err(failure);
            }
        };
        self.watched.insert(token, Watched::Process(name.to_owned()));
        let Some(sandbox) = self.sandboxes.get_mut(name) else { return Ok(()) };
        sandbox.record = record;
        sandbox.running = Some(Running { pid: born.pid, pidfd: born.pidfd, wires: born.wires });
        if born.is_ready {
            self.watch(number, name);
            return Ok(());
        }
        let token = self.follow(born.channel.as_fd())?;
        self.watched.insert(token, Watched::Channel(name.to_owned()));
        self.set_task(name, Task::Starting { number, channel: born.channel, age });
        Ok(())
    }

    /// A first process for a sandbox: the one that is ready, or a new one.
    fn first_process(
        &mut self,
        number: u64,
        start: &Start,
        range: u32,
    ) -> Outcome<(Born, Option<Materials>)> {
        if let Some(born) = self.host.take_body(start, range)? {
            self.tell_wires(number, born.wires.as_ref())?;
            return Ok((born, None));
        }
        let name = start.sandbox.as_str();
        let folder = match self.host.folders.sandbox(name) {
            // A new one whose layer is in memory has none yet.
            Err(Errno::NOENT) => None,
            folder => Some(folder.at("open the sandbox's folder")?),
        };
        let folder = folder.as_ref().map(AsFd::as_fd);
        let is_saved = folder.is_some_and(|folder| folders::exists(folder, "layer"));
        let saved = if is_saved { Saved::Yes } else { Saved::No };
        let shape = Shape {
            image: if start.image == HOST_IMAGE { ImageShape::Host } else { ImageShape::Imported },
            layer: LayerShape::of(start.layer, saved),
            limits: &start.limits,
            ids: self.host.ids(),
            volumes: &start.volumes,
        };
        let (mut layer, mut saved) = (None, None);
        match (shape.layer, folder) {
            (LayerShape::NewMemory, _) => {}
            (LayerShape::SavedMemory, Some(folder)) => {
                saved = Some(folders::open_folder(folder, "layer").at("open the saved layer")?);
            }
            (LayerShape::NewDisk | LayerShape::OldDisk, Some(folder)) => {
                if !folders::exists(folder, "layer") {
                    self.make_layer(folder, range)?;
                    folders::put_in_place(folder, "layer.new", "layer")
                        .at("put the layer in place")?;
                }
                layer = Some(self.host.disk_layer(name, folder)?);
            }
            (LayerShape::SavedMemory | LayerShape::NewDisk | LayerShape::OldDisk, None) => {
                return Err(not_found(format!("the folder of the sandbox `{name}` is gone")));
            }
        }
        let (channel, theirs) = channel_pair()?;
        let mut materials = Materials {
            channel: theirs,
            trees: self.host.take_trees(&start.image, range)?,
            layer,
            saved,
            volumes: self.volume_folders(&start.volumes, range)?,
            groups: self.host.take_groups(name)?,
            hostname: Some(start.hostname.clone()),
            program: self.host.program()?,
            settings: self.host.settings(&start.limits),
            forgotten: self.host.forgotten()?,
        };
        let network = self.host.take_network(start.network)?;
        self.tell_wires(number, network.as_ref().and_then(Namespace::wires))?;
        let born = self.host.give_birth(&shape, (range, network), channel, &mut materials)?;
        let mut born = self.host.limited(born, name, &start.limits)?;
        if let Err(failure) = self.wire_born(number, &mut born, start.network) {
            born.end();
            return Err(failure);
        }
        Ok((born, Some(materials)))
    }

    /// Makes the wires of a first process that has made its network namespace by itself.
    fn wire_born(&mut self, number: u64, born: &mut Born, network: Network) -> Outcome<()> {
        if self.host.ranges.is_some() || network == Network::Loopback {
            return Ok(());
        }
        born.wires = self.host.wire(&born.pidfd, network)?;
        self.tell_wires(number, born.wires.as_ref())
    }

    /// Sends the wires of a sandbox on its way ahead, so that its network is served when it runs.
    fn tell_wires(&mut self, number: u64, wires: Option<&Wires>) -> Outcome<()> {
        if let Some(wires) = wires {
            self.channel.send(number, Answer::Wired, wires.copies()?);
        }
        Ok(())
    }

    /// Makes the folders of a layer in `layer.new`, and takes it. It may have been begun by a
    /// launcher that was killed, before the range owned it, and is completed.
    pub(super) fn make_layer(&self, folder: BorrowedFd<'_>, range: u32) -> Outcome<OwnedFd> {
        let step = "make the layer's folder";
        folders::make_folder(folder, "layer.new", 0o700).at(step)?;
        let layer = folders::open_folder(folder, "layer.new").at(step)?;
        worker::take(layer.as_fd()).at(step)?;
        apply::layer_folders(layer.as_fd()).at(step)?;
        if self.host.ranges.is_some() {
            let (user, group) = (Uid::from_raw(range), Gid::from_raw(range));
            for part in ["upper", "work", "usr-upper", "usr-work"] {
                let flags = AtFlags::SYMLINK_NOFOLLOW;
                rustix::fs::chownat(&layer, part, Some(user), Some(group), flags).at(step)?;
            }
            rustix::fs::fchown(&layer, Some(user), Some(group)).at(step)?;
        }
        Ok(layer)
    }

    /// Binds the agent's socket for the daemon's account alone.
    fn listen(&self, sandbox: &str) -> Outcome<OwnedFd> {
        let folder = self.host.folders.sandbox(sandbox).at("open the sandbox's folder")?;
        let (folder, step, name) = (folder.as_fd(), "bind the agent's socket", "agent.sock");
        folders::remove_name(folder, name, AtFlags::empty()).at(step)?;
        let flags = SocketFlags::CLOEXEC;
        let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)
            .at(step)?;
        // The file gets its mode from the socket, so nobody can connect in between.
        rustix::fs::fchmod(&socket, Mode::from_raw_mode(0o600)).at(step)?;
        let path = host::short_path(folder, name);
        let address = SocketAddrUnix::new(path.as_str()).at(step)?;
        rustix::net::bind(&socket, &address).at(step)?;
        if let Some(ranges) = &self.host.ranges {
            let (user, group) = (Uid::from_raw(ranges.account), Gid::from_raw(ranges.account));
            let flags = AtFlags::SYMLINK_NOFOLLOW;
            rustix::fs::chownat(folder, name, Some(user), Some(group), flags).at(step)?;
        }
        rustix::net::listen(&socket, BACKLOG).at(step)?;
        Ok(socket)
    }

    /// Takes what a starting process says; true when it has more to say.
    pub(super) fn channel_spoke(&mut self, name: &str) -> bool {
        let Some(sandbox) = self.sandboxes.get_mut(name) else { return false };
        let Some(Task::Starting { number, channel, age }) = &sandbox.task else { return false };
        let (number, age) = (*number, *age);
        let ended = match hear(channel.as_fd()) {
            Said::Nothing => return true,
            Said::Ready => Ok(()),
            Said::Failed(failure) => Err(failure),
        };
        if let Some(Task::Starting { channel, .. }) = sandbox.task.take() {
            // A copy in a child on its way would keep it in the poll set.
            let _ = rustix::event::epoll::delete(&self.epoll, &channel);
        }
        let ended = ended.and_then(|()| match &sandbox.running {
            Some(_) => Ok(()),
            None => Err(ended_early()),
        });
        match ended {
            Ok(()) => self.watch(number, name),
            Err(failure) => self.undo(number, name, age, failure),
        }
        self.next_of(name);
        false
    }

    /// Takes back a start that failed: a new sandbox leaves nothing, an older one is stopped.
    fn undo(&mut self, number: u64, name: &str, age: Age, failure: Failure) {
        self.fail(number, failure);
        if !self.sandboxes.contains_key(name) {
            return;
        }
        if age == Age::New {
            self.remove(None, name);
        } else {
            self.let_die(name);
        }
    }

    /// Ends what runs of a sandbox without asking it.
    pub(super) fn kill(&self, name: &str) {
        self.host.trees.kill_work(name);
        if let Some(running) = self.sandboxes.get(name).and_then(|s| s.running.as_ref()) {
            // It is the launcher's own child or was opened as such; a refusal would show as a
            // sandbox that does not end.
            drop(process::signal(running.pidfd.as_fd(), Signal::KILL));
        }
        // One that was held meets its end now, before it can do anything else.
        drop(self.host.trees.resume(name));
    }
}
