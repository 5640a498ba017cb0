//! What is measured, one entry for each latency.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use infield_domain::command::Ending;
use infield_domain::sandbox::Resources;
use infield_domain::{Error, Result};
use infield_rest::stream::ServerFrame;
use infield_rest::wire::{CreateSandbox, Execute, ResourceWishes, Run, RunAnswer, Sandbox};

use super::host::{self, PYTHON_CODE, STATIC_ARGUMENT};
use super::rpc::{self, Pipe};
use crate::client::{Client, Kept, Request};
use crate::commands::info::path;
use crate::error::from_detail;

/// A latency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    HostTrue,
    ExecTrue,
    HostStatic,
    RunStatic,
    HostPython,
    ChrootPython,
    RunPython,
    UnlikePython,
    HttpPython,
    McpPython,
    McpHttpPython,
    BwrapProcess,
    RunProcess,
}

impl Subject {
    /// Every one, each beside what it is compared with.
    pub(super) const ALL: [Self; 13] = [
        Self::HostTrue,
        Self::ExecTrue,
        Self::HostStatic,
        Self::RunStatic,
        Self::HostPython,
        Self::ChrootPython,
        Self::UnlikePython,
        Self::RunPython,
        Self::HttpPython,
        Self::McpPython,
        Self::McpHttpPython,
        Self::BwrapProcess,
        Self::RunProcess,
    ];

    /// The words for it.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::HostTrue => "host: /bin/true to its end",
            Self::ExecTrue => "running sandbox: /bin/true to its end",
            Self::HostStatic => "host: static program to its end",
            Self::RunStatic => "new sandbox: static program to its end",
            Self::HostPython => "host: python3 to its output",
            Self::ChrootPython => "chroot: python3 to its output",
            Self::RunPython => "new sandbox: Python to its output",
            Self::UnlikePython => "new sandbox, no process ahead: Python to its output",
            Self::HttpPython => "new sandbox over HTTP: Python to its output",
            Self::McpPython => "new sandbox over MCP: Python to the answer",
            Self::McpHttpPython => "new sandbox over MCP and HTTP: Python to the answer",
            Self::BwrapProcess => "bwrap: whole process with python3",
            Self::RunProcess => "infield run: whole process with Python",
        }
    }
}

/// What the measuring needs.
pub(super) struct Bench {
    client: Client,
    kept: Kept,
    network: Option<Client>,
    home: Option<PathBuf>,
    sandbox: Sandbox,
    pipe: Pipe,
    static_program: Option<PathBuf>,
}

impl Bench {
    /// Makes the sandbox that commands are run in, and opens the MCP connection.
    pub(super) async fn open(
        client: Client,
        network: Option<Client>,
        home: Option<PathBuf>,
    ) -> Result<Self> {
        let pipe = Pipe::open(&client).await?;
        let request = Request::post("/v1/sandboxes", &CreateSandbox::default())?;
        let sandbox = client.json(request).await?;
        let static_program = host::static_program();
        let kept = client.keep().await?;
        Ok(Self { client, kept, network, home, sandbox, pipe, static_program })
    }

    /// Removes the sandbox.
    pub(super) async fn close(self) -> Result<()> {
        let _gone: Sandbox = self.client.json(Request::delete(path(&self.sandbox.id))).await?;
        Ok(())
    }

    /// Why a latency cannot be taken here.
    pub(super) fn missing(&self, subject: Subject) -> Option<&'static str> {
        let (there, reason) = match subject {
            Subject::ChrootPython => (rustix::process::geteuid().is_root(), "needs root"),
            Subject::BwrapProcess => (host::has("bwrap"), "bwrap is not installed"),
            Subject::HostStatic | Subject::RunStatic => {
                (self.static_program.is_some(), "this host has no static program that is known")
            }
            Subject::HttpPython | Subject::McpHttpPython => {
                (self.network.is_some(), "give the daemon's listener with `--http`")
            }
            Subject::HostPython => (host::has("python3"), "python3 is not installed"),
            Subject::HostTrue
            | Subject::ExecTrue
            | Subject::RunPython
            | Subject::UnlikePython
            | Subject::McpPython
            | Subject::RunProcess => (true, ""),
        };
        (!there).then_some(reason)
    }

    /// Does it once.
    pub(super) async fn measure(&mut self, subject: Subject) -> Result<Duration> {
        match subject {
            Subject::HostTrue => host::to_end(&mut host::command(&["/bin/true"])),
            Subject::ExecTrue => self.exec_true().await,
            Subject::HostStatic => {
                let program = self.static_words()?;
                host::to_end(&mut host::command(&[program.as_str(), STATIC_ARGUMENT]))
            }
            Subject::RunStatic => self.run_static().await,
            Subject::HostPython => {
                host::to_output(&mut host::command(&["python3", "-c", PYTHON_CODE]))
            }
            Subject::ChrootPython => host::to_output(&mut host::chroot_python()),
            Subject::RunPython => run_python(&self.client, CreateSandbox::default()).await,
            Subject::UnlikePython => self.run_unlike().await,
            Subject::HttpPython => run_python(self.network()?, CreateSandbox::default()).await,
            Subject::McpPython => self.pipe.run_python().await,
            Subject::McpHttpPython => rpc::run_python_over_http(self.network()?).await,
            Subject::BwrapProcess => host::to_end(&mut host::bwrap_python()),
            Subject::RunProcess => host::to_end(&mut self.own_process()?),
        }
    }

    fn network(&self) -> Result<&Client> {
        self.network.as_ref().ok_or_else(|| Error::invalid("there is no address for HTTP"))
    }

    fn static_words(&self) -> Result<String> {
        let program = self.static_program.as_ref().and_then(|path| path.to_str());
        program.map(str::to_owned).ok_or_else(|| Error::not_found("there is no static program"))
    }

    /// Runs `/bin/true`, and waits for the answer that has its end.
    async fn exec_true(&mut self) -> Result<Duration> {
        let argv = Some(vec!["/bin/true".to_owned()]);
        let execution = Execute { argv, ..Execute::default() };
        let target = format!("{}/executions", path(&self.sandbox.id));
        let start = Instant::now();
        let ended: RunAnswer = self.kept.json(Request::post(target, &execution)?).await?;
        let took = start.elapsed();
        match ended.ending {
            Some(ending) if ending.exit_code == 0 => Ok(took),
            other => Err(Error::internal(format!("`/bin/true` ended with {other:?}"))),
        }
    }

    async fn run_static(&self) -> Result<Duration> {
        let argv = Some(vec![self.static_words()?, STATIC_ARGUMENT.to_owned()]);
        let execution = Execute { argv, ..Execute::default() };
        let run = Run { execution, ..Run::default() };
        let kept = self.client.keep().await?;
        let start = Instant::now();
        follow(kept, Request::post("/v1/run", &run)?).await?;
        Ok(start.elapsed())
    }

    /// The launcher prepares the next sandbox for limits like those of the one before. This one has
    /// others, and one more with the usual limits follows it, so that the next subject finds what
    /// it would find.
    async fn run_unlike(&self) -> Result<Duration> {
        let took = run_python(&self.client, unlike()).await?;
        run_python(&self.client, CreateSandbox::default()).await?;
        Ok(took)
    }

    /// `infield run`, as a shell would start it.
    fn own_process(&self) -> Result<Command> {
        let own = std::env::current_exe()
            .map_err(|source| Error::internal("our own file is not known").with_source(source))?;
        let own =
            own.to_str().ok_or_else(|| Error::invalid("our own file has no name in UTF-8"))?;
        let mut command = host::command(&[own]);
        if let Some(home) = &self.home {
            command.arg("--home").arg(home);
        }
        command.args(["run", "-c", PYTHON_CODE]);
        Ok(command)
    }
}

/// A sandbox with limits that no other subject has.
fn unlike() -> CreateSandbox {
    let pids = Some(Resources::DEFAULT.pids - 1);
    let resources = ResourceWishes { pids, ..ResourceWishes::default() };
    CreateSandbox { resources, ..CreateSandbox::default() }
}

/// Runs Python in a new sandbox; how long until its output was read.
async fn run_python(client: &Client, sandbox: CreateSandbox) -> Result<Duration> {
    let execution = Execute { code: Some(PYTHON_CODE.to_owned()), ..Execute::default() };
    let run = Run { sandbox, execution };
    let kept = client.keep().await?;
    let start = Instant::now();
    let (first, _) = follow(kept, Request::post("/v1/run", &run)?).await?;
    first.map(|at| at - start).ok_or_else(|| Error::internal("Python wrote nothing"))
}

/// Follows a stream to its end: when the first output came, and how it ended.
async fn follow(kept: Kept, request: Request) -> Result<(Option<Instant>, Ending)> {
    let (mut events, _inputs) = kept.upgrade(request).await?.frames();
    let mut first = None;
    loop {
        match events.next().await? {
            ServerFrame::Stdout(bytes) if !bytes.is_empty() => {
                first.get_or_insert_with(Instant::now);
            }
            ServerFrame::Started(_)
            | ServerFrame::Stdout(_)
            | ServerFrame::Stderr(_)
            | ServerFrame::Refused(_) => {}
            ServerFrame::Ended(ending) if ending.exit_code == 0 => return Ok((first, ending)),
            ServerFrame::Ended(ending) => {
                return Err(Error::internal(format!("it ended with {}", ending.exit_code)));
            }
            ServerFrame::Error(body) => return Err(from_detail(body.error)),
        }
    }
}
