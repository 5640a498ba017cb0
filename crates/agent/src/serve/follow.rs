//! Bytes on their way: from a command to its followers, and from a follower to its command.

use std::time::Instant;

use infield_protocol::message::{Blob, Event, Input as Heard, Stream};

use super::Server;
use crate::command::{Command, INPUT_BYTES};
use crate::connection::{Connection, Following, Reading, Role};
use crate::poll::{Interest, Source};
use crate::spawn::{self, AFTER};

/// Bytes of one output event.
const EVENT_BYTES: usize = 64 << 10;

/// Bytes of one page of kept output, with room in its frame for what goes around it.
const PAGE_BYTES: u64 = 768 << 10;

/// Bytes that a command may be ahead of its slowest follower.
const AHEAD_BYTES: u64 = 1 << 20;

const STREAMS: [Stream; 2] = [Stream::Stdout, Stream::Stderr];

impl Server {
    /// Carries on whatever waits for this command.
    pub(super) fn pump(&mut self, number: u64) {
        let Some(command) = self.commands.get(number) else { return };
        if command.may_end() {
            command.end(|| self.inherited.oom_kills());
            self.spare_at = Some(Instant::now() + AFTER);
        }
        for watcher in command.watchers.clone() {
            self.pump_connection(watcher);
            self.settle(watcher);
        }
        self.hold(number);
    }

    /// Sends a follower or a reader what there is for it.
    pub(super) fn pump_connection(&mut self, number: u64) {
        let Some(connection) = self.connections.get_mut(&number) else { return };
        // Sent first and fed then: a row without room that empties just now must be filled again,
        // or nothing would ever wake its reader up.
        loop {
            if connection.flush().is_err() {
                self.disconnect(number);
                return;
            }
            if !connection.is_flushed() {
                break;
            }
            let told = match connection.role {
                Role::Following(following) => match self.commands.get(following.command) {
                    Some(command) => feed(connection, following, command),
                    None => false,
                },
                Role::Reading(reading) => match self.commands.get(reading.command) {
                    Some(command) => answer(connection, reading, command),
                    None => false,
                },
                Role::Opening { .. }
                | Role::Queued(_)
                | Role::Dialling(_)
                | Role::Relaying(_)
                | Role::Closing => false,
            };
            if !told {
                break;
            }
        }
        if let Role::Following(following) = connection.role {
            self.hold(following.command);
        }
    }

    /// Reads a command's streams only as long as its slowest follower keeps up.
    fn hold(&mut self, number: u64) {
        let Some(command) = self.commands.get(number) else { return };
        let places: Vec<[u64; 2]> = command
            .watchers
            .iter()
            .filter_map(|watcher| match self.connections.get(watcher)?.role {
                Role::Following(following) => Some(following.at),
                Role::Opening { .. }
                | Role::Reading(_)
                | Role::Queued(_)
                | Role::Dialling(_)
                | Role::Relaying(_)
                | Role::Closing => None,
            })
            .collect();
        for (index, stream) in STREAMS.into_iter().enumerate() {
            let output = command.output_mut(stream);
            let slowest = places.iter().map(|at| at[index]).min();
            let held = slowest.is_some_and(|at| output.kept.end().saturating_sub(at) > AHEAD_BYTES);
            if let Some(pipe) = output.pipe.as_ref().filter(|_| held != output.held) {
                let what = if held { Interest::NONE } else { Interest::READ };
                let changed = self.poll.change(pipe, Source::Output(number, stream), what);
                output.held = if changed.is_ok() { held } else { output.held };
            }
            if output.pipe.is_none() {
                output.held = false;
            }
        }
    }

    /// Watches a connection for what it is good for now, or closes it.
    pub(super) fn settle(&mut self, number: u64) {
        let Some(connection) = self.connections.get(&number) else { return };
        if matches!(connection.role, Role::Closing) && connection.is_flushed() {
            self.disconnect(number);
            return;
        }
        if matches!(connection.role, Role::Relaying(_)) {
            return;
        }
        let read = !connection.heard_all && self.wants_input(connection);
        let what = Interest { read, write: !connection.is_flushed() };
        if what != connection.watched {
            let changed = self.poll.change(&connection.fd, Source::Connection(number), what);
            if changed.is_err() {
                self.disconnect(number);
            } else if let Some(connection) = self.connections.get_mut(&number) {
                connection.watched = what;
            }
        }
    }

    /// Whether more may be heard from a connection now.
    pub(super) fn wants_input(&self, connection: &Connection) -> bool {
        match &connection.role {
            Role::Opening { .. } => true,
            Role::Following(following) => {
                let input = self.commands.look(following.command).and_then(|c| c.input.as_ref());
                input.is_none_or(|input| input.pending.len() < INPUT_BYTES)
            }
            Role::Reading(_)
            | Role::Queued(_)
            | Role::Dialling(_)
            | Role::Relaying(_)
            | Role::Closing => false,
        }
    }

    /// Takes input for a command from one who follows it.
    pub(super) fn take_input(&mut self, command: u64, heard: Heard) {
        let Some(command) = self.commands.get(command) else { return };
        match heard {
            Heard::Data(bytes) => {
                if let Some(input) = &mut command.input {
                    input.add(&bytes.0);
                }
            }
            Heard::End => {
                if let Some(input) = &mut command.input {
                    input.finish();
                }
            }
            // A terminal that is gone needs no size.
            Heard::Resize(size) => drop(command.resize(size)),
            // Files have nothing to do with a command.
            Heard::File { .. } => {}
        }
    }

    /// Writes input that waits, and lets more come when there is room.
    pub(super) fn on_input(&mut self, number: u64) {
        let Some(command) = self.commands.get(number) else { return };
        let Some(input) = &mut command.input else { return };
        if input.write() {
            self.poll.forget(&input.fd);
            command.input = None;
        } else {
            let wanted = !input.pending.is_empty();
            if wanted != input.watched {
                let what = if wanted { Interest::WRITE } else { Interest::NONE };
                let changed = self.poll.change(&input.fd, Source::Input(number), what);
                input.watched = if changed.is_ok() { wanted } else { input.watched };
            }
        }
        for watcher in command.watchers.clone() {
            self.hear(watcher);
            self.settle(watcher);
        }
    }

    /// The program runs, or it never will.
    pub(super) fn on_report(&mut self, number: u64) {
        let Some(command) = self.commands.get(number) else { return };
        let Some(report) = command.report.take() else { return };
        self.poll.forget(&report);
        let Some(failure) = spawn::read_report(&report, &command.words) else {
            self.on_input(number);
            self.pump(number);
            return;
        };
        let Some(command) = self.commands.remove(number) else { return };
        for watcher in command.watchers {
            if let Some(connection) = self.connections.get_mut(&watcher) {
                connection.finish(Err(failure.clone()));
                self.pump_connection(watcher);
                self.settle(watcher);
            }
        }
    }
}

/// Puts in a follower's row what it has room for; whether that was anything.
fn feed(connection: &mut Connection, mut following: Following, command: &Command) -> bool {
    if command.report.is_some() {
        return false;
    }
    let mut fed = !following.told;
    if !following.told {
        connection.tell(&Event::Started);
        following.told = true;
    }
    loop {
        let mut moved = false;
        for (index, stream) in STREAMS.into_iter().enumerate() {
            let kept = &command.output(stream).kept;
            let at = following.at[index].max(kept.start());
            let bytes = kept.at(at);
            if bytes.is_empty() || !connection.has_room() {
                continue;
            }
            let bytes = &bytes[..bytes.len().min(EVENT_BYTES)];
            let data = Blob(bytes.to_vec());
            following.at[index] = at + bytes.len() as u64;
            connection.tell(&Event::Output { stream, offset: at, data });
            moved = true;
        }
        fed |= moved;
        if !moved {
            break;
        }
    }
    connection.role = Role::Following(following);
    let all =
        STREAMS.into_iter().zip(following.at).all(|(s, at)| at >= command.output(s).kept.end());
    if let (true, Some(ending)) = (all, command.ending) {
        connection.finish(Ok(Event::Ended(ending)));
        fed = true;
    }
    fed
}

/// Answers a reader when there is something, or when it waited long enough; whether it did.
fn answer(connection: &mut Connection, reading: Reading, command: &Command) -> bool {
    let kept = &command.output(reading.stream).kept;
    let nothing = kept.end() <= reading.offset && command.ending.is_none();
    if nothing && Instant::now() < reading.until {
        return false;
    }
    let limit = usize::try_from(reading.limit.min(PAGE_BYTES)).unwrap_or(usize::MAX);
    let offset = reading.offset.max(kept.start());
    let mut data = Vec::new();
    while data.len() < limit {
        let bytes = kept.at(offset + data.len() as u64);
        if bytes.is_empty() {
            break;
        }
        data.extend_from_slice(&bytes[..bytes.len().min(limit - data.len())]);
    }
    let page =
        Event::Page { execution: command.execution(), offset, data: Blob(data), total: kept.end() };
    connection.finish(Ok(page));
    true
}
