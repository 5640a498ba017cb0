//! What the launcher handed over, under fixed numbers.

use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{OwnedFd, RawFd};

use infield_protocol::message::Code;
use rustix::fs::{Mode, OFlags};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::failure::{Failure, KernelFailed};
use crate::settings::Settings;
use crate::sys;

const CHANNEL: RawFd = 3;
const LAYER: RawFd = 4;
const FIRST_ATTACH: RawFd = 5;

/// The agent's descriptors. None of them reaches a command.
pub(crate) struct Inherited {
    /// Nothing to read.
    pub(crate) null: OwnedFd,
    /// Tells how often the memory limit killed.
    pub(crate) oom: Option<OwnedFd>,
    /// Whether there are groups that a command must not have and that can be dropped.
    pub(crate) drops_groups: bool,
    /// The limit on open files that it came with; the agent itself takes all that it may have.
    pub(crate) open_files: Rlimit,
    attach: Vec<OwnedFd>,
    /// Kept open for the launcher, who fetches it when the sandbox stops, and never used here.
    _layer: OwnedFd,
}

impl Inherited {
    /// Takes them all, with the launcher's channel; the first to open anything.
    pub(crate) fn take(settings: &Settings) -> Result<(Self, Channel), Failure> {
        let channel = sys::inherited(CHANNEL).doing(|| "descriptor 3, the launcher's channel")?;
        let layer = sys::inherited(LAYER).doing(|| "descriptor 4, the layer")?;
        let attach = (FIRST_ATTACH..).take(settings.attach);
        let attach: io::Result<Vec<_>> = attach.map(sys::inherited).collect();
        let attach = attach.doing(|| "the descriptors of the work's cgroups")?;
        let oom = settings.oom_fd.map(sys::inherited).transpose();
        let oom = oom.doing(|| "the descriptor of the memory events")?;
        let flags = OFlags::RDWR | OFlags::CLOEXEC;
        let null = rustix::fs::open("/dev/null", flags, Mode::empty()).doing(|| "`/dev/null`")?;
        let has_groups = !rustix::process::getgroups().doing(|| "groups")?.is_empty();
        let drops_groups = has_groups && may_set_groups();
        let open_files = getrlimit(Resource::Nofile);
        let all = Rlimit { current: open_files.maximum, maximum: open_files.maximum };
        setrlimit(Resource::Nofile, all).doing(|| "the limit on open files")?;
        let own = Self { null, oom, drops_groups, open_files, attach, _layer: layer };
        Ok((own, Channel(channel)))
    }

    /// Moves this process, a forked child, to the cgroups of the work.
    pub(crate) fn attach(&self) -> io::Result<()> {
        for file in &self.attach {
            rustix::io::write(file, b"0")?;
        }
        Ok(())
    }

    /// How often the memory limit killed, as far as somebody counts.
    pub(crate) fn oom_kills(&self) -> Option<u64> {
        let mut buffer = [0; 1024];
        let count = rustix::io::pread(self.oom.as_ref()?, &mut buffer, 0).ok()?;
        let text = String::from_utf8_lossy(&buffer[..count]);
        text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok())
    }
}

/// To the launcher, until there is a socket where the host can connect.
pub(crate) struct Channel(OwnedFd);

impl Channel {
    /// Waits for the socket where the host connects: the launcher sends it when this is a sandbox
    /// that has a record. Without a launcher there will be none.
    pub(crate) fn await_listener(self) -> Result<OwnedFd, Failure> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut word = [0; 16];
        let mut vectors = [IoSliceMut::new(&mut word)];
        let flags = RecvFlags::CMSG_CLOEXEC;
        rustix::net::recvmsg(&self.0, &mut vectors, &mut control, flags)
            .doing(|| "the launcher's channel")?;
        let listener = control.drain().find_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
            _ => None,
        });
        let gone = || Failure::new(Code::Unavailable, "the launcher is gone".to_owned());
        let listener = listener.ok_or_else(gone)?;
        rustix::io::ioctl_fionbio(&listener, true).doing(|| "the listening socket")?;
        Ok(listener)
    }
}

/// Whether the user namespace lets its root choose groups. One with a single id does not: its
/// groups are those of the user outside, shown as the overflow group; user_namespaces(7).
fn may_set_groups() -> bool {
    std::fs::read("/proc/self/setgroups").map_or(true, |word| word.trim_ascii() != b"deny")
}
