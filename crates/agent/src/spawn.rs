//! Starts a command: pipes or a terminal, a forked child, and a report of what went wrong in it.
//!
//! The child does, in this order: cgroups, session, standard descriptors, limits, user, folder,
//! program. The report pipe closes when the program is executed, or carries the step that failed
//! and the kernel's error number.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use rustix::fs::fchown;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, Resource, Rlimit, setrlimit};
use rustix::pty::OpenptFlags;
use rustix::termios::Winsize;

use infield_protocol::message::{Code, Spawn, Stdin, TerminalSize};

use crate::account::Account;
use crate::failure::{Failure, KernelFailed};
use crate::inherited::Inherited;
use crate::settings::{Defence, Settings};
use crate::sys::{self, Fork, Strings};
use crate::tree::Marker;

/// Where programs are looked for, after the user's own `~/.local/bin`.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A child on its way to its program.
pub(crate) struct Launched {
    pub(crate) pid: Pid,
    pub(crate) report: OwnedFd,
    pub(crate) ends: OurEnds,
}

/// Our ends of a command's streams.
pub(crate) struct OurEnds {
    pub(crate) input: Option<OwnedFd>,
    pub(crate) stdout: OwnedFd,
    pub(crate) stderr: Option<OwnedFd>,
}

/// Everything a child needs, made before the fork.
struct Plan<'a> {
    spawn: &'a Spawn,
    account: &'a Account,
    settings: &'a Settings,
    inherited: &'a Inherited,
    marker: Marker,
    argv: Strings,
    environment: Strings,
    candidates: Vec<CString>,
    directory: CString,
}

/// The child's ends.
struct ChildEnds {
    stdin: Option<OwnedFd>,
    stdout: OwnedFd,
    stderr: Option<OwnedFd>,
}

/// A step of the child.
#[derive(Clone, Copy, Debug)]
enum Step {
    Attach,
    Session,
    Limits,
    User,
    Directory,
    Program,
}

const STEPS: [Step; 6] =
    [Step::Attach, Step::Session, Step::Limits, Step::User, Step::Directory, Step::Program];

/// Starts a command; whether its program runs is told by the report.
pub(crate) fn launch(
    spawn: &Spawn,
    account: &Account,
    marker: Marker,
    settings: &Settings,
    inherited: &Inherited,
) -> Result<Launched, Failure> {
    let plan = plan(spawn, account, marker, settings, inherited)?;
    let (child, ends) = open_ends(spawn, account).doing(|| "a command's pipes")?;
    let (report, report_end) = pipe_with(PipeFlags::CLOEXEC).doing(|| "a command's pipes")?;
    match sys::fork().doing(|| "a new process")? {
        Fork::Child => {
            let (step, error) = plan.run(&child);
            plan.report(&report_end, step, &error)
        }
        Fork::Parent(pid) => Ok(Launched { pid, report, ends }),
    }
}

fn plan<'a>(
    spawn: &'a Spawn,
    account: &'a Account,
    marker: Marker,
    settings: &'a Settings,
    inherited: &'a Inherited,
) -> Result<Plan<'a>, Failure> {
    let Some(program) = spawn.argv.first().filter(|program| !program.is_empty()) else {
        return Err(Failure::new(Code::Invalid, "a command needs a program"));
    };
    let environment = environment(spawn, account, settings);
    let path = environment.iter().rev().find_map(|(name, value)| (name == "PATH").then_some(value));
    let candidates: Vec<String> = match path {
        Some(path) if !program.contains('/') => {
            path.split(':').map(|folder| format!("{folder}/{program}")).collect()
        }
        _ => vec![program.clone()],
    };
    let directory = resolve(&spawn.working_directory, &settings.workspace, &account.home);
    let entries: Vec<String> = environment.iter().map(|(n, v)| format!("{n}={v}")).collect();
    Ok(Plan {
        spawn,
        account,
        settings,
        inherited,
        marker,
        argv: Strings::new(c_strings(&spawn.argv)?),
        environment: Strings::new(c_strings(&entries)?),
        candidates: c_strings(&candidates)?,
        directory: c_string(&directory)?,
    })
}

/// Where a path starts: `~` at the home, what is relative at the workspace.
pub(crate) fn resolve(path: &str, workspace: &str, home: &str) -> String {
    match path.strip_prefix('~') {
        Some("") => home.to_owned(),
        Some(rest) if rest.starts_with('/') => format!("{home}{rest}"),
        _ if path.starts_with('/') => path.to_owned(),
        _ => format!("{workspace}/{path}"),
    }
}

/// The folders that a user's programs are in.
pub(crate) fn search_path(home: &str) -> String {
    format!("{home}/.local/bin:{PATH}")
}

fn environment(spawn: &Spawn, account: &Account, settings: &Settings) -> Vec<(String, String)> {
    let mut variables = Vec::new();
    if !settings.keeps(Defence::Environment) {
        variables.extend(std::env::vars());
    }
    let mut set = |name: &str, value: &str| variables.push((name.to_owned(), value.to_owned()));
    set("PATH", &search_path(&account.home));
    set("HOME", &account.home);
    set("USER", &account.name);
    set("LOGNAME", &account.name);
    set("SHELL", &account.shell);
    set("LANG", "C.UTF-8");
    if spawn.terminal.is_some() {
        set("TERM", "xterm-256color");
    }
    for (name, value) in &spawn.environment {
        variables.retain(|(known, _)| known != name);
        variables.push((name.clone(), value.clone()));
    }
    variables
}

fn c_string(text: &str) -> Result<CString, Failure> {
    CString::new(text).map_err(|_| {
        Failure::new(Code::Invalid, "a command's words and variables have no NUL in them")
    })
}

fn c_strings(texts: &[String]) -> Result<Vec<CString>, Failure> {
    texts.iter().map(|text| c_string(text)).collect()
}

fn open_ends(spawn: &Spawn, account: &Account) -> io::Result<(ChildEnds, OurEnds)> {
    if let Some(size) = spawn.terminal {
        let (master, slave) = open_terminal(size, account)?;
        let input = Some(master.try_clone()?);
        let child = ChildEnds { stdin: Some(slave.try_clone()?), stdout: slave, stderr: None };
        return Ok((child, OurEnds { input, stdout: master, stderr: None }));
    }
    let (stdin, input) = match spawn.stdin {
        Stdin::Empty => (None, None),
        Stdin::Bytes(_) | Stdin::Stream => {
            let (read, write) = pipe_with(PipeFlags::CLOEXEC)?;
            rustix::io::ioctl_fionbio(&write, true)?;
            (Some(read), Some(write))
        }
    };
    let (stdout, stdout_end) = pipe_with(PipeFlags::CLOEXEC)?;
    let (stderr, stderr_end) = pipe_with(PipeFlags::CLOEXEC)?;
    rustix::io::ioctl_fionbio(&stdout, true)?;
    rustix::io::ioctl_fionbio(&stderr, true)?;
    for end in stdin.iter().chain([&stdout_end, &stderr_end]) {
        own(end, account)?;
    }
    let child = ChildEnds { stdin, stdout: stdout_end, stderr: Some(stderr_end) };
    Ok((child, OurEnds { input, stdout, stderr: Some(stderr) }))
}

fn open_terminal(size: TerminalSize, account: &Account) -> io::Result<(OwnedFd, OwnedFd)> {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let master = rustix::pty::openpt(flags)?;
    rustix::pty::unlockpt(&master)?;
    let slave = rustix::pty::ioctl_tiocgptpeer(&master, flags)?;
    resize(&master, size)?;
    own(&slave, account)?;
    rustix::io::ioctl_fionbio(&master, true)?;
    Ok((master, slave))
}

/// Lets a user open what it has again by name, such as `/dev/stdout`.
fn own(end: &OwnedFd, account: &Account) -> io::Result<()> {
    match account.uid {
        0 => Ok(()),
        uid => Ok(fchown(end, Some(rustix::fs::Uid::from_raw(uid)), None)?),
    }
}

/// Tells a terminal its size.
pub(crate) fn resize(terminal: impl AsFd, size: TerminalSize) -> io::Result<()> {
    let (ws_col, ws_row) = (size.columns, size.rows);
    Ok(rustix::termios::tcsetwinsize(
        terminal,
        Winsize { ws_row, ws_col, ws_xpixel: 0, ws_ypixel: 0 },
    )?)
}

impl Plan<'_> {
    /// The child's way; comes back only when a step failed.
    fn run(&self, ends: &ChildEnds) -> (Step, io::Error) {
        let steps: [(Step, &dyn Fn() -> io::Result<()>); 5] = [
            (Step::Attach, &|| self.attach()),
            (Step::Session, &|| self.session(ends)),
            (Step::Limits, &|| self.limits()),
            (Step::User, &|| self.become_user()),
            (Step::Directory, &|| Ok(rustix::process::chdir(&self.directory)?)),
        ];
        for (step, act) in steps {
            if let Err(error) = act() {
                return (step, error);
            }
        }
        (Step::Program, self.execute())
    }

    fn attach(&self) -> io::Result<()> {
        if self.settings.keeps(Defence::Attach) { self.inherited.attach() } else { Ok(()) }
    }

    fn session(&self, ends: &ChildEnds) -> io::Result<()> {
        rustix::process::setsid()?;
        sys::release_signals()?;
        match &ends.stdin {
            Some(stdin) => sys::duplicate_as(stdin.as_fd(), 0)?,
            None => sys::duplicate_as(self.inherited.null.as_fd(), 0)?,
        }
        sys::duplicate_as(ends.stdout.as_fd(), 1)?;
        sys::duplicate_as(ends.stderr.as_ref().unwrap_or(&ends.stdout).as_fd(), 2)?;
        if self.spawn.terminal.is_some() {
            rustix::process::ioctl_tiocsctty(&ends.stdout)?;
        }
        Ok(())
    }

    fn limits(&self) -> io::Result<()> {
        let inherited = self.inherited.open_files;
        let limit = match self.settings.open_files {
            None => inherited,
            Some(files) => {
                let most = inherited.maximum.map_or(files, |most| most.min(files));
                Rlimit { current: Some(most), maximum: Some(most) }
            }
        };
        setrlimit(Resource::Nofile, limit)?;
        if self.settings.keeps(Defence::Marker) {
            // A host that lowered these limits for everybody leaves us the descent alone.
            let _marked = self.marker.apply();
        }
        Ok(())
    }

    fn become_user(&self) -> io::Result<()> {
        let account = self.account;
        if (account.uid, account.gid) == (0, 0) && !self.inherited.drops_groups {
            return Ok(());
        }
        sys::set_groups(&account.groups)?;
        sys::set_ids(account.uid, account.gid)
    }

    fn execute(&self) -> io::Error {
        if self.settings.keeps(Defence::Descriptors)
            && let Err(error) = sys::close_on_exec_from(3)
        {
            return error;
        }
        let mut worst = io::Error::from_raw_os_error(libc::ENOENT);
        for candidate in &self.candidates {
            let error = sys::execute(candidate, &self.argv, &self.environment);
            match error.raw_os_error() {
                Some(libc::ENOENT | libc::ENOTDIR) => {}
                Some(libc::EACCES) => worst = error,
                Some(libc::ENOEXEC) => return self.execute_script(candidate),
                _ => return error,
            }
        }
        worst
    }

    /// A text without `#!` is the shell's, as everywhere; execvp(3).
    fn execute_script(&self, path: &CString) -> io::Error {
        let mut argv = vec![c"/bin/sh".to_owned(), path.clone()];
        argv.extend(self.argv.as_slice().iter().skip(1).cloned());
        sys::execute(c"/bin/sh", &Strings::new(argv), &self.environment)
    }

    fn report(&self, report: &OwnedFd, step: Step, error: &io::Error) -> ! {
        let mut bytes = vec![step as u8];
        bytes.extend(error.raw_os_error().unwrap_or(libc::EIO).to_le_bytes());
        // When nobody listens any more, nobody needs to know.
        let _told = rustix::io::write(report, &bytes);
        sys::exit_now(127)
    }
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

/// Whether a terminal's or pipe's end of input is a character or the closing of it.
pub(crate) fn end_of_terminal_input(terminal: &OwnedFd) -> u8 {
    const CONTROL_D: u8 = 4;
    debug_assert!(terminal.as_raw_fd() > 2, "a terminal of ours");
    rustix::termios::tcgetattr(terminal).map_or(CONTROL_D, |attributes| {
        attributes.special_codes[rustix::termios::SpecialCodeIndex::VEOF]
    })
}
