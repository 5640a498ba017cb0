//! The launcher: the one process that keeps privilege.
//!
//! It is single-threaded, parses nothing but its own closed set of requests, checks each of them,
//! runs no program but the agent, and never waits: whatever takes time is a process of its own
//! whose end the poll loop sees.
//!
//! ```text
//!             Start                    agent runs
//! (absent) ──────────► Starting ─────────────────────► Running ──── dies ────┐
//!     ▲                   │ fails                        │ Stop              ▼
//!     │                   ▼                              ▼               Stopped
//!     └────────────── Removing ◄──── Remove ──── Saving, Dying ──────────► (cause)
//! ```
//!
//! Each sandbox does one thing at a time; what comes meanwhile waits in its queue. What is on
//! disk is right at every moment: a record names the id range before anything on disk belongs to
//! it, and the first process before that process has its socket.

mod birth;
mod channel;
mod end;
mod host;
mod images;
mod inventory;
mod measure;
mod pause;
mod probe;
mod resize;
mod spare;
mod start;
mod volumes;

use std::collections::{BTreeMap, VecDeque};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;

use rustix::event::epoll;
use rustix::time::Timespec;

use self::channel::{Channel, Incoming};
use self::host::Host;
use crate::check;
use crate::defence::{Defence, Without};
use crate::failure::{At, Outcome};
use crate::network::Wires;
use crate::record::Record;
use crate::request::{Answer, Failure, Request};
use crate::trees::UnpackLimits;
use crate::volumes::Volume;
use crate::worker::{Report, Worker};

pub use crate::ids::IdBlock;

/// What the launcher is given at its start.
#[derive(Debug)]
pub struct Settings {
    /// The data directory.
    pub home: PathBuf,
    /// The socket to the daemon.
    pub socket: OwnedFd,
    /// The reading end of a pipe whose other end the keeper holds.
    pub keeper: OwnedFd,
    /// The block of ids, when the process has root's privileges. None makes every sandbox with
    /// the caller's single id.
    pub ids: Option<IdBlock>,
    /// The account that connects to the agents' sockets.
    pub account: u32,
}

/// Runs the launcher until the daemon's socket or the keeper's pipe ends. Sandboxes go on.
pub fn run(settings: Settings) -> Result<(), Failure> {
    let host = Host::open(&settings, Without::from_environment())?;
    let mut launcher = Launcher::new(host, settings)?;
    launcher.adopt();
    let ended = launcher.serve();
    launcher.host.drop_spare();
    launcher.host.trees.close(&launcher.host.folders.tag);
    ended
}

const SOCKET: u64 = 0;
const KEEPER: u64 = 1;
const FIRST_TOKEN: u64 = 2;

/// How long nobody must have wanted anything before the next start's needs are made: whoever was
/// answered last has work to do on the same processors, Python's own start for one.
const QUIET: Timespec = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };
/// The same where whoever was answered last is gone already, as after a single command.
const QUIET_AGAIN: Timespec = Timespec { tv_sec: 0, tv_nsec: 1_000_000 };
/// How long an unremovable group rests before the next try.
const RETRY: Timespec = Timespec { tv_sec: 0, tv_nsec: 10_000_000 };
/// How often it is tried.
const TRIES: u32 = 500;

/// One sandbox as the launcher knows it.
struct Sandbox {
    record: Record,
    /// Its first process, while it runs.
    running: Option<Running>,
    /// What is being done with it.
    task: Option<Task>,
    /// What waits for the task's end.
    queue: VecDeque<(u64, Request)>,
}

struct Running {
    pid: u32,
    pidfd: OwnedFd,
    /// What a wired one is connected by; none yet if an earlier launcher started it.
    wires: Option<Wires>,
}

/// Whether a failed start leaves something behind.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Age {
    /// Nothing of it was there before.
    New,
    /// It was stopped.
    Known,
}

/// What is being done with a sandbox. Tasks that nobody asked for have no number.
enum Task {
    /// Its first process puts up its walls.
    Starting { number: u64, channel: OwnedFd, age: Age },
    /// A worker writes the memory layer to disk; then the processes end.
    Saving { number: u64 },
    /// Its processes end.
    Dying { number: Option<u64> },
    /// Its processes end; then the memory layer that was taken is written to disk.
    Leaving { number: u64, layer: OwnedFd },
    /// Its processes end; then all of it is removed.
    Ending { number: Option<u64> },
    /// A worker empties its layer.
    Clearing { number: Option<u64> },
    /// A worker counts its layer.
    Measuring { number: u64, usage: crate::request::Usage },
}

/// Whom an event is for.
enum Watched {
    /// A sandbox's first process ended.
    Process(String),
    /// A starting process speaks, or has become the agent.
    Channel(String),
    /// A worker for a sandbox has its report.
    SandboxWorker(String, Worker),
    /// A worker for an image has its report.
    ImageWorker(images::ImageTask, Worker),
    /// A worker for a volume has its report.
    VolumeWorker(volumes::VolumeTask, Worker),
}

/// Groups whose last process may still be on its way out.
struct Leftover {
    sandbox: String,
    tries: u32,
}

struct Launcher {
    host: Host,
    channel: Channel,
    keeper: OwnedFd,
    epoll: OwnedFd,
    sandboxes: BTreeMap<String, Sandbox>,
    volumes: BTreeMap<String, Volume>,
    /// The sandbox that was asked for last.
    started_last: String,
    watched: BTreeMap<u64, Watched>,
    next_token: u64,
    leftovers: Vec<Leftover>,
    /// Image requests in progress, by folder name.
    busy_images: Vec<String>,
}

impl Launcher {
    fn new(host: Host, settings: Settings) -> Outcome<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).at("make the poll set")?;
        let launcher = Self {
            host,
            channel: Channel::new(settings.socket),
            keeper: settings.keeper,
            epoll,
            sandboxes: BTreeMap::new(),
            volumes: BTreeMap::new(),
            started_last: String::new(),
            watched: BTreeMap::new(),
            next_token: FIRST_TOKEN,
            leftovers: Vec::new(),
            busy_images: Vec::new(),
        };
        launcher.add(launcher.channel.descriptor(), SOCKET)?;
        launcher.add(launcher.keeper.as_fd(), KEEPER)?;
        Ok(launcher)
    }

    fn add(&self, descriptor: BorrowedFd<'_>, token: u64) -> Outcome<()> {
        let data = epoll::EventData::new_u64(token);
        epoll::add(&self.epoll, descriptor, data, epoll::EventFlags::IN).at("watch a descriptor")
    }

    /// How long nobody must want anything before the next start is prepared.
    fn quiet(&self) -> &'static Timespec {
        if self.sandboxes.contains_key(&self.started_last) { &QUIET } else { &QUIET_AGAIN }
    }

    fn serve(&mut self) -> Outcome<()> {
        let mut events = Vec::with_capacity(64);
        loop {
            // A first process makes its mounts now, under locks that this would contend for, and
            // the launcher has to be free when it is ready.
            let may_prepare = !self.is_starting() && !self.host.is_prepared();
            if may_prepare && self.wait(&mut events, Some(self.quiet()))? == 0 {
                self.host.prepare_spare();
                self.try_leftovers();
                continue;
            }
            if events.is_empty() {
                let timeout = (!self.leftovers.is_empty()).then_some(&RETRY);
                self.wait(&mut events, timeout)?;
            }
            for event in events.drain(..) {
                match event.data.u64() {
                    KEEPER => return Ok(()),
                    SOCKET => {
                        if !self.serve_socket()? {
                            return Ok(());
                        }
                    }
                    token => self.serve_token(token),
                }
            }
            self.try_leftovers();
        }
    }

    /// Whether somebody waits for a sandbox to start.
    fn is_starting(&self) -> bool {
        let starts = |sandbox: &Sandbox| matches!(sandbox.task, Some(Task::Starting { .. }));
        self.sandboxes.values().any(starts)
    }

    fn wait(&self, events: &mut Vec<epoll::Event>, timeout: Option<&Timespec>) -> Outcome<usize> {
        match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(events), timeout) {
            Ok(count) => Ok(count),
            Err(rustix::io::Errno::INTR) => Ok(0),
            Err(error) => Err(error).at("wait for events"),
        }
    }

    /// Takes what the daemon sent; false when it is gone.
    fn serve_socket(&mut self) -> Outcome<bool> {
        self.channel.flush();
        loop {
            match self.channel.receive()? {
                Incoming::Request(packet, descriptor) => {
                    self.take(packet.number, packet.body, descriptor);
                }
                Incoming::Garbage => (),
                Incoming::Nothing => break,
                Incoming::Closed => return Ok(false),
            }
        }
        self.update_interest()?;
        Ok(true)
    }

    /// Asks to be told of room in the socket only while something waits for it.
    fn update_interest(&self) -> Outcome<()> {
        let mut flags = epoll::EventFlags::IN;
        if self.channel.is_behind() {
            flags |= epoll::EventFlags::OUT;
        }
        let data = epoll::EventData::new_u64(SOCKET);
        epoll::modify(&self.epoll, self.channel.descriptor(), data, flags).at("watch the socket")
    }

    fn serve_token(&mut self, token: u64) {
        let Some(watched) = self.watched.remove(&token) else { return };
        match watched {
            Watched::Process(name) => self.process_ended(&name),
            Watched::Channel(name) => {
                if self.channel_spoke(&name) {
                    self.watched.insert(token, Watched::Channel(name));
                }
            }
            Watched::SandboxWorker(name, mut worker) => match worker.read() {
                None => drop(self.watched.insert(token, Watched::SandboxWorker(name, worker))),
                Some(report) => {
                    self.forget(worker.descriptor());
                    self.sandbox_worker_ended(&name, report);
                }
            },
            Watched::ImageWorker(task, mut worker) => match worker.read() {
                None => drop(self.watched.insert(token, Watched::ImageWorker(task, worker))),
                Some(report) => {
                    self.forget(worker.descriptor());
                    self.image_worker_ended(task, report);
                }
            },
            Watched::VolumeWorker(task, mut worker) => match worker.read() {
                None => drop(self.watched.insert(token, Watched::VolumeWorker(task, worker))),
                Some(report) => {
                    self.forget(worker.descriptor());
                    self.volume_worker_ended(task, report);
                }
            },
        }
    }

    /// Checks a request and does it, now or when its sandbox has time.
    fn take(&mut self, number: u64, request: Request, descriptor: Option<OwnedFd>) {
        if self.host.without.keeps(Defence::RequestChecks)
            && let Err(failure) = check::request(&request)
        {
            return self.fail(number, failure);
        }
        match request {
            Request::Probe => {
                let report = self.probe();
                self.channel.send(number, Answer::Host(report), Vec::new());
            }
            Request::Inventory { only } => self.inventory(number, only.as_deref()),
            Request::ImportImage { image, limit_bytes, limit_entries, created_at } => {
                let limits = UnpackLimits { bytes: limit_bytes, entries: limit_entries };
                self.import_image(images::Import { number, image, created_at }, limits, descriptor);
            }
            Request::RemoveImage { image } => self.remove_image(number, &image),
            Request::MakeVolume { volume, limits } => self.make_volume(number, &volume, limits),
            Request::MeasureVolume { volume } => self.measure_volume(number, &volume),
            Request::RemoveVolume { volume } => self.remove_volume(number, &volume),
            Request::Start(_)
            | Request::Stop { .. }
            | Request::Pause { .. }
            | Request::Resume { .. }
            | Request::Resize { .. }
            | Request::Remove { .. }
            | Request::Watch { .. }
            | Request::Measure { .. } => self.take_for_sandbox(number, request),
        }
    }

    fn take_for_sandbox(&mut self, number: u64, request: Request) {
        let name = match &request {
            Request::Start(start) => start.sandbox.clone(),
            Request::Stop { sandbox }
            | Request::Pause { sandbox }
            | Request::Resume { sandbox }
            | Request::Resize { sandbox, .. }
            | Request::Remove { sandbox }
            | Request::Watch { sandbox }
            | Request::Measure { sandbox } => sandbox.clone(),
            Request::Probe
            | Request::Inventory { .. }
            | Request::ImportImage { .. }
            | Request::RemoveImage { .. }
            | Request::MakeVolume { .. }
            | Request::MeasureVolume { .. }
            | Request::RemoveVolume { .. } => return,
        };
        if let Some(sandbox) = self.sandboxes.get_mut(&name)
            && sandbox.task.is_some()
        {
            sandbox.queue.push_back((number, request));
            return;
        }
        match request {
            Request::Start(start) => self.start(number, &start),
            Request::Stop { sandbox } => self.stop(number, &sandbox),
            Request::Pause { sandbox } => self.pause(number, &sandbox),
            Request::Resume { sandbox } => self.resume(number, &sandbox),
            Request::Resize { sandbox, limits } => self.resize(number, &sandbox, &limits),
            Request::Remove { sandbox } => self.remove(Some(number), &sandbox),
            Request::Watch { sandbox } => self.watch(number, &sandbox),
            Request::Measure { sandbox } => self.measure(number, &sandbox),
            Request::Probe
            | Request::Inventory { .. }
            | Request::ImportImage { .. }
            | Request::RemoveImage { .. }
            | Request::MakeVolume { .. }
            | Request::MeasureVolume { .. }
            | Request::RemoveVolume { .. } => (),
        }
    }

    /// Goes on with what waited for a sandbox's task.
    fn next_of(&mut self, name: &str) {
        while let Some(sandbox) = self.sandboxes.get_mut(name) {
            if sandbox.task.is_some() {
                return;
            }
            let Some((number, request)) = sandbox.queue.pop_front() else { return };
            self.take_for_sandbox(number, request);
        }
    }

    fn fail(&mut self, number: u64, failure: Failure) {
        self.channel.send(number, Answer::Failed(failure), Vec::new());
    }

    fn answer(&mut self, number: u64, result: Outcome<()>) {
        match result {
            Ok(()) => self.channel.send(number, Answer::Done, Vec::new()),
            Err(failure) => self.fail(number, failure),
        }
    }

    /// Watches a descriptor under a new token.
    fn follow(&mut self, descriptor: BorrowedFd<'_>) -> Outcome<u64> {
        let token = self.next_token;
        self.next_token += 1;
        self.add(descriptor, token)?;
        Ok(token)
    }

    /// Stops watching a descriptor before it is closed. A copy of it in a child would keep it in
    /// the set otherwise.
    fn forget(&self, descriptor: BorrowedFd<'_>) {
        // It is in the set or was never added; both end the same way.
        let _ = epoll::delete(&self.epoll, descriptor);
    }

    /// Watches a worker for a sandbox.
    fn follow_worker(&mut self, name: &str, worker: Worker) -> Outcome<()> {
        let token = self.follow(worker.descriptor())?;
        self.watched.insert(token, Watched::SandboxWorker(name.to_owned(), worker));
        Ok(())
    }

    fn sandbox_worker_ended(&mut self, name: &str, report: Outcome<Report>) {
        let task = self.sandboxes.get_mut(name).and_then(|sandbox| sandbox.task.take());
        match task {
            Some(Task::Saving { number }) => self.saved(number, name, report.map(drop)),
            Some(Task::Clearing { number }) => self.cleared(number, name, report.map(drop)),
            Some(Task::Measuring { number, usage }) => self.measured(number, usage, report),
            // No worker belongs to these.
            Some(
                task @ (Task::Starting { .. }
                | Task::Dying { .. }
                | Task::Leaving { .. }
                | Task::Ending { .. }),
            ) => {
                if let Some(sandbox) = self.sandboxes.get_mut(name) {
                    sandbox.task = Some(task);
                }
            }
            None => (),
        }
        self.next_of(name);
    }

    /// Removes groups whose processes are gone by now.
    fn try_leftovers(&mut self) {
        let mut leftovers = std::mem::take(&mut self.leftovers);
        leftovers.retain_mut(|leftover| {
            leftover.tries += 1;
            self.host.trees.remove(&leftover.sandbox).is_err() && leftover.tries < TRIES
        });
        self.leftovers.append(&mut leftovers);
    }

    /// Removes a sandbox's groups now or a little later.
    fn remove_groups(&mut self, name: &str) {
        if self.host.trees.remove(name).is_err() {
            self.leftovers.push(Leftover { sandbox: name.to_owned(), tries: 0 });
        }
    }
}

#[cfg(test)]
mod tests;
