//! What the launcher handed over, under fixed numbers.

use std::io;
use std::os::fd::{OwnedFd, RawFd};

use rustix::fs::{Mode, OFlags};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::failure::{Failure, KernelFailed};
use crate::settings::Settings;
use crate::sys;

const LISTENER: RawFd = 3;
const LAYER: RawFd = 4;
const FIRST_ATTACH: RawFd = 5;

/// The agent's descriptors. None of them reaches a command.
pub(crate) struct Inherited {
    /// Where the host connects.
    pub(crate) listener: OwnedFd,
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
    /// Takes them all; the first to open anything.
    pub(crate) fn take(settings: &Settings) -> Result<Self, Failure> {
        let listener = sys::inherited(LISTENER).doing(|| "descriptor 3, the listening socket")?;
        rustix::io::ioctl_fionbio(&listener, true).doing(|| "the listening socket")?;
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
        Ok(Self { listener, null, oom, drops_groups, open_files, attach, _layer: layer })
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

/// Whether the user namespace lets its root choose groups. One with a single id does not: its
/// groups are those of the user outside, shown as the overflow group; user_namespaces(7).
fn may_set_groups() -> bool {
    std::fs::read("/proc/self/setgroups").map_or(true, |word| word.trim_ascii() != b"deny")
}
