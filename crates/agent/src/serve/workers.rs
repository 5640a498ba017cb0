//! File operations run in processes of their own, a bounded number at a time.
//!
//! A worker is a forked copy of the agent that serves one connection with plain blocking code
//! and ends. What writes joins the cgroups of the work first, so that the limits hit it and not
//! the agent; what only reads stays with the agent, so that it answers when the work is stuck.

use std::collections::{BTreeSet, VecDeque};
use std::os::fd::{AsFd, OwnedFd};

use rustix::process::Pid;

use infield_protocol::frame::Decoder;
use infield_protocol::message::Request;

use super::Server;
use crate::connection::Role;
use crate::failure::{Failure, KernelFailed};
use crate::files;
use crate::inherited::Inherited;
use crate::settings::{Defence, Settings};
use crate::sys::{self, Fork};

/// Workers at a time.
const WORKERS: usize = 32;

/// The number that a worker's connection has.
const CONNECTION: i32 = 3;

/// Those that run, and the connections that wait for one.
#[derive(Default)]
pub(crate) struct Workers {
    running: BTreeSet<i32>,
    queue: VecDeque<u64>,
}

impl Workers {
    /// Whether this was one of them, which is no more.
    pub(crate) fn ended(&mut self, pid: Pid) -> bool {
        self.running.remove(&pid.as_raw_pid())
    }

    /// Whether this is one of them.
    pub(crate) fn has(&self, pid: Pid) -> bool {
        self.running.contains(&pid.as_raw_pid())
    }
}

impl Server {
    /// Gives a file operation to a worker as soon as one is free.
    pub(crate) fn queue(&mut self, number: u64, request: Request) {
        if let Some(connection) = self.connections.get_mut(&number) {
            connection.role = Role::Queued(request);
            self.workers.queue.push_back(number);
        }
        self.start_queued();
    }

    pub(crate) fn start_queued(&mut self) {
        while self.workers.running.len() < WORKERS {
            let Some(number) = self.workers.queue.pop_front() else { return };
            let Some(connection) = self.connections.get_mut(&number) else { continue };
            let role = std::mem::replace(&mut connection.role, Role::Closing);
            let Role::Queued(request) = role else { continue };
            let decoder = std::mem::take(&mut connection.decoder);
            match start(&connection.fd, decoder, request, &self.settings, &self.inherited) {
                Ok(pid) => {
                    self.workers.running.insert(pid.as_raw_pid());
                    // The worker has the connection now.
                    self.disconnect(number);
                }
                Err(failure) => self.finish(number, Err(failure)),
            }
        }
    }
}

fn start(
    connection: &OwnedFd,
    decoder: Decoder,
    request: Request,
    settings: &Settings,
    inherited: &Inherited,
) -> Result<Pid, Failure> {
    match sys::fork().doing(|| "a new process")? {
        Fork::Parent(pid) => Ok(pid),
        Fork::Child => {
            let attached = if writes(&request) && settings.keeps(Defence::Attach) {
                inherited.attach().doing(|| "join the sandbox's cgroups")
            } else {
                Ok(())
            };
            let served = alone(connection, settings).and_then(|connection| {
                files::serve(connection, decoder, attached.map(|()| request), settings)
            });
            sys::exit_now(i32::from(served.is_err()))
        }
    }
}

/// Leaves a worker its connection and nothing else of the agent's.
fn alone(connection: &OwnedFd, settings: &Settings) -> std::io::Result<OwnedFd> {
    if !settings.keeps(Defence::WorkerDescriptors) {
        return connection.try_clone();
    }
    sys::duplicate_as(connection.as_fd(), CONNECTION)?;
    sys::close_from(4)?;
    Ok(sys::adopt(CONNECTION))
}

fn writes(request: &Request) -> bool {
    match request {
        Request::Write { .. }
        | Request::Edit { .. }
        | Request::MakeDirectory(_)
        | Request::Remove { .. }
        | Request::Rename { .. }
        | Request::ArchiveIn(_) => true,
        Request::Spawn(_)
        | Request::Attach { .. }
        | Request::ReadOutput { .. }
        | Request::Signal { .. }
        | Request::Executions
        | Request::FindProgram(_)
        | Request::Stat(_)
        | Request::List { .. }
        | Request::Read { .. }
        | Request::Search { .. }
        | Request::ArchiveOut(_)
        | Request::Dial(_) => false,
    }
}
