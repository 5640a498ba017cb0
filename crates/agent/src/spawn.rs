//! Starts a command: streams, a child that was forked ahead or is forked now, and a report of what
//! went wrong in it.
//!
//! The report is a pipe that closes when the program is executed, or carries the step that failed
//! and the kernel's error number.

mod child;
mod ends;
mod report;
mod spare;

use std::ffi::CString;
use std::os::fd::OwnedFd;

use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::Pid;

use infield_protocol::message::{Code, Spawn};

use crate::account::Account;
use crate::failure::{Failure, KernelFailed};
use crate::settings::{Defence, Settings};
use crate::sys::{self, Fork};

pub(crate) use child::Child;
use child::Plan;
use ends::open_ends;
pub(crate) use ends::{OurEnds, end_of_terminal_input, resize};
pub(crate) use report::{SpawnWords, read_report};
pub(crate) use spare::{AFTER, Spare};

/// Where programs are looked for, after the user's own `~/.local/bin`.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A child on its way to its program.
pub(crate) struct Launched {
    pub(crate) pid: Pid,
    pub(crate) report: OwnedFd,
    pub(crate) ends: OurEnds,
}

/// Starts a command by the spare, if there is one that takes it; whether its program runs is told
/// by the report.
pub(crate) fn launch(
    spawn: &Spawn,
    account: &Account,
    child: &Child<'_>,
    spare: &mut Option<Spare>,
) -> Result<Launched, Failure> {
    let plan = plan(spawn, account, child.settings)?;
    let (theirs, ends) = open_ends(spawn, account).doing(|| "a command's pipes")?;
    let (report, told) = pipe_with(PipeFlags::CLOEXEC).doing(|| "a command's pipes")?;
    if let Some(spare) = spare.take().filter(|spare| spare.follow(&plan, &theirs, &told)) {
        return Ok(Launched { pid: spare.pid, report, ends });
    }
    match sys::fork().doing(|| "a new process")? {
        Fork::Child => match child.prepare() {
            Ok(()) => child.become_program(plan, &theirs, &told),
            Err((step, error)) => report::report(&told, step, &error),
        },
        Fork::Parent(pid) => Ok(Launched { pid, report, ends }),
    }
}

fn plan(spawn: &Spawn, account: &Account, settings: &Settings) -> Result<Plan, Failure> {
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
        argv: c_strings(&spawn.argv)?,
        environment: c_strings(&entries)?,
        candidates: c_strings(&candidates)?,
        directory: c_string(&directory)?,
        uid: account.uid,
        gid: account.gid,
        groups: account.groups.clone(),
        has_terminal: spawn.terminal.is_some(),
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
