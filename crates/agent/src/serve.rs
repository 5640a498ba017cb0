//! The loop: connections come in, commands run, and whoever follows one is told.
//!
//! One thread, one wait. Nothing that the guest or the host does may stop it: a bad connection
//! is closed, a failed call is answered, and file operations run in processes of their own.

mod follow;
mod ports;
mod requests;
mod workers;

use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::SocketFlags;
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, kill_process};

use infield_protocol::message::{OnDisconnect, StoppedBy, Stream};

use crate::account::Accounts;
use crate::commands::Commands;
use crate::connection::{Connection, Heard, Role};
use crate::failure::{Failure, KernelFailed};
use crate::inherited::Inherited;
use crate::poll::{Interest, Poll, Ready, Source};
use crate::relay::{Dialling, Relay};
use crate::settings::Settings;
use crate::spawn::{Child, Spare};
use crate::sys::Region;
use crate::tree::Marker;

use ports::Gone;
use workers::Workers;

/// Connections at a time. More wait in the socket's own queue.
const CONNECTIONS: usize = 256;

/// How long connections wait after one could not be taken.
const LISTEN_AGAIN: Duration = Duration::from_millis(100);

/// Reads of one stream before others have their turn.
const READS_IN_A_ROW: usize = 4;

/// Bytes that one read takes: a full pipe.
const READ_BYTES: usize = 64 << 10;

/// Everything that the agent knows.
pub struct Server {
    settings: Settings,
    inherited: Inherited,
    /// Where the host connects.
    listener: OwnedFd,
    children: OwnedFd,
    poll: Poll,
    accounts: Accounts,
    commands: Commands,
    /// The next command's process.
    spare: Option<Spare>,
    /// When it is to be forked.
    spare_at: Option<Instant>,
    connections: BTreeMap<u64, Connection>,
    workers: Workers,
    last_connection: u64,
    /// Where every read of a connection or a command's stream goes first. Pages that nobody
    /// touches cost no memory, and a forked child does not get them. A buffer of this size from
    /// the heap would have the allocator join its free pieces at each request: it writes to pages
    /// all over, each of which costs a fault after a fork.
    room: Region,
    listening: bool,
    /// When connections are taken again, after one could not be.
    listen_again: Option<Instant>,
}

impl Server {
    /// Takes what the launcher left, and waits for the socket where the host connects.
    pub fn new(settings: Settings) -> Result<Self, Failure> {
        let (inherited, channel) = Inherited::take(&settings)?;
        let children = crate::sys::take_signals().doing(|| "signals")?;
        let poll = Poll::new().doing(|| "epoll")?;
        let room = Region::new(READ_BYTES).doing(|| "memory to read into")?;
        let watch = |fd, source| poll.watch(fd, source, Interest::READ);
        watch(&children, Source::Children).doing(|| "signals")?;
        let accounts = Accounts::new();
        let listener = channel.await_listener()?;
        watch(&listener, Source::Listener).doing(|| "the listening socket")?;
        Ok(Self {
            settings,
            inherited,
            listener,
            children,
            poll,
            accounts,
            commands: Commands::default(),
            spare: None,
            spare_at: None,
            connections: BTreeMap::new(),
            workers: Workers::default(),
            last_connection: 0,
            room,
            listening: true,
            listen_again: None,
        })
    }

    /// Serves until the sandbox ends.
    pub fn run(mut self) -> Failure {
        loop {
            let now = Instant::now();
            let limit = self.wakes_at().map(|at| at.saturating_duration_since(now));
            let events = match self.poll.wait(limit) {
                Ok(events) => events,
                Err(error) => return Failure::kernel("wait", &error),
            };
            for (source, ready) in events {
                self.handle(source, ready);
            }
            self.on_time(Instant::now());
        }
    }

    fn wakes_at(&self) -> Option<Instant> {
        let patience = |connection: &Connection| match &connection.role {
            Role::Opening { until } => Some(*until),
            Role::Reading(reading) => Some(reading.until),
            Role::Dialling(dialling) => Some(dialling.until),
            Role::Following(_) | Role::Queued(_) | Role::Relaying(_) | Role::Closing => None,
        };
        let connections = self.connections.values().filter_map(patience).min();
        let spare = self.spare_at.or(self.spare.as_ref().map(|spare| spare.until));
        [connections, self.commands.wakes_at(), self.listen_again, spare]
            .into_iter()
            .flatten()
            .min()
    }

    fn handle(&mut self, source: Source, ready: Ready) {
        match source {
            Source::Listener => self.accept(),
            Source::Children => self.reap(),
            Source::Connection(number) => self.on_connection(number, ready),
            Source::Report(number) => self.on_report(number),
            Source::Output(number, stream) => self.on_output(number, stream),
            Source::Input(number) => self.on_input(number),
            Source::Port(number) => self.on_port(number, ready),
        }
    }

    /// Takes one connection. When more wait, the next turn of the loop tells of them.
    fn accept(&mut self) {
        if self.connections.len() >= CONNECTIONS {
            return;
        }
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        match rustix::net::accept_with(&self.listener, flags) {
            Ok(fd) => self.take_connection(fd),
            Err(Errno::AGAIN | Errno::INTR | Errno::CONNABORTED) => {}
            // No descriptor or no memory: it would fail at once again, without end.
            Err(_) => self.listen_again = Some(Instant::now() + LISTEN_AGAIN),
        }
        self.listen_if_room();
    }

    fn take_connection(&mut self, fd: OwnedFd) {
        self.last_connection += 1;
        let number = self.last_connection;
        if self.poll.watch(&fd, Source::Connection(number), Interest::READ).is_ok() {
            self.connections.insert(number, Connection::new(fd));
            // The request is mostly there already, which saves a turn of the loop.
            self.on_connection(number, Ready { read: true, write: false, gone: false });
        }
    }

    /// Leaves new connections alone while there are too many.
    fn listen_if_room(&mut self) {
        let room = self.connections.len() < CONNECTIONS && self.listen_again.is_none();
        if room != self.listening {
            let what = if room { Interest::READ } else { Interest::NONE };
            let changed = self.poll.change(&self.listener, Source::Listener, what);
            self.listening = if changed.is_ok() { room } else { self.listening };
        }
    }

    fn reap(&mut self) {
        let mut buffer = [0; 128];
        // Only a wake-up: one signal may stand for many children.
        let _woken = rustix::io::read(&self.children, &mut buffer);
        loop {
            let options = WaitOptions::NOHANG | WaitOptions::UNTRACED;
            let Ok(Some((pid, status))) = rustix::process::wait(options) else { break };
            if status.stopped() {
                self.go_on(pid);
            } else {
                self.on_exit(pid, status);
            }
        }
    }

    /// Lets a process go on that does the agent's work: no guest may hold it up.
    fn go_on(&self, pid: Pid) {
        let is_spare = self.spare.as_ref().is_some_and(|spare| spare.pid == pid);
        if is_spare || self.workers.has(pid) || self.commands.is_starting(pid) {
            // It fails only for who ended, which is told separately.
            let _sent = kill_process(pid, Signal::CONT);
        }
    }

    fn on_exit(&mut self, pid: Pid, status: WaitStatus) {
        self.spare.take_if(|spare| spare.pid == pid);
        if self.workers.ended(pid) {
            self.start_queued();
            return;
        }
        let exited =
            self.commands.iter_mut().find_map(|c| c.exited(pid, status).then_some(c.number));
        if let Some(number) = exited {
            // What it wrote last is in the pipes already.
            self.on_output(number, Stream::Stdout);
            self.on_output(number, Stream::Stderr);
            self.pump(number);
        }
    }

    fn on_connection(&mut self, number: u64, ready: Ready) {
        let Some(connection) = self.connections.get_mut(&number) else { return };
        if matches!(connection.role, Role::Relaying(_)) {
            return self.carry(number, Gone::connection(ready));
        }
        let mut alive = true;
        if ready.read && !connection.heard_all {
            alive = match connection.read(self.room.bytes_mut()) {
                Ok(Heard::Some) => self.hear(number),
                Ok(Heard::End) => self.hear(number) && !ready.gone,
                Err(_) => false,
            };
        }
        if !alive || ready.gone && !self.has_unheard(number) {
            self.disconnect(number);
            return;
        }
        if ready.write {
            self.pump_connection(number);
        }
        self.settle(number);
    }

    /// Whether the other side is gone but left something to read.
    fn has_unheard(&self, number: u64) -> bool {
        self.connections.get(&number).is_some_and(|c| !c.heard_all && self.wants_input(c))
    }

    /// Closes a connection, and ends a command that was to end with it.
    fn disconnect(&mut self, number: u64) {
        let Some(connection) = self.connections.remove(&number) else { return };
        self.poll.forget(&connection.fd);
        self.listen_if_room();
        if let Role::Dialling(Dialling { port, .. }) | Role::Relaying(Relay { port, .. }) =
            &connection.role
        {
            self.poll.forget(port);
            return;
        }
        // Whoever has all of its answer follows nobody any more, but is known as a watcher still.
        for command in self.commands.iter_mut() {
            command.watchers.retain(|watcher| *watcher != number);
        }
        let Role::Following(following) = connection.role else { return };
        let Some(command) = self.commands.get(following.command) else { return };
        if following.starter && command.on_disconnect == OnDisconnect::Kill {
            // Without /proc nothing can be found; its time limit will try again.
            let _stopped = command.stop(StoppedBy::Caller);
        }
        self.pump(following.command);
    }

    fn on_time(&mut self, now: Instant) {
        if self.listen_again.is_some_and(|at| at <= now) {
            self.listen_again = None;
            self.listen_if_room();
        }
        let late = |c: &Connection| match &c.role {
            Role::Opening { until } => *until <= now,
            Role::Reading(_)
            | Role::Following(_)
            | Role::Queued(_)
            | Role::Dialling(_)
            | Role::Relaying(_)
            | Role::Closing => false,
        };
        let late: Vec<u64> =
            self.connections.iter().filter(|(_, c)| late(c)).map(|(n, _)| *n).collect();
        for number in late {
            self.disconnect(number);
        }
        self.give_up_dialling(now);
        self.change_spare(now);
        let waiting = |c: &Connection| matches!(&c.role, Role::Reading(r) if r.until <= now);
        let over = self.connections.iter().filter(|(_, c)| waiting(c)).map(|(n, _)| *n);
        for number in over.collect::<Vec<_>>() {
            self.pump_connection(number);
            self.settle(number);
        }
        let due = self.commands.iter_mut().filter(|c| c.wakes_at().is_some_and(|at| at <= now));
        let mut changed = Vec::new();
        for command in due {
            // Without /proc nothing can be found; the next turn tries again.
            let _done: io::Result<()> = command.on_time(now);
            changed.push(command.number);
        }
        for number in changed {
            self.pump(number);
        }
    }

    /// Forks a spare when one is due, and ends one that nobody wanted.
    fn change_spare(&mut self, now: Instant) {
        self.spare.take_if(|spare| spare.until <= now);
        if self.spare_at.is_none_or(|at| at > now) {
            return;
        }
        self.spare_at = None;
        if self.spare.is_none() {
            let marker = Marker(self.commands.next_number());
            let (settings, inherited) = (&self.settings, &self.inherited);
            // Without one the next command is forked when it comes.
            self.spare = Spare::fork(&Child { settings, inherited, marker }).ok();
        }
    }

    fn on_output(&mut self, number: u64, stream: Stream) {
        for _ in 0..READS_IN_A_ROW {
            if self.settings.keeps(crate::settings::Defence::KeptOutput) {
                self.commands.make_room(number);
            }
            let Some(command) = self.commands.get(number) else { return };
            let output = command.output_mut(stream);
            let before = output.kept.end();
            if output.held {
                break;
            }
            if let Some(ended) = output.read(self.room.bytes_mut()) {
                self.poll.forget(&ended);
                break;
            }
            if output.kept.end() == before {
                break;
            }
            self.pump(number);
        }
        self.pump(number);
    }
}
