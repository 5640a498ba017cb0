//! What a child says when it cannot execute its program.

use std::io;
use std::os::fd::OwnedFd;

use infield_protocol::message::Code;

use crate::failure::Failure;
use crate::sys;

/// A step of the child.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    Attach,
    Session,
    Limits,
    User,
    Directory,
    Program,
}

const STEPS: [Step; 6] =
    [Step::Attach, Step::Session, Step::Limits, Step::User, Step::Directory, Step::Program];

/// Writes a report, and ends this process, which is a forked child.
pub(super) fn report(report: &OwnedFd, step: Step, error: &io::Error) -> ! {
    let mut bytes = vec![step as u8];
    bytes.extend(error.raw_os_error().unwrap_or(libc::EIO).to_le_bytes());
    // When nobody listens any more, nobody needs to know.
    let _told = rustix::io::write(report, &bytes);
    sys::exit_now(127)
}

/// Reads a report: nothing when the program runs.
pub(crate) fn read_report(report: &OwnedFd, spawn: &SpawnWords) -> Option<Failure> {
    let mut bytes = [0; 5];
    let count = rustix::io::read(report, &mut bytes).unwrap_or_default();
    let [step, errno @ ..] = bytes;
    let step = STEPS.get(usize::from(step)).copied().filter(|_| count == bytes.len())?;
    Some(explain(step, &io::Error::from_raw_os_error(i32::from_le_bytes(errno)), spawn))
}

/// What a failure is told with.
#[derive(Clone, Debug)]
pub(crate) struct SpawnWords {
    pub(crate) program: String,
    pub(crate) working_directory: String,
    pub(crate) user: String,
}

fn explain(step: Step, error: &io::Error, words: &SpawnWords) -> Failure {
    let SpawnWords { program, working_directory, user } = words;
    let missing = error.kind() == io::ErrorKind::NotFound;
    match step {
        Step::Program
            if missing && program.contains('/') && std::path::Path::new(program).exists() =>
        {
            Failure::new(Code::NotFound, format!("the interpreter of `{program}` is missing"))
                .with_hint("look at its first line, or at the loader that it was built for")
        }
        Step::Program if missing => {
            Failure::new(Code::NotFound, format!("program `{program}` not found"))
                .with_hint("install it in the sandbox, or give its path")
        }
        Step::Program if error.kind() == io::ErrorKind::PermissionDenied => {
            Failure::new(Code::Denied, format!("permission denied to run `{program}`"))
                .with_hint(format!("make it executable with `chmod +x {program}`"))
        }
        Step::Directory if missing => Failure::new(
            Code::NotFound,
            format!("working directory `{working_directory}` is missing"),
        )
        .with_hint("make it first, or choose another"),
        Step::Program => Failure::kernel(format!("program `{program}`"), error),
        Step::Directory => {
            Failure::kernel(format!("working directory `{working_directory}`"), error)
        }
        Step::User => Failure::kernel(format!("become user `{user}`"), error),
        Step::Attach => Failure::kernel("join the sandbox's cgroups", error),
        Step::Session => Failure::kernel("open a session", error),
        Step::Limits => Failure::kernel("set limits", error),
    }
}
