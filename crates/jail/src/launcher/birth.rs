//! Makes a first process, and speaks with it until it is the agent.

use std::ffi::CString;
use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{Mode, OFlags};
use rustix::net::{
    AddressFamily, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags,
    SocketType,
};
use rustix::process::Signal;
use rustix::thread::{LinkNameSpaceType, ThreadNameSpaceType};

use super::host::Host;
use crate::apply::{self, Materials};
use crate::defence::Defence;
use crate::failure::{At, Outcome};
use crate::network::{Namespace, Wires};
use crate::owner;
use crate::plan::{self, Shape};
use crate::process;
use crate::request::{Failure, FailureKind, Limits};
use crate::sys::{self, Cloned};
use crate::volumes::IN_THE_WAY;

/// A first process on its way.
pub(super) struct Born {
    pub(super) pid: u32,
    pub(super) pidfd: OwnedFd,
    pub(super) channel: OwnedFd,
    /// Whether it has said that its walls stand.
    pub(super) is_ready: bool,
    /// What a wired one is connected by.
    pub(super) wires: Option<Wires>,
}

/// What a first process says while it puts up its walls.
pub(super) enum Said {
    Nothing,
    /// They stand.
    Ready,
    Failed(Failure),
}

/// Reads the next thing that a first process said.
pub(super) fn hear(channel: BorrowedFd<'_>) -> Said {
    let mut message = [0_u8; 2048];
    let mut receive = || rustix::net::recv(channel, &mut message[..], RecvFlags::DONTWAIT);
    let received = match receive() {
        // It ended without reading what it was sent, such as its socket. That is told once, and
        // before what it said last.
        Err(rustix::io::Errno::CONNRESET) => receive(),
        received => received,
    };
    match received {
        Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => Said::Nothing,
        Ok((_, count)) if message.get(..count) == Some(apply::READY) => Said::Ready,
        Ok((_, 0)) | Err(_) => Said::Failed(ended_early()),
        Ok((_, count)) => Said::Failed(step_failed(message.get(..count).unwrap_or_default())),
    }
}

pub(super) fn ended_early() -> Failure {
    Failure {
        kind: FailureKind::Kernel,
        message: "the first process ended before the agent ran".to_owned(),
        errno: None,
        hint: Some("the memory limit may be too small for the saved layer".to_owned()),
    }
}

fn step_failed(message: &[u8]) -> Failure {
    let (step, errno) = apply::trouble_from(message);
    match errno {
        // It was put there by whoever asks.
        0 if step.ends_with(IN_THE_WAY) => crate::failure::refused(step),
        0 => Failure { kind: FailureKind::Kernel, message: step, errno: None, hint: None },
        errno => crate::failure::kernel(&step, &std::io::Error::from_raw_os_error(errno)),
    }
}

impl Born {
    /// Sends the agent its listening socket; the record must be on disk.
    pub(super) fn hand_over(&self, listener: BorrowedFd<'_>) -> Outcome<()> {
        let listener = [listener];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        control.push(SendAncillaryMessage::ScmRights(&listener));
        let vectors = [IoSlice::new(b"listen")];
        rustix::net::sendmsg(&self.channel, &vectors, &mut control, SendFlags::NOSIGNAL)
            .map(drop)
            .at("start the agent")
    }

    /// Sets the host name of a process that was made before it had one. The caller is back in its
    /// own namespace when this returns.
    pub(super) fn name(&self, hostname: &str) -> Outcome<()> {
        let step = "set the host name";
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let own = rustix::fs::open("/proc/self/ns/uts", flags, Mode::empty()).at(step)?;
        let kind = ThreadNameSpaceType::HOST_NAME_AND_NIS_DOMAIN_NAME;
        rustix::thread::move_into_thread_name_spaces(self.pidfd.as_fd(), kind).at(step)?;
        let named = rustix::system::sethostname(hostname.as_bytes()).at(step);
        let kind = Some(LinkNameSpaceType::HostNameAndNISDomainName);
        rustix::thread::move_into_link_name_space(own.as_fd(), kind).at(step)?;
        named
    }

    /// Whether nothing of it has failed so far.
    pub(super) fn is_well(&mut self) -> bool {
        loop {
            match hear(self.channel.as_fd()) {
                Said::Nothing => return true,
                Said::Ready => self.is_ready = true,
                Said::Failed(_) => return false,
            }
        }
    }

    /// Ends it.
    pub(super) fn end(self) {
        drop(process::signal(self.pidfd.as_fd(), Signal::KILL));
        process::await_end(&self.pidfd);
    }
}

impl Host {
    /// Makes a first process. As the agent it waits for its listening socket, and ends if the
    /// launcher does. It has what `materials` has, with its own end of `channel`.
    pub(super) fn give_birth(
        &self,
        shape: &Shape<'_>,
        (range, network): (u32, Option<Namespace>),
        channel: OwnedFd,
        materials: &mut Materials,
    ) -> Outcome<Born> {
        let namespaces = plan::namespaces(shape.ids, &self.without);
        let steps = plan::plan(shape, &self.without);
        let birth = materials.groups.birth.take();
        // The child must never come back from here: it would go on as a second launcher.
        let make = || match sys::clone(namespaces, birth.as_ref().map(AsFd::as_fd)) {
            Ok(Cloned::Child) => {
                drop(channel);
                apply::become_sandbox(&steps, materials, &self.filter)
            }
            Ok(Cloned::Parent { pid, pidfd }) => {
                Ok(Born { pid, pidfd, channel, is_ready: false, wires: None })
            }
            Err(error) => Err(error),
        };
        let born = match (&self.ranges, &network) {
            (Some(ranges), Some(network)) if self.without.keeps(Defence::NamespaceOwner) => {
                let make = || owner::owned_by(range, make).and_then(|made| made);
                ranges.network.within(network, make)?
            }
            (Some(ranges), Some(network)) => ranges.network.within(network, make)?,
            (Some(_) | None, _) => make(),
        };
        let mut born = born.at("make the first process")?;
        born.wires = network.and_then(Namespace::into_wires);
        let mapped = self.map(range).write(born.pid).at("map the sandbox's ids").and_then(|()| {
            let said = rustix::net::send(&born.channel, apply::MAPPED, SendFlags::NOSIGNAL);
            said.map(drop).at("start the first process")
        });
        match mapped {
            Ok(()) => Ok(born),
            Err(failure) => {
                born.end();
                Err(failure)
            }
        }
    }

    /// The image store's folder, where a test build leaves out that descriptors are closed.
    pub(super) fn forgotten(&self) -> Outcome<Option<OwnedFd>> {
        let forgets = !self.without.keeps(Defence::Descriptors);
        let copy = || rustix::io::fcntl_dupfd_cloexec(&self.folders.images, 3);
        forgets.then(copy).transpose().at("forget a descriptor")
    }

    /// What the agent is told.
    pub(super) fn settings(&self, limits: &Limits) -> Vec<CString> {
        let mut words = Vec::new();
        if self.without.keeps(Defence::OpenFiles) {
            words.push(format!("open_files={}", limits.open_files));
        }
        if cfg!(feature = "weaken") {
            words.push(format!("without={}", self.without.words()));
        }
        words.into_iter().filter_map(|word| CString::new(word).ok()).collect()
    }

    /// The agent's program once more.
    pub(super) fn program(&self) -> Outcome<OwnedFd> {
        rustix::io::fcntl_dupfd_cloexec(&self.program, 3).at("copy the program")
    }
}

/// Two ends of a packet channel, the second one out of the way of low numbers.
pub(super) fn channel_pair() -> Outcome<(OwnedFd, OwnedFd)> {
    let step = "make a channel";
    let (ours, theirs) = rustix::net::socketpair(
        AddressFamily::UNIX,
        SocketType::SEQPACKET,
        SocketFlags::CLOEXEC,
        None,
    )
    .at(step)?;
    let theirs = rustix::io::fcntl_dupfd_cloexec(&theirs, 64).at(step)?;
    Ok((ours, theirs))
}
