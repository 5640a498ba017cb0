//! Long work, done by a process of its own without any right of the launcher's.
//!
//! A worker is born into a user namespace with the ids of one sandbox or of the image store, gets
//! directory descriptors and one job of a closed set, closes everything else, restricts itself
//! like a sandbox, and sends one report. The launcher stays responsive, and whatever a hostile
//! tree makes a worker do, it does with the rights of that tree's owner.
//!
//! A worker ends with its launcher, though not before the next launcher is there. So it holds a
//! lock on each folder that it changes (flock(2), which belongs to the open descriptor and goes with
//! the last process that has it), and there is never more than one at work in a folder.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::fs::FlockOperation;
use rustix::io::Errno;
use rustix::pipe::PipeFlags;
use rustix::process::{Signal, WaitId, WaitIdOptions};
use rustix::thread::{CapabilitySet, CapabilitySets};
use serde::{Deserialize, Serialize};

use crate::failure::{At, Outcome, kernel};
use crate::maps::Map;
use crate::request::{Failure, FailureKind};
use crate::seccomp::Filter;
use crate::sys::{self, Cloned};
use crate::{host_image, trees};

/// What a worker can do.
#[derive(Debug)]
pub(crate) enum Job {
    /// Empties `to`, then copies the layer `from` into it.
    Save {
        /// The memory layer's root.
        from: OwnedFd,
        /// A folder of the sandbox's own ids.
        to: OwnedFd,
    },
    /// Empties folders.
    Clear {
        /// Which.
        folders: Vec<OwnedFd>,
    },
    /// Counts a layer.
    Measure {
        /// Its folder.
        folder: OwnedFd,
    },
    /// Counts a tree, whose top may be shut to everybody but this worker.
    Count {
        /// Its top, only named.
        folder: OwnedFd,
    },
    /// Unpacks an archive.
    Unpack {
        /// A tar stream.
        archive: OwnedFd,
        /// An empty folder.
        into: OwnedFd,
        /// What it may become.
        limits: trees::UnpackLimits,
    },
    /// Makes the built-in image.
    BuildHost {
        /// An empty folder.
        into: OwnedFd,
    },
}

/// What came of it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Report {
    /// It is done; what it came to, where that is known.
    Done {
        /// Bytes.
        bytes: u64,
        /// Files and folders.
        entries: u64,
        /// What was left out, a line for each kind.
        left_out: Vec<String>,
    },
    /// It failed.
    Failed {
        /// At what, and why.
        message: String,
        /// The kernel's number.
        errno: Option<i32>,
    },
}

/// A worker at work.
#[derive(Debug)]
pub(crate) struct Worker {
    pidfd: OwnedFd,
    report: OwnedFd,
    received: Vec<u8>,
}

const LONGEST_REPORT: usize = 256 << 10;

/// How long the worker of a launcher that was killed may take to end.
const ORPHAN_ENDS: Duration = Duration::from_secs(1);
const LOOK_AGAIN: Duration = Duration::from_millis(1);

impl Worker {
    /// Starts a worker with the ids of `map`.
    pub(crate) fn start(job: Job, map: Map, filter: &Filter) -> Outcome<Self> {
        job.take_folders().at("take a folder from an earlier worker")?;
        let launcher = std::process::id();
        let flags = PipeFlags::CLOEXEC | PipeFlags::NONBLOCK;
        let (report, out) = rustix::pipe::pipe_with(flags).at("make a pipe")?;
        let (go, mapped) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC).at("make a pipe")?;
        match sys::clone(libc::CLONE_NEWUSER as u64, None).at("start a worker")? {
            Cloned::Child => {
                // The end of the pipe says that the launcher is gone, unless this holds it open.
                drop((mapped, report));
                work(job, (&go, &out), launcher, filter)
            }
            Cloned::Parent { pid, pidfd } => {
                if let Err(error) = map.write(pid) {
                    drop(mapped);
                    drop(wait(pidfd.as_fd()));
                    return Err(kernel("map a worker's ids", &error));
                }
                rustix::io::write(&mapped, b"1").at("start a worker")?;
                Ok(Self { pidfd, report, received: Vec::new() })
            }
        }
    }

    /// Becomes readable when there is something to [`Worker::read`].
    pub(crate) fn descriptor(&self) -> BorrowedFd<'_> {
        self.report.as_fd()
    }

    /// Reads what there is; the report once it is whole.
    pub(crate) fn read(&mut self) -> Option<Outcome<Report>> {
        let mut part = [0_u8; 4096];
        loop {
            match rustix::io::read(&self.report, &mut part) {
                Ok(0) => break,
                Ok(count) if self.received.len() < LONGEST_REPORT => {
                    self.received.extend_from_slice(part.get(..count).unwrap_or_default());
                }
                Err(rustix::io::Errno::AGAIN) => return None,
                Ok(_) | Err(_) => break,
            }
        }
        let ended = wait(self.pidfd.as_fd());
        Some(self.judge(ended))
    }

    /// Waits for the report. Only at the launcher's start, when nobody else waits.
    pub(crate) fn finish(mut self) -> Outcome<Report> {
        let flags = rustix::fs::fcntl_getfl(&self.report).at("wait for a worker")?;
        let blocking = flags.difference(rustix::fs::OFlags::NONBLOCK);
        rustix::fs::fcntl_setfl(&self.report, blocking).at("wait for a worker")?;
        loop {
            if let Some(report) = self.read() {
                return report;
            }
        }
    }

    fn judge(&self, ended: io::Result<()>) -> Outcome<Report> {
        ended.at("wait for a worker")?;
        match postcard::from_bytes::<Report>(&self.received) {
            Ok(Report::Failed { message, errno }) => Err(Failure {
                kind: if errno == Some(libc::ENOSPC) {
                    FailureKind::Full
                } else {
                    FailureKind::Kernel
                },
                message,
                errno,
                hint: None,
            }),
            Ok(report) => Ok(report),
            Err(_) => Err(Failure {
                kind: FailureKind::Kernel,
                message: "a worker ended without a report".to_owned(),
                errno: None,
                hint: None,
            }),
        }
    }
}

fn wait(pidfd: BorrowedFd<'_>) -> io::Result<()> {
    rustix::process::waitid(WaitId::PidFd(pidfd), WaitIdOptions::EXITED)?;
    Ok(())
}

impl Job {
    fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        match self {
            Self::Save { from, to } => vec![from.as_fd(), to.as_fd()],
            Self::Clear { folders } => folders.iter().map(AsFd::as_fd).collect(),
            Self::Measure { folder } | Self::Count { folder } => vec![folder.as_fd()],
            Self::Unpack { archive, into, .. } => vec![archive.as_fd(), into.as_fd()],
            Self::BuildHost { into } => vec![into.as_fd()],
        }
    }

    /// Takes what it changes. The descriptors are the worker's alone once this process has dropped
    /// its own.
    fn take_folders(&self) -> rustix::io::Result<()> {
        let changed = match self {
            Self::Save { to, .. } => std::slice::from_ref(to),
            Self::Clear { folders } => folders,
            Self::Unpack { into, .. } | Self::BuildHost { into } => std::slice::from_ref(into),
            Self::Measure { .. } | Self::Count { .. } => &[],
        };
        changed.iter().try_for_each(|folder| take(folder.as_fd()))
    }
}

/// Takes a folder for as long as this descriptor, or a worker's copy of it, is open. Waits for an
/// earlier launcher's worker in it, which is about to end.
pub(crate) fn take(folder: BorrowedFd<'_>) -> rustix::io::Result<()> {
    let until = Instant::now() + ORPHAN_ENDS;
    loop {
        match rustix::fs::flock(folder, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) if Instant::now() < until => std::thread::sleep(LOOK_AGAIN),
            taken => return taken,
        }
    }
}

fn work(job: Job, (go, out): (&OwnedFd, &OwnedFd), launcher: u32, filter: &Filter) -> ! {
    let mut word = [0_u8; 1];
    if !matches!(rustix::io::read(go, &mut word), Ok(1)) {
        sys::exit_now(1);
    }
    let report =
        match restrict(&job, out, launcher, filter).map_err(failed).and_then(|()| perform(job)) {
            Ok(report) | Err(report) => report,
        };
    send(out, &report);
    sys::exit_now(0)
}

fn restrict(job: &Job, out: &OwnedFd, launcher: u32, filter: &Filter) -> io::Result<()> {
    crate::apply::become_root()?;
    let mut kept = job.descriptors();
    kept.push(out.as_fd());
    sys::close_all_but(&kept)?;
    let needed = CapabilitySet::CHOWN
        | CapabilitySet::DAC_OVERRIDE
        | CapabilitySet::FOWNER
        | CapabilitySet::FSETID;
    rustix::thread::set_no_new_privs(true)?;
    let inheritable = CapabilitySet::empty();
    let sets = CapabilitySets { effective: needed, permitted: needed, inheritable };
    rustix::thread::set_capabilities(None, sets)?;
    end_with(launcher)?;
    filter.install()
}

/// Has this process killed when its launcher ends. After the last change of rights, which would
/// take it back: prctl(2), `PR_SET_PDEATHSIG`.
fn end_with(launcher: u32) -> io::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    let parent = rustix::process::getppid().map(rustix::process::Pid::as_raw_pid);
    if parent == Some(launcher.cast_signed()) {
        return Ok(());
    }
    Err(io::Error::other("the launcher is gone"))
}

fn perform(job: Job) -> Result<Report, Report> {
    let tally = |tally: trees::Tally| Report::Done {
        bytes: tally.bytes,
        entries: tally.entries,
        left_out: Vec::new(),
    };
    match job {
        Job::Save { from, to } => save(from.as_fd(), to.as_fd()).map(tally).map_err(tree_failed),
        Job::Clear { folders } => {
            folders
                .iter()
                .try_for_each(|f| trees::remove_contents(f.as_fd()))
                .map_err(tree_failed)?;
            Ok(tally(trees::Tally::default()))
        }
        Job::Measure { folder } => {
            let mut sum = trees::Tally::default();
            for name in ["upper", "usr-upper"] {
                let part = crate::folders::open_folder(folder.as_fd(), name)
                    .map_err(|error| failed(error.into()))?;
                let part = trees::measure(part.as_fd()).map_err(tree_failed)?;
                sum.bytes += part.bytes;
                sum.entries += part.entries;
            }
            Ok(tally(sum))
        }
        Job::Count { folder } => {
            let top = crate::folders::open_folder(folder.as_fd(), ".");
            let top = top.map_err(|error| failed(error.into()))?;
            trees::measure(top.as_fd()).map(tally).map_err(tree_failed)
        }
        Job::Unpack { archive, into, limits } => {
            let archive = std::fs::File::from(archive);
            let unpacked = trees::unpack(archive, into.as_fd(), limits).map_err(tree_failed)?;
            Ok(Report::Done {
                bytes: unpacked.size_bytes,
                entries: unpacked.files,
                left_out: unpacked.left_out,
            })
        }
        Job::BuildHost { into } => match host_image::build(into.as_fd()) {
            Ok(image) => Ok(Report::Done {
                bytes: image.size_bytes,
                entries: image.files,
                left_out: Vec::new(),
            }),
            Err(error) => Err(Report::Failed { message: chain(&error), errno: None }),
        },
    }
}

fn save(from: BorrowedFd<'_>, to: BorrowedFd<'_>) -> Result<trees::Tally, trees::TreeError> {
    trees::remove_contents(to)?;
    let mut sum = trees::Tally::default();
    let at = |step| move |source| trees::TreeError::kernel(step, c"layer", source);
    crate::apply::layer_folders(to).map_err(at("make the folders of"))?;
    for name in ["upper", "usr-upper"] {
        let source = crate::folders::open_folder(from, name).map_err(at("open"))?;
        let target = crate::folders::open_folder(to, name).map_err(at("open"))?;
        let part = trees::copy(source.as_fd(), target.as_fd())?;
        sum.bytes += part.bytes;
        sum.entries += part.entries;
    }
    Ok(sum)
}

fn send(out: &OwnedFd, report: &Report) {
    let bytes = postcard::to_stdvec(report).unwrap_or_default();
    let mut rest = bytes.get(..bytes.len().min(LONGEST_REPORT)).unwrap_or_default();
    let blocking = rustix::fs::fcntl_setfl(out, rustix::fs::OFlags::empty());
    while blocking.is_ok() && !rest.is_empty() {
        match rustix::io::write(out, rest) {
            Ok(count) => rest = rest.get(count..).unwrap_or_default(),
            // The launcher is gone, and nobody waits for the report.
            Err(_) => return,
        }
    }
}

fn failed(error: io::Error) -> Report {
    Report::Failed { message: error.to_string(), errno: error.raw_os_error() }
}

fn tree_failed(error: trees::TreeError) -> Report {
    Report::Failed { message: chain(&error), errno: error.errno() }
}

/// An error with its causes in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        words = format!("{words}: {cause}");
        next = cause.source();
    }
    words
}

#[cfg(test)]
mod tests;
