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
use crate::account::{Account, Accounts};
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

/// The home of root, who has one even where `/etc/passwd` has nobody.
const ROOT_HOME: &str = "/root";

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
            let started = actor(&mut self.accounts, request).and_then(|(request, actor)| {
                let work = Work { decoder, request, actor };
                start(&connection.fd, work, &self.settings, &self.inherited)
            });
            match started {
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

/// What a worker does.
struct Work {
    decoder: Decoder,
    request: Request,
    actor: Option<Account>,
}

/// The operation itself, and who does it; nobody is root, as which the agent runs.
fn actor(accounts: &mut Accounts, request: Request) -> Result<(Request, Option<Account>), Failure> {
    match request {
        Request::As { user, request } => Ok((*request, Some(accounts.find(&user)?))),
        request => Ok((request, None)),
    }
}

fn start(
    connection: &OwnedFd,
    work: Work,
    settings: &Settings,
    inherited: &Inherited,
) -> Result<Pid, Failure> {
    let Work { decoder, request, actor } = work;
    match sys::fork().doing(|| "a new process")? {
        Fork::Parent(pid) => Ok(pid),
        Fork::Child => {
            let attached = if writes(&request) && settings.keeps(Defence::Attach) {
                inherited.attach().doing(|| "join the sandbox's cgroups")
            } else {
                Ok(())
            };
            let ready = attached.and_then(|()| become_actor(actor.as_ref(), inherited));
            let home = actor.as_ref().map_or(ROOT_HOME, |actor| &actor.home);
            let place = files::Place { workspace: &settings.workspace, home };
            let served = alone(connection, settings).and_then(|connection| {
                files::serve(connection, decoder, ready.map(|()| request), &place)
            });
            sys::exit_now(i32::from(served.is_err()))
        }
    }
}

/// Gives up being root, for good, before anything is touched.
fn become_actor(actor: Option<&Account>, inherited: &Inherited) -> Result<(), Failure> {
    let Some(actor) = actor else { return Ok(()) };
    if (actor.uid, actor.gid) == (0, 0) && !inherited.drops_groups {
        return Ok(());
    }
    sys::set_groups(&actor.groups)
        .and_then(|()| sys::set_ids(actor.uid, actor.gid))
        .doing(|| format!("become the user `{}`", actor.name))
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
        | Request::WriteAll
        | Request::ArchiveIn(_) => true,
        Request::As { request, .. } => writes(request),
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
        | Request::ReadAll(_)
        | Request::Dial(_) => false,
    }
}
