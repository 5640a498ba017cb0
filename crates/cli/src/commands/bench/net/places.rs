//! Where the peer of `infield bench net` runs, and the servers that it meets.
//!
//! ```text
//! loopback  peer ─▶ 127.0.0.1 ─▶ server                                    on the host
//! direct    peer ─▶ pair of interfaces ─▶ server                           in a namespace
//! sandbox   peer ─▶ network process ─▶ the same pair ─▶ the same server
//! ```

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::process::{Command as Foreground, Stdio as Pipes};
use std::time::Duration;

use infield_domain::{Error, Result};
use infield_rest::stream::ServerFrame;
use infield_rest::wire::{
    CreateSandbox, Execute, FileEntry, NetworkLimits, ResourceWishes, RunAnswer, Sandbox, Stdin,
    WriteQuery,
};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use super::PEER;
use super::peer::{Found, Work};
use crate::client::{Client, Inputs, Request};
use crate::commands::bench::host;
use crate::commands::cp::read_file;
use crate::commands::info::path;

/// Blocks for documents (RFC 5737), of which the server and the host get addresses.
const BLOCKS: [[u8; 3]; 3] = [[198, 51, 100], [203, 0, 113], [192, 0, 2]];
/// Our own binary, on the host and in the sandbox.
const OWN: &str = "/proc/self/exe";
const COPY: &str = "/workspace/infield-bench";
/// How long a peer may take for anything.
const PATIENCE: Duration = Duration::from_secs(120);
/// Files that the peer in the sandbox may have open, beside its connections.
const OTHER_FILES: u32 = 256;

/// A way to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Loopback,
    Direct,
    Sandbox,
}

/// Everything that is measured.
pub(super) struct Places {
    client: Client,
    loopback: Server,
    outside: Server,
    sandbox: Sandbox,
}

/// Connections that are held until this is released.
pub(super) enum Held {
    Process(Box<Process>),
    Inside(Inputs, crate::client::Events),
}

impl Places {
    /// Makes both servers, and a sandbox that may have so many connections to the second.
    pub(super) async fn open(client: &Client, connections: u32) -> Result<Self> {
        let loopback = Server::here().await?;
        let outside = Server::outside().await?;
        let wish = CreateSandbox {
            network: Some("none".to_owned()),
            allow: vec![outside.address.to_string()],
            network_limits: NetworkLimits {
                connections: Some(connections.saturating_add(OTHER_FILES)),
                ..NetworkLimits::default()
            },
            resources: ResourceWishes {
                open_files: Some(connections.saturating_add(OTHER_FILES)),
                ..ResourceWishes::default()
            },
            ..CreateSandbox::default()
        };
        let sandbox: Sandbox = client.json(Request::post("/v1/sandboxes", &wish)?).await?;
        let places = Self { client: client.clone(), loopback, outside, sandbox };
        match places.bring_copy().await {
            Ok(()) => Ok(places),
            Err(error) => {
                places.close().await?;
                Err(error)
            }
        }
    }

    async fn bring_copy(&self) -> Result<()> {
        let permissions = Some("755".to_owned());
        let query = WriteQuery { path: COPY.to_owned(), mode: None, permissions };
        let target = format!("{}/file", path(&self.sandbox.id));
        let content = read_file(std::path::Path::new(OWN)).await?;
        let _written: FileEntry =
            self.client.json(Request::put(target, content).query(&query)?).await?;
        Ok(())
    }

    /// Removes the sandbox; the servers end with their standard input.
    pub(super) async fn close(self) -> Result<()> {
        let _gone: Sandbox = self.client.json(Request::delete(path(&self.sandbox.id))).await?;
        Ok(())
    }

    /// The process that carries what the sandbox sends.
    pub(super) async fn network_process(&self) -> Result<String> {
        super::crowd::network_process(self.client.keeper().await?)
    }

    /// Has a peer do its work once.
    pub(super) async fn measure(&self, place: Place, work: Work) -> Result<Found> {
        match place {
            Place::Loopback => Process::start(self.loopback.address, work)?.found().await,
            Place::Direct => Process::start(self.outside.address, work)?.found().await,
            Place::Sandbox => {
                let target = format!("{}/executions", path(&self.sandbox.id));
                let request = Request::post(target, &self.execution(work))?.patient(PATIENCE);
                let answer: RunAnswer = self.client.json(request).await?;
                parse(&answer.stdout.text).ok_or_else(|| {
                    let said = format!("{}{}", answer.stdout.text, answer.stderr.text);
                    Error::internal(format!("the peer in the sandbox said `{}`", said.trim()))
                })
            }
        }
    }

    /// Opens connections that nobody reads; they are there when this returns.
    pub(super) async fn hold(&self, place: Place, connections: u32) -> Result<Held> {
        let work = Work::Hold { connections };
        let address = match place {
            Place::Loopback => self.loopback.address,
            Place::Direct => self.outside.address,
            Place::Sandbox => return self.hold_inside(work).await,
        };
        let mut process = Process::start(address, work)?;
        process.line().await?;
        Ok(Held::Process(Box::new(process)))
    }

    async fn hold_inside(&self, work: Work) -> Result<Held> {
        let execution = Execute { stdin: Some(Stdin::Stream), ..self.execution(work) };
        let target = format!("{}/executions", path(&self.sandbox.id));
        let connection = self.client.upgrade(Request::post(target, &execution)?).await?;
        let (mut events, inputs) = connection.frames();
        let begun = timeout(PATIENCE, async {
            loop {
                match events.next().await? {
                    ServerFrame::Stdout(_) => return Ok(()),
                    ServerFrame::Stderr(text) => {
                        let text = String::from_utf8_lossy(&text).trim().to_owned();
                        return Err(Error::internal(text));
                    }
                    ServerFrame::Ended(_) | ServerFrame::Error(_) => {
                        return Err(Error::internal("the peer in the sandbox ended"));
                    }
                    ServerFrame::Started(_) | ServerFrame::Refused(_) => {}
                }
            }
        });
        begun.await.map_err(|_| late())??;
        Ok(Held::Inside(inputs, events))
    }

    fn execution(&self, work: Work) -> Execute {
        let words = [COPY, PEER].map(str::to_owned).into_iter();
        let words = words.chain([self.outside.address.to_string()]).chain(work.words());
        Execute { argv: Some(words.collect()), ..Execute::default() }
    }
}

impl Held {
    /// Closes them.
    pub(super) async fn release(self) -> Result<()> {
        match self {
            Self::Process(mut process) => {
                process.input = None;
                process.child.wait().await.map(drop).map_err(lost)
            }
            Self::Inside(mut inputs, mut events) => {
                inputs.stdin(bytes::Bytes::new()).await?;
                let ended = timeout(PATIENCE, async {
                    while !matches!(events.next().await?, ServerFrame::Ended(_)) {}
                    Ok(())
                });
                ended.await.map_err(|_| late())?
            }
        }
    }
}

/// A server, which ends with this.
struct Server {
    address: SocketAddr,
    /// Its end is the server's.
    _process: Process,
}

impl Server {
    async fn here() -> Result<Self> {
        let mut command = Command::new(OWN);
        command.args([PEER, "serve", "127.0.0.1"]);
        let mut process = Process::spawn(command)?;
        let port = port(&process.line().await?)?;
        Ok(Self { address: SocketAddr::new([127, 0, 0, 1].into(), port), _process: process })
    }

    /// One in a network namespace, which lasts as long as its process.
    async fn outside() -> Result<Self> {
        for program in ["ip", "unshare"] {
            if !rustix::process::geteuid().is_root() || !host::has(program) {
                return Err(Error::unsupported("a namespace for the server cannot be made")
                    .with_hint("run this as root, with iproute2 and util-linux installed"));
            }
        }
        let own = std::env::current_exe().map_err(lost)?;
        let [here, outside] = free_addresses()?;
        let mut command = Command::new("unshare");
        command.args(["--net", "--"]).arg(own).args([
            PEER,
            "serve",
            &outside.to_string(),
            "outside",
        ]);
        let mut process = Process::spawn(command)?;
        process.line().await?;
        let pid = process.child.id().ok_or_else(late)?;
        let interface = format!("ifb{pid}");
        for step in [
            format!("link add {interface} type veth peer name outside netns {pid}"),
            format!("addr add {here}/30 dev {interface}"),
            format!("link set {interface} up"),
        ] {
            let mut ip = Foreground::new("ip");
            host::to_end(ip.args(step.split(' ')).stdin(Pipes::null()))?;
        }
        process.input()?.write_all(b"go\n").await.map_err(lost)?;
        let port = port(&process.line().await?)?;
        Ok(Self { address: SocketAddr::new(outside.into(), port), _process: process })
    }
}

/// Two addresses of a block that nothing of this host is in.
fn free_addresses() -> Result<[Ipv4Addr; 2]> {
    let addresses = BLOCKS.map(|[a, b, c]| [1, 2].map(|last| Ipv4Addr::new(a, b, c, last)));
    let is_free = |[_, outside]: &[Ipv4Addr; 2]| {
        // Nothing is sent: the kernel says from which address it would be.
        let source = UdpSocket::bind("0.0.0.0:0").and_then(|socket| {
            socket.connect((*outside, 9))?;
            socket.local_addr()
        });
        let block = |address: IpAddr| match address {
            IpAddr::V4(four) => Some(four.to_bits() >> 8),
            IpAddr::V6(_) => None,
        };
        source.map_or(true, |source| block(source.ip()) != block((*outside).into()))
    };
    addresses.into_iter().find(is_free).ok_or_else(|| {
        Error::unsupported("this host has addresses of every block for documents")
            .with_hint("end the other benches")
    })
}

fn port(line: &str) -> Result<u16> {
    line.parse().map_err(|_| Error::internal(format!("the server's port is `{line}`")))
}

/// A process of the host that ends with its standard input.
pub(super) struct Process {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Process {
    fn start(to: SocketAddr, work: Work) -> Result<Self> {
        let mut command = Command::new(OWN);
        command.arg(PEER).arg(to.to_string()).args(work.words());
        Self::spawn(command)
    }

    fn spawn(mut command: Command) -> Result<Self> {
        command.stdin(Pipes::piped()).stdout(Pipes::piped()).kill_on_drop(true);
        let mut child = command.spawn().map_err(lost)?;
        let (input, output) = (child.stdin.take(), child.stdout.take().ok_or_else(late)?);
        Ok(Self { child, input, output: BufReader::new(output) })
    }

    fn input(&mut self) -> Result<&mut ChildStdin> {
        self.input.as_mut().ok_or_else(late)
    }

    async fn line(&mut self) -> Result<String> {
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

    async fn found(mut self) -> Result<Found> {
        let line = self.line().await?;
        parse(&line).ok_or_else(|| Error::internal(format!("the peer said `{line}`")))
    }
}

fn parse(text: &str) -> Option<Found> {
    serde_json::from_str(text.trim()).ok()
}

fn late() -> Error {
    Error::timeout("a process of the bench did not answer in time")
}

fn lost(source: std::io::Error) -> Error {
    Error::unavailable("a process of the bench was lost").with_source(source)
}
