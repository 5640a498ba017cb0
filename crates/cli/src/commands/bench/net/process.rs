//! Processes of the bench on the host, which end with their standard input.

use std::net::SocketAddr;
use std::process::Stdio as Pipes;
use std::time::Duration;

use infield_domain::{Error, Result};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use super::PEER;
use super::peer::{Found, Work};

/// Our own binary.
pub(super) const OWN: &str = "/proc/self/exe";
/// How long a process of the bench may take for anything.
pub(super) const PATIENCE: Duration = Duration::from_secs(120);

/// A process of the host that ends with its standard input.
pub(super) struct Process {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Process {
    /// A peer that does its work.
    pub(super) fn start(to: SocketAddr, work: Work) -> Result<Self> {
        let mut command = Command::new(OWN);
        command.arg(PEER).arg(to.to_string()).args(work.words());
        Self::spawn(command)
    }

    /// One that is killed when nobody waits for it any more.
    pub(super) fn spawn(mut command: Command) -> Result<Self> {
        command.kill_on_drop(true);
        Self::lasting(command)
    }

    /// One that has something to do yet when its standard input has ended.
    pub(super) fn lasting(mut command: Command) -> Result<Self> {
        command.stdin(Pipes::piped()).stdout(Pipes::piped());
        let mut child = command.spawn().map_err(lost)?;
        let (input, output) = (child.stdin.take(), child.stdout.take().ok_or_else(late)?);
        Ok(Self { child, input, output: BufReader::new(output) })
    }

    /// Its number.
    pub(super) fn id(&self) -> Result<u32> {
        self.child.id().ok_or_else(late)
    }

    /// Tells it a line.
    pub(super) async fn tell(&mut self, line: &str) -> Result<()> {
        let input = self.input.as_mut().ok_or_else(late)?;
        input.write_all(format!("{line}\n").as_bytes()).await.map_err(lost)
    }

    /// The next line that it says.
    pub(super) async fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        timeout(PATIENCE, self.output.read_line(&mut line))
            .await
            .map_err(|_| late())?
            .map_err(lost)?;
        if line.is_empty() {
            return Err(Error::unavailable("a process of the bench ended"));
        }
        Ok(line.trim().to_owned())
    }

    /// What a peer found.
    pub(super) async fn found(mut self) -> Result<Found> {
        let line = self.line().await?;
        parse(&line).ok_or_else(|| Error::internal(format!("the peer said `{line}`")))
    }

    /// Ends its standard input, and waits until it has ended.
    pub(super) async fn end(mut self) -> Result<()> {
        self.input = None;
        let ended = timeout(PATIENCE, self.child.wait()).await.map_err(|_| late())?;
        ended.map(drop).map_err(lost)
    }
}

/// What a peer printed.
pub(super) fn parse(text: &str) -> Option<Found> {
    serde_json::from_str(text.trim()).ok()
}

/// Nothing came in time.
pub(super) fn late() -> Error {
    Error::timeout("a process of the bench did not answer in time")
}

/// A process is gone.
pub(super) fn lost(source: std::io::Error) -> Error {
    Error::unavailable("a process of the bench was lost").with_source(source)
}
