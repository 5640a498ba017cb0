//! A child that is forked before there is a command for it.
//!
//! A process costs a command a copied address space, and the groups of the work, which the kernel
//! changes under locks of the whole host. The spare has all of that done, and waits for its plan. It
//! counts among the sandbox's processes. It is marked from its birth as the command that it will be: it waits among the
//! guest's processes, who may lower its limits, and a mark that was lowered belongs to nobody.
//!
//! The guest may end it, and then the next command is forked as the first one was; whoever kills it
//! in the moment when it gets its plan kills that command, as with every process. It has none of the
//! agent's descriptors but its own end of a channel, and cannot be traced (prctl(2),
//! `PR_SET_DUMPABLE`).

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use infield_protocol::frame::{self, Decoder};
use infield_protocol::message::{OnDisconnect, Spawn, Stdin};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
};
use rustix::process::Pid;

use super::child::{Child, Plan};
use super::ends::ChildEnds;
use crate::account;
use crate::settings::{Defence, Settings};
use crate::sys::{self, Fork};
use crate::tree::Marker;

/// A spare is forked so long after a command has ended: whoever waits for the end comes first.
pub(crate) const AFTER: Duration = Duration::from_millis(1);

/// It waits so long for a command. It is memory of a sandbox in which nothing happens.
const PATIENCE: Duration = Duration::from_secs(10);

/// Bytes of a plan at most: less than a socket's buffer. A longer one gets a fork of its own.
const PLAN_BYTES: usize = 64 << 10;

/// The report and three streams.
const DESCRIPTORS: usize = 4;

/// The number that a spare's end of the channel has.
const CHANNEL: i32 = 3;

/// A child that waits. Its channel's closing ends it.
pub(crate) struct Spare {
    pub(crate) pid: Pid,
    pub(crate) marker: Marker,
    /// When it has waited for long enough.
    pub(crate) until: Instant,
    channel: OwnedFd,
}

impl Spare {
    /// Forks one.
    pub(crate) fn fork(child: &Child<'_>) -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC;
        let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
        match sys::fork()? {
            Fork::Parent(pid) => {
                rehearse(child.settings);
                let until = Instant::now() + PATIENCE;
                Ok(Self { pid, marker: child.marker, until, channel: ours })
            }
            Fork::Child => {
                drop(ours);
                let ended = wait(child, &theirs);
                sys::exit_now(i32::from(ended.is_err()))
            }
        }
    }

    /// Gives it its command; whether it took it.
    pub(super) fn follow(&self, plan: &Plan, ends: &ChildEnds, report: &OwnedFd) -> bool {
        let mut bytes = Vec::new();
        if frame::encode(plan, &mut bytes).is_err() || bytes.len() > PLAN_BYTES {
            return false;
        }
        let optional = ends.stderr.iter().chain(&ends.stdin);
        let all: Vec<BorrowedFd<'_>> =
            [report, &ends.stdout].into_iter().chain(optional).map(AsFd::as_fd).collect();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
        control.push(SendAncillaryMessage::ScmRights(&all))
            && sendmsg(&self.channel, &[IoSlice::new(&bytes)], &mut control, flags).is_ok()
    }
}

/// The spare's own way, until it is a program or the agent has none for it.
fn wait(child: &Child<'_>, channel: &OwnedFd) -> io::Result<()> {
    child.prepare().map_err(|(_, error)| error)?;
    rehearse(child.settings);
    let channel = if child.settings.keeps(Defence::Descriptors) {
        sys::duplicate_as(channel.as_fd(), CHANNEL)?;
        sys::close_from(4)?;
        sys::adopt(CHANNEL)
    } else {
        channel.try_clone()?
    };
    match hear(&channel)? {
        Some((plan, ends, report)) => child.become_program(plan, &ends, &report),
        None => Ok(()),
    }
}

/// Makes a plan that nobody follows. A fork shares every page until one side writes to it, which
/// costs as much as a system call or two: both sides write now to what a command will have them
/// write to.
fn rehearse(settings: &Settings) {
    let spawn = Spawn {
        id: String::new(),
        argv: vec!["/bin/true".to_owned()],
        environment: Vec::new(),
        working_directory: "~".to_owned(),
        user: "root".to_owned(),
        stdin: Stdin::Empty,
        terminal: None,
        timeout_ms: None,
        on_disconnect: OnDisconnect::Kill,
    };
    let Ok(plan) = super::plan(&spawn, &account::nameless(0), settings) else { return };
    let mut bytes = Vec::new();
    if frame::encode(&plan, &mut bytes).is_ok() {
        let mut decoder = Decoder::default();
        decoder.push(&bytes);
        let _plan = decoder.next_body().ok().flatten().map(frame::decode::<Plan>);
    }
}

fn hear(channel: &OwnedFd) -> io::Result<Option<(Plan, ChildEnds, OwnedFd)>> {
    let mut bytes = vec![0; PLAN_BYTES];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut vectors = [IoSliceMut::new(&mut bytes)];
    let heard = recvmsg(channel, &mut vectors, &mut control, RecvFlags::CMSG_CLOEXEC)?;
    let mut descriptors = control.drain().flat_map(|message| match message {
        RecvAncillaryMessage::ScmRights(descriptors) => descriptors.collect::<Vec<_>>(),
        _ => Vec::new(),
    });
    let mut decoder = Decoder::default();
    decoder.push(&bytes[..heard.bytes]);
    let malformed = |_| io::ErrorKind::InvalidData;
    let Some(body) = decoder.next_body().map_err(malformed)? else { return Ok(None) };
    let plan: Plan = frame::decode(body).map_err(malformed)?;
    let (Some(report), Some(stdout)) = (descriptors.next(), descriptors.next()) else {
        return Ok(None);
    };
    let stderr = if plan.has_terminal { None } else { descriptors.next() };
    Ok(Some((plan, ChildEnds { stdin: descriptors.next(), stdout, stderr }, report)))
}
