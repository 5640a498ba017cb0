//! The child's way to its program: cgroups, mark and session first, which every command has, and
//! then what its plan says: streams, limits, user, folder, program.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::process::{Resource, Rlimit, setrlimit};
use serde::{Deserialize, Serialize};

use super::ends::ChildEnds;
use super::report::{Step, report};
use crate::inherited::Inherited;
use crate::settings::{Defence, Settings};
use crate::sys::{self, Strings};
use crate::tree::Marker;

/// What a child is to do, all of it found out by the agent.
#[derive(Serialize, Deserialize)]
pub(super) struct Plan {
    pub(super) argv: Vec<CString>,
    pub(super) environment: Vec<CString>,
    /// Where the program may be, in the order in which it is looked for.
    pub(super) candidates: Vec<CString>,
    pub(super) directory: CString,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) groups: Vec<u32>,
    /// Its standard output is a terminal, which is to be its session's.
    pub(super) has_terminal: bool,
}

/// A forked child of the agent.
pub(crate) struct Child<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) inherited: &'a Inherited,
    pub(crate) marker: Marker,
}

impl Child<'_> {
    /// Does what no plan is needed for.
    pub(super) fn prepare(&self) -> Result<(), (Step, io::Error)> {
        self.attach().map_err(|error| (Step::Attach, error))?;
        if self.settings.keeps(Defence::Marker) {
            // A host that lowered these limits for everybody leaves us the descent alone.
            let _marked = self.marker.apply();
        }
        let session = || {
            rustix::process::setsid()?;
            sys::release_signals()?;
            sys::duplicate_as(self.inherited.null.as_fd(), 0)
        };
        session().map_err(|error| (Step::Session, error))
    }

    fn attach(&self) -> io::Result<()> {
        if self.settings.keeps(Defence::Attach) { self.inherited.attach() } else { Ok(()) }
    }

    /// Becomes the program, or reports why not.
    pub(super) fn become_program(&self, plan: Plan, ends: &ChildEnds, told: &OwnedFd) -> ! {
        let (step, error) = self.follow(plan, ends);
        report(told, step, &error)
    }

    fn follow(&self, plan: Plan, ends: &ChildEnds) -> (Step, io::Error) {
        let steps: [(Step, &dyn Fn() -> io::Result<()>); 4] = [
            (Step::Session, &|| self.take_streams(&plan, ends)),
            (Step::Limits, &|| self.limit_files()),
            (Step::User, &|| self.become_user(&plan)),
            (Step::Directory, &|| Ok(rustix::process::chdir(&plan.directory)?)),
        ];
        for (step, act) in steps {
            if let Err(error) = act() {
                return (step, error);
            }
        }
        (Step::Program, self.execute(plan))
    }

    fn take_streams(&self, plan: &Plan, ends: &ChildEnds) -> io::Result<()> {
        if let Some(stdin) = &ends.stdin {
            sys::duplicate_as(stdin.as_fd(), 0)?;
        }
        sys::duplicate_as(ends.stdout.as_fd(), 1)?;
        sys::duplicate_as(ends.stderr.as_ref().unwrap_or(&ends.stdout).as_fd(), 2)?;
        if plan.has_terminal {
            rustix::process::ioctl_tiocsctty(&ends.stdout)?;
        }
        Ok(())
    }

    fn limit_files(&self) -> io::Result<()> {
        let inherited = self.inherited.open_files;
        let limit = match self.settings.open_files {
            None => inherited,
            Some(files) => {
                let most = inherited.maximum.map_or(files, |most| most.min(files));
                Rlimit { current: Some(most), maximum: Some(most) }
            }
        };
        Ok(setrlimit(Resource::Nofile, limit)?)
    }

    fn become_user(&self, plan: &Plan) -> io::Result<()> {
        if (plan.uid, plan.gid) == (0, 0) && !self.inherited.drops_groups {
            return Ok(());
        }
        sys::set_groups(&plan.groups)?;
        sys::set_ids(plan.uid, plan.gid)
    }

    fn execute(&self, plan: Plan) -> io::Error {
        if self.settings.keeps(Defence::Descriptors)
            && let Err(error) = sys::close_on_exec_from(3)
        {
            return error;
        }
        let (argv, environment) = (Strings::new(plan.argv), Strings::new(plan.environment));
        let mut worst = io::Error::from_raw_os_error(libc::ENOENT);
        for candidate in &plan.candidates {
            let error = sys::execute(candidate, &argv, &environment);
            match error.raw_os_error() {
                Some(libc::ENOENT | libc::ENOTDIR) => {}
                Some(libc::EACCES) => worst = error,
                Some(libc::ENOEXEC) => return execute_script(candidate, &argv, &environment),
                _ => return error,
            }
        }
        worst
    }
}

/// A text without `#!` is the shell's, as everywhere; execvp(3).
fn execute_script(path: &CString, argv: &Strings, environment: &Strings) -> io::Error {
    let mut words = vec![c"/bin/sh".to_owned(), path.clone()];
    words.extend(argv.as_slice().iter().skip(1).cloned());
    sys::execute(c"/bin/sh", &Strings::new(words), environment)
}
