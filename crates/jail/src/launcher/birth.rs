//! Makes a first process, and speaks with it until it is the agent.

use std::ffi::CString;
use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{PollFd, PollFlags};
use rustix::fs::{Mode, OFlags};
use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags, SocketType,
};
use rustix::process::Signal;
use rustix::thread::{LinkNameSpaceType, ThreadNameSpaceType};

use super::host::Host;
use crate::apply::{self, Materials};
use crate::defence::Defence;
use crate::failure::{At, Outcome};
use crate::owner;
use crate::plan::{self, Shape};
use crate::process;
use crate::request::Limits;
use crate::sys::{self, Cloned};

/// A first process on its way.
pub(super) struct Born {
    pub(super) pid: u32,
    pub(super) pidfd: OwnedFd,
    pub(super) channel: OwnedFd,
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

    /// Whether it is on its way, or waits. It speaks only when it has failed.
    pub(super) fn is_well(&self) -> bool {
        let mut spoken = [PollFd::new(&self.channel, PollFlags::IN)];
        matches!(rustix::event::poll(&mut spoken, Some(&super::NOW)), Ok(0))
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
        (range, network): (u32, Option<OwnedFd>),
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
            Ok(Cloned::Parent { pid, pidfd }) => Ok(Born { pid, pidfd, channel }),
            Err(error) => Err(error),
        };
        let born = match (&self.ranges, network) {
            (Some(ranges), Some(network)) if self.without.keeps(Defence::NamespaceOwner) => {
                let make = || owner::owned_by(range, make).and_then(|made| made);
                ranges.network.within(&network, make)?
            }
            (Some(ranges), Some(network)) => ranges.network.within(&network, make)?,
            (Some(_) | None, _) => make(),
        };
        let born = born.at("make the first process")?;
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
