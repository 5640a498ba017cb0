//! What each request of the host sets off.

use std::time::{Duration, Instant};

use infield_protocol::frame;
use infield_protocol::message::{self, Code, Event, Request, Spawn, Stream};

use super::Server;
use crate::command::{Command, INPUT_BYTES};
use crate::connection::{Following, Reading, Role};
use crate::failure::{Failed, Failure, KernelFailed};
use crate::poll::{Interest, Source};
use crate::spawn::{self, Child};
use crate::tree::Marker;

/// The longest that a reader waits for output.
const WAIT_MS: u64 = 60_000;

impl Server {
    /// Takes the whole frames that a connection brought; whether it stays.
    pub(super) fn hear(&mut self, number: u64) -> bool {
        loop {
            let Some(connection) = self.connections.get_mut(&number) else { return false };
            match &connection.role {
                Role::Opening { .. } => {
                    let request = match connection.decoder.next_body() {
                        Ok(None) => return true,
                        Ok(Some(body)) => message::open(body).failed(Code::Conflict, || {
                            "the host and the sandbox do not understand each other".to_owned()
                        }),
                        Err(error) => Err(Failure::new(Code::Invalid, error.to_string())),
                    };
                    self.begin(number, request);
                }
                Role::Following(following) => {
                    let command = following.command;
                    if !self.has_input_room(command) {
                        self.write_input(command);
                        if !self.has_input_room(command) {
                            return true;
                        }
                    }
                    let Some(connection) = self.connections.get_mut(&number) else { return false };
                    let heard = match connection.decoder.next_body() {
                        Ok(None) => break,
                        Ok(Some(body)) => frame::decode(body),
                        Err(error) => Err(error),
                    };
                    let Ok(heard) = heard else { return false };
                    self.take_input(command, heard);
                }
                Role::Reading(_)
                | Role::Queued(_)
                | Role::Dialling(_)
                | Role::Relaying(_)
                | Role::Closing => return true,
            }
        }
        if let Some(Role::Following(following)) = self.connections.get(&number).map(|c| &c.role) {
            let command = following.command;
            self.write_input(command);
        }
        true
    }

    fn has_input_room(&self, command: u64) -> bool {
        let input = self.commands.look(command).and_then(|command| command.input.as_ref());
        input.is_none_or(|input| input.pending.len() < INPUT_BYTES)
    }

    /// Writes what came, without hearing again those who brought it.
    fn write_input(&mut self, number: u64) {
        let Some(command) = self.commands.get(number).filter(|c| c.report.is_none()) else {
            return;
        };
        let Some(input) = &mut command.input else { return };
        if input.write() {
            self.poll.forget(&input.fd);
            command.input = None;
        } else if !input.pending.is_empty() && !input.watched {
            let changed = self.poll.change(&input.fd, Source::Input(number), Interest::WRITE);
            input.watched = changed.is_ok();
        }
    }

    fn begin(&mut self, number: u64, request: Result<Request, Failure>) {
        let answer = match request {
            Err(failure) => Err(failure),
            Ok(Request::Spawn(spawn)) => return self.spawn(number, spawn),
            Ok(Request::Attach { id, stdout, stderr }) => {
                return self.attach(number, &id, [stdout, stderr]);
            }
            Ok(Request::ReadOutput { id, stream, offset, limit, wait_ms }) => {
                let until = Instant::now() + Duration::from_millis(wait_ms.min(WAIT_MS));
                let reading = Reading { command: 0, stream, offset, limit, until };
                return self.read_output(number, &id, reading);
            }
            Ok(Request::Signal { id, signal }) => self.commands.known(&id).and_then(|command| {
                command.signal(signal).doing(|| format!("signal `{id}`"))?;
                Ok(Event::Done)
            }),
            Ok(Request::Executions) => Ok(Event::Executions(self.commands.executions())),
            Ok(Request::FindProgram(programs)) => self.find_program(&programs),
            Ok(Request::Dial(port)) => return self.dial(number, port),
            Ok(request) => return self.queue(number, request),
        };
        self.finish(number, answer);
    }

    /// Answers a connection and closes it.
    pub(super) fn finish(&mut self, number: u64, answer: Result<Event, Failure>) {
        if let Some(connection) = self.connections.get_mut(&number) {
            connection.finish(answer);
        }
        self.pump_connection(number);
    }

    fn spawn(&mut self, number: u64, spawn: Spawn) {
        match self.launch(spawn) {
            Err(failure) => self.finish(number, Err(failure)),
            Ok(command) => {
                self.follow(number, Following { command, at: [0, 0], starter: true, told: false });
            }
        }
    }

    fn launch(&mut self, spawn: Spawn) -> Result<u64, Failure> {
        self.commands.make_place(&spawn.id)?;
        let account = self.accounts.find(&spawn.user)?;
        let number = match &self.spare {
            Some(spare) => spare.marker.0,
            None => self.commands.next_number(),
        };
        let (settings, inherited) = (&self.settings, &self.inherited);
        let child = Child { settings, inherited, marker: Marker(number) };
        let launched = spawn::launch(&spawn, &account, &child, &mut self.spare)?;
        let command = Command::new(number, spawn, launched, self.inherited.oom_kills());
        self.watch(&command).doing(|| "watch a command")?;
        self.commands.insert(command);
        Ok(number)
    }

    fn watch(&self, command: &Command) -> std::io::Result<()> {
        let number = command.number;
        if let Some(report) = &command.report {
            self.poll.watch(report, Source::Report(number), Interest::READ)?;
        }
        for stream in [Stream::Stdout, Stream::Stderr] {
            if let Some(pipe) = &command.output(stream).pipe {
                self.poll.watch(pipe, Source::Output(number, stream), Interest::READ)?;
            }
        }
        if let Some(input) = &command.input {
            self.poll.watch(&input.fd, Source::Input(number), Interest::NONE)?;
        }
        Ok(())
    }

    fn attach(&mut self, number: u64, id: &str, at: [u64; 2]) {
        match self.commands.known(id).map(|command| command.number) {
            Err(failure) => self.finish(number, Err(failure)),
            Ok(command) => {
                self.follow(number, Following { command, at, starter: false, told: false });
            }
        }
    }

    fn follow(&mut self, number: u64, following: Following) {
        let command = following.command;
        if let Some(connection) = self.connections.get_mut(&number) {
            connection.role = Role::Following(following);
        }
        if let Some(command) = self.commands.get(command) {
            command.watchers.push(number);
        }
        self.pump(command);
    }

    fn read_output(&mut self, number: u64, id: &str, reading: Reading) {
        let command = match self.commands.known(id) {
            Err(failure) => return self.finish(number, Err(failure)),
            Ok(command) => command,
        };
        let reading = Reading { command: command.number, ..reading };
        command.watchers.push(number);
        if let Some(connection) = self.connections.get_mut(&number) {
            connection.role = Role::Reading(reading);
        }
        self.pump_connection(number);
    }

    fn find_program(&mut self, programs: &[String]) -> Result<Event, Failure> {
        let home = self.accounts.find("root")?.home;
        let path = spawn::search_path(&home);
        let found = programs.iter().filter(|program| !program.contains('/')).find_map(|program| {
            path.split(':').map(|folder| format!("{folder}/{program}")).find(|p| is_program(p))
        });
        Ok(Event::Program(found))
    }
}

fn is_program(path: &str) -> bool {
    let executable = rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok();
    executable && std::fs::metadata(path).is_ok_and(|metadata| metadata.is_file())
}
