//! Running a command in a sandbox, or in a temporary one that lives for that command alone.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use infield_domain::command::{Command, Ending, Execution, OnDisconnect, Stdin, TerminalSize};
use infield_domain::files::{Write, WriteMode};
use infield_domain::guest::{ByteStream, Guest, Process};
use infield_domain::sandbox::{Sandbox, Spec};
use infield_domain::{
    Error, ExecutionId, GuestPath, ImageName, Kind, Permission, Principal, Result,
};
use infield_store::ExecutionRow;

use crate::create::{Use, check_environment, check_user};
use crate::driver::Seat;
use crate::gate::clipped;
use crate::inside::{Inside, absolute};
use crate::lease::{Followed, Lease, Tenancy};
use crate::run_code::{self, Code};
use crate::sandboxes::masked;
use crate::{CreateSandbox, Engine, names};

/// How long something runs when nobody says otherwise, and at most.
const STANDARD_MS: u64 = 300_000;
const LONGEST_MS: u64 = 86_400_000;
/// Files that one run can bring.
const MOST_FILES: usize = 100;

/// Where to run.
#[derive(Clone, Debug)]
pub enum Target {
    /// In this sandbox, by id or name; it is started when it is stopped.
    Existing(String),
    /// In a sandbox that is made for this and deleted after the end.
    Temporary(Box<CreateSandbox>),
}

/// How long something may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeLimit {
    /// 300 seconds.
    Standard,
    /// This long, in milliseconds; at most a day.
    After(u64),
    /// As long as the sandbox lives.
    Never,
}

/// A file to place before the start.
#[derive(Clone, Debug)]
pub struct PlacedFile {
    /// Where, inside.
    pub path: GuestPath,
    /// What.
    pub content: Bytes,
}

/// How to run, whatever it is.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// Where it starts; the sandbox's working directory when there is none.
    pub working_directory: Option<GuestPath>,
    /// Added to the sandbox's variables.
    pub environment: BTreeMap<String, String>,
    /// The user inside; the sandbox's own when there is none.
    pub user: Option<String>,
    /// What its standard input is.
    pub stdin: Stdin,
    /// A terminal instead of pipes.
    pub terminal: Option<TerminalSize>,
    /// How long it may run.
    pub time_limit: TimeLimit,
    /// What happens when the caller goes away.
    pub on_disconnect: OnDisconnect,
    /// Files to place first.
    pub files: Vec<PlacedFile>,
}

impl RunOptions {
    /// Pipes, no input, 300 seconds, goes on when the caller goes away.
    pub fn standard() -> Self {
        Self {
            working_directory: None,
            environment: BTreeMap::new(),
            user: None,
            stdin: Stdin::Empty,
            terminal: None,
            time_limit: TimeLimit::Standard,
            on_disconnect: OnDisconnect::Continue,
            files: Vec::new(),
        }
    }
}

/// What to run.
#[derive(Clone, Debug)]
pub enum CommandLine {
    /// A program and its arguments, as they are.
    Argv(Vec<String>),
    /// Text for the image's shell: `bash`, or `sh` when there is none.
    Shell(String),
}

/// A command to run.
#[derive(Clone, Debug)]
pub struct RunCommand {
    /// Where.
    pub target: Target,
    /// What.
    pub command: CommandLine,
    /// How.
    pub options: RunOptions,
}

/// A command that runs: stream it by [`Run::into_process`], or let [`Run::collect`] gather it.
///
/// Dropping it is a disconnect: the command goes on or ends as its options say, and the engine
/// watches it to its end in either case.
pub struct Run {
    /// The sandbox; the values of its variables are masked.
    pub sandbox: Sandbox,
    /// Names the command, for `read_output` and `attach`.
    pub execution_id: ExecutionId,
    /// Whether the sandbox is deleted after the end.
    pub temporary: bool,
    pub(crate) engine: Engine,
    pub(crate) who: Principal,
    pub(crate) process: Process,
    pub(crate) lease: Arc<Lease>,
    pub(crate) inside: Handle,
    pub(crate) plots: Option<GuestPath>,
}

/// What a run needs of its sandbox after the start.
#[derive(Clone)]
pub(crate) struct Handle {
    pub(crate) seat: Arc<Seat>,
    pub(crate) guest: Arc<dyn Guest>,
}

impl Run {
    /// The events and the input of the command, for a door that streams.
    pub fn into_process(self) -> Process {
        self.process
    }
}

/// What is started, before it is known in which sandbox.
pub(crate) enum Program {
    Command(CommandLine),
    Code(Code),
}

/// Something to start, and how the audit trail names it.
pub(crate) struct Start {
    pub(crate) target: Target,
    pub(crate) program: Program,
    pub(crate) options: RunOptions,
    pub(crate) action: &'static str,
    pub(crate) shown: String,
}

/// One way to start a program; the next is tried when the image has no such program.
pub(crate) struct Attempt {
    pub(crate) argv: Vec<String>,
    pub(crate) stdin: Stdin,
}

/// Everything that is needed to start a program in the sandbox it is meant for.
pub(crate) struct Prepared {
    pub(crate) attempts: Vec<Attempt>,
    /// Where the program leaves its figures.
    pub(crate) plots: Option<GuestPath>,
    /// What to say when the image has none of the programs.
    pub(crate) missing: (String, String),
}

impl Engine {
    /// Starts a command. Needs `execute`, and `manage` for a temporary sandbox.
    pub async fn run_command(&self, who: &Principal, run: RunCommand) -> Result<Run> {
        let shown = match &run.command {
            CommandLine::Argv(argv) => argv.join(" "),
            CommandLine::Shell(text) => text.clone(),
        };
        let program = Program::Command(run.command);
        let (target, options) = (run.target, run.options);
        let action = "execution.start";
        self.start(who, Start { target, program, options, action, shown }).await
    }

    /// Starts something, and leaves the record of it.
    ///
    /// It goes on when the caller goes away: what was begun is then watched to its end.
    pub(crate) async fn start(&self, who: &Principal, start: Start) -> Result<Run> {
        let (action, shown) = (start.action, clipped(&start.shown));
        let subject = match &start.target {
            Target::Existing(reference) => reference.clone(),
            Target::Temporary(_) => String::new(),
        };
        let (engine, caller) = (self.clone(), who.clone());
        let started = self.spawn(async move { engine.begin(&caller, start).await }).await;
        let result = started.unwrap_or_else(|cause| {
            Err(Error::internal("the start of the command broke off").with_source(cause))
        });
        let subject = result.as_ref().map_or(subject, |run| run.sandbox.id.to_string());
        let detail = match &result {
            Ok(run) => format!("{} {shown}", run.execution_id),
            Err(_) => shown,
        };
        self.noted_inside(who, (action, &subject, &detail), result)
    }

    async fn begin(&self, who: &Principal, start: Start) -> Result<Run> {
        who.require(Permission::Execute)?;
        let timeout_ms = check(&start)?;
        let (inside, temporary) = match start.target {
            Target::Existing(reference) => {
                (self.enter(who, Permission::Execute, &reference).await?, false)
            }
            Target::Temporary(create) => (self.enter_temporary(who, *create).await?, true),
        };
        let execution = Execution {
            id: names::execution_id(),
            command: clipped(&start.shown),
            started_at: self.now(),
            ending: None,
            stdout_bytes: 0,
            stderr_bytes: 0,
        };
        let handle = Handle { seat: inside.seat.clone(), guest: inside.guest.clone() };
        let sandbox = inside.sandbox.clone();
        let lease = Lease::new(Tenancy {
            engine: self.clone(),
            who: who.clone(),
            inside,
            execution: execution.clone(),
            folder: None,
            started: false,
            keep_output: false,
        });
        let options = start.options;
        place_files(&handle, &sandbox.spec, &options.files).await?;
        let about = About { handle: &handle, spec: &sandbox.spec, id: &execution.id };
        let stdin = options.stdin.clone();
        let prepared = match start.program {
            Program::Command(command) => prepare_command(command, stdin),
            Program::Code(code) => run_code::prepare(&about, &lease, code, stdin).await?,
        };
        let plots = prepared.plots.clone();
        let command = command_for(&about, options, timeout_ms)?;
        let process = self.launch(&about, command, prepared, execution.clone()).await?;
        lease.started();
        let events = Followed::over(process.events, lease.clone());
        Ok(Run {
            sandbox: masked(&sandbox),
            execution_id: execution.id,
            temporary,
            engine: self.clone(),
            who: who.clone(),
            process: Process { events, input: process.input },
            lease,
            inside: handle,
            plots,
        })
    }

    /// Starts the command, and records it without waiting for that: whoever asks for the record
    /// later finds it, and a daemon that ends before it is written leaves the command to recovery.
    async fn launch(
        &self,
        about: &About<'_>,
        command: Command,
        prepared: Prepared,
        mut execution: Execution,
    ) -> Result<Process> {
        let sandbox_id = about.handle.seat.id.clone();
        let row = ExecutionRow { sandbox_id: sandbox_id.clone(), execution: execution.clone() };
        // Its thread would be woken just when the command is made, and take a processor from it.
        self.records().post("execution", move |store| store.put_execution(&row));
        let guest = &*about.handle.guest;
        let spawned = spawn_first(guest, command, prepared.attempts, prepared.missing).await;
        if spawned.is_err() {
            // A command that never started is recorded as one that its shell did not find.
            let ending = Ending { exit_code: 127, signal: None, stopped_by: None, wall_ms: 0 };
            execution.ending = Some(ending);
            let row = ExecutionRow { sandbox_id, execution };
            self.records().post("execution", move |store| store.put_execution(&row));
        }
        spawned
    }

    async fn enter_temporary(&self, who: &Principal, create: CreateSandbox) -> Result<Inside> {
        let image = create.image.as_ref().map_or(ImageName::HOST, ImageName::as_str);
        let detail = format!("image {image}, for one command");
        let made = self.make_sandbox(who, create, Use::Single).await;
        let subject = made.as_ref().map_or(String::new(), |seat| seat.id.to_string());
        let seat = self.noted(who, ("sandbox.create", &subject, &detail), made)?;
        self.step_inside(&seat).ok_or_else(|| {
            Error::unavailable(format!("sandbox `{}` ended at once", seat.id))
                .with_hint("see its cause, and try again")
        })
    }
}

/// What preparing a program needs to know.
pub(crate) struct About<'a> {
    pub(crate) handle: &'a Handle,
    pub(crate) spec: &'a Spec,
    pub(crate) id: &'a ExecutionId,
}

fn check(start: &Start) -> Result<Option<u64>> {
    let options = &start.options;
    check_environment(&options.environment)?;
    if let Some(user) = &options.user {
        check_user(user)?;
    }
    if options.files.len() > MOST_FILES {
        return Err(Error::invalid(format!(
            "there are {} files to place; {MOST_FILES} fit",
            options.files.len()
        ))
        .with_hint("upload a tree instead"));
    }
    if let Program::Command(CommandLine::Argv(argv)) = &start.program
        && argv.first().is_none_or(String::is_empty)
    {
        return Err(Error::invalid("there is no command to run"));
    }
    match options.time_limit {
        TimeLimit::Standard => Ok(Some(STANDARD_MS)),
        TimeLimit::Never => Ok(None),
        TimeLimit::After(limit) if (1..=LONGEST_MS).contains(&limit) => Ok(Some(limit)),
        TimeLimit::After(limit) => {
            Err(Error::invalid(format!("a time limit of {} s is out of range", limit / 1_000))
                .with_hint("choose 1 to 86,400 s, and run in the background for long work"))
        }
    }
}

fn command_for(about: &About<'_>, options: RunOptions, timeout_ms: Option<u64>) -> Result<Command> {
    let spec = about.spec;
    let directory = options.working_directory.as_ref();
    let directory = directory.map(|path| absolute(spec, path)).transpose()?;
    let mut environment = crate::secrets::environment(&about.handle.seat.sandbox());
    environment.extend(options.environment);
    Ok(Command {
        id: about.id.clone(),
        argv: Vec::new(),
        environment,
        working_directory: directory.unwrap_or(spec.working_directory.clone()),
        user: options.user.unwrap_or(spec.user.clone()),
        stdin: Stdin::Empty,
        terminal: options.terminal,
        timeout_ms,
        on_disconnect: options.on_disconnect,
    })
}

async fn place_files(handle: &Handle, spec: &Spec, files: &[PlacedFile]) -> Result<()> {
    for file in files {
        let path = absolute(spec, &file.path)?;
        let write = Write { path, mode: WriteMode::Replace, permissions: None };
        handle.guest.write(write, once(file.content.clone())).await?;
    }
    Ok(())
}

/// A stream of one piece.
pub(crate) fn once(content: Bytes) -> ByteStream {
    Box::pin(futures_util::stream::once(async move { Ok(content) }))
}

pub(crate) fn prepare_command(command: CommandLine, stdin: Stdin) -> Prepared {
    let (attempts, missing) = match command {
        CommandLine::Argv(argv) => {
            let program = clipped(argv.first().map_or("", String::as_str));
            (vec![Attempt { argv, stdin }], format!("there is no program `{program}`"))
        }
        CommandLine::Shell(text) => {
            // One argument of execve(2) has 128 KiB at most; nothing is pasted into it.
            let attempt = |shell: &str, stdin| Attempt {
                argv: vec![shell.to_owned(), "-c".to_owned(), text.clone()],
                stdin,
            };
            let attempts = vec![attempt("bash", stdin.clone()), attempt("sh", stdin)];
            (attempts, "the image has no shell".to_owned())
        }
    };
    let hint = "install it in the sandbox, or choose an image that has it".to_owned();
    Prepared { attempts, plots: None, missing: (missing, hint) }
}

pub(crate) async fn spawn_first(
    guest: &dyn Guest,
    command: Command,
    attempts: Vec<Attempt>,
    (missing, hint): (String, String),
) -> Result<Process> {
    let mut programs = Vec::new();
    let mut refusal = None;
    for attempt in attempts {
        programs.extend(attempt.argv.first().cloned());
        let command = Command { argv: attempt.argv, stdin: attempt.stdin, ..command.clone() };
        match guest.spawn(command).await {
            Err(error) if error.kind() == Kind::NotFound => refusal = refusal.or(Some(error)),
            other => return other,
        }
    }
    // A user or a folder can be missing too; then the guest's own words are the better ones.
    let programs: Vec<_> = programs.iter().map(String::as_str).collect();
    match (guest.find_program(&programs).await?, refusal) {
        (Some(_), Some(refusal)) => Err(refusal),
        (Some(_) | None, _) => Err(Error::unsupported(missing).with_hint(hint)),
    }
}

#[cfg(test)]
mod tests;
