//! Every command that is remembered, and the bounds on all of them together.

use std::collections::BTreeMap;
use std::time::Instant;

use infield_protocol::message::{Code, Execution};
use rustix::process::Pid;

use crate::command::Command;
use crate::failure::Failure;
use crate::kept::BLOCK_BYTES;

/// Commands that are remembered.
const COMMANDS: usize = 256;

/// Bytes of output that one command keeps; the host relies on it.
const COMMAND_BYTES: usize = 16 << 20;

/// Bytes of output that all commands keep. They are the agent's memory, not the work's.
const TOTAL_BYTES: usize = 48 << 20;

/// The commands, by number.
#[derive(Default)]
pub(crate) struct Commands {
    all: BTreeMap<u64, Command>,
    last: u64,
}

impl Commands {
    /// Makes place for one more.
    pub(crate) fn make_place(&mut self, id: &str) -> Result<(), Failure> {
        if self.find(id).is_some() {
            return Err(Failure::new(
                Code::Conflict,
                format!("there is an execution `{id}` already"),
            ));
        }
        if self.all.len() >= COMMANDS {
            let oldest = self.all.values().find(|c| c.ending.is_some() && c.watchers.is_empty());
            let Some(oldest) = oldest.map(|command| command.number) else {
                let message = format!("{COMMANDS} commands run in this sandbox already");
                return Err(Failure::new(Code::Quota, message).with_hint("stop one of them first"));
            };
            self.all.remove(&oldest);
        }
        Ok(())
    }

    /// The number of the next one.
    pub(crate) fn next_number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    pub(crate) fn insert(&mut self, command: Command) {
        self.all.insert(command.number, command);
    }

    pub(crate) fn remove(&mut self, number: u64) -> Option<Command> {
        self.all.remove(&number)
    }

    pub(crate) fn get(&mut self, number: u64) -> Option<&mut Command> {
        self.all.get_mut(&number)
    }

    pub(crate) fn look(&self, number: u64) -> Option<&Command> {
        self.all.get(&number)
    }

    pub(crate) fn find(&mut self, id: &str) -> Option<&mut Command> {
        self.all.values_mut().find(|command| command.id == id)
    }

    /// Finds one by its id, for a request.
    pub(crate) fn known(&mut self, id: &str) -> Result<&mut Command, Failure> {
        self.find(id).ok_or_else(|| {
            Failure::new(Code::NotFound, format!("there is no execution `{id}` in this sandbox"))
                .with_hint("list the executions; the oldest ones are forgotten")
        })
    }

    /// Whether this is the process of a command whose program does not run yet.
    pub(crate) fn is_starting(&self, pid: Pid) -> bool {
        self.all.values().any(|command| command.is_starting(pid))
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Command> {
        self.all.values_mut()
    }

    /// The newest first.
    pub(crate) fn executions(&self) -> Vec<Execution> {
        self.all.values().rev().map(Command::execution).collect()
    }

    pub(crate) fn wakes_at(&self) -> Option<Instant> {
        self.all.values().filter_map(Command::wakes_at).min()
    }

    /// Makes room for one more block of a command's output: its own oldest gives way, and when
    /// all have too much, that of the command which ended first, then that of the greatest.
    pub(crate) fn make_room(&mut self, number: u64) {
        if let Some(command) = self.all.get_mut(&number) {
            while command.held() + BLOCK_BYTES > COMMAND_BYTES && command.drop_oldest() {}
        }
        while self.all.values().map(Command::held).sum::<usize>() + BLOCK_BYTES > TOTAL_BYTES {
            let with_output = || self.all.values().filter(|command| command.held() > 0);
            let ended = with_output().find(|command| command.ending.is_some());
            let victim = ended.or_else(|| with_output().max_by_key(|command| command.held()));
            let Some(victim) = victim.map(|command| command.number) else { return };
            if !self.all.get_mut(&victim).is_some_and(Command::drop_oldest) {
                return;
            }
        }
    }
}
