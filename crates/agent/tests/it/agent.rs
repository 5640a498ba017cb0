//! An agent on a socket in a temporary folder, and what tests ask of it.

use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command as HostCommand, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use infield_domain::command::{
    Command, Ending, OnDisconnect, ProcessEvent, Signal, Stdin, Stream, TerminalSize,
};
use infield_domain::guest::{Guest, Process};
use infield_domain::id::ID_LETTERS;
use infield_domain::{ExecutionId, GuestPath, Result};
use infield_protocol::client::Client;
use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags, SocketType,
};

/// The longest that a test waits for anything.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

/// A running agent; ends with what it started when dropped.
pub(crate) struct Agent {
    pub(crate) client: Client,
    folder: tempfile::TempDir,
    child: Child,
    runtime: tokio::runtime::Runtime,
}

impl Agent {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let socket = folder.path().join("agent.sock");
        let workspace = folder.path().join("workspace");
        std::fs::create_dir(&workspace).expect("a workspace");
        let listener = UnixListener::bind(&socket).expect("a socket");
        let child = launch(&listener, &workspace);
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let client = Client::new(move || {
            let stream = UnixStream::connect(&socket)?;
            stream.set_nonblocking(true)?;
            Ok(stream)
        });
        Self { client, folder, child, runtime }
    }

    /// Runs a future of a test, but not for ever.
    pub(crate) fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        let limited = async { tokio::time::timeout(LIMIT, future).await };
        self.runtime.block_on(limited).expect("the test's limit")
    }

    pub(crate) fn workspace(&self) -> PathBuf {
        self.folder.path().join("workspace")
    }

    /// A connection without the client, for what no client would say.
    pub(crate) fn raw(&self) -> UnixStream {
        UnixStream::connect(self.folder.path().join("agent.sock")).expect("a connection")
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Runs a shell line to its end.
    pub(crate) fn shell(&self, line: &str) -> Seen {
        self.wait(async { collect(self.client.spawn(shell(line)).await?).await })
            .expect("the command runs")
    }
}

/// Starts the built agent with the descriptors that the launcher would give it. A shell moves
/// them to their numbers, because this crate's tests may not.
fn launch(listener: &UnixListener, workspace: &Path) -> Child {
    let (ours, theirs) = rustix::net::socketpair(
        AddressFamily::UNIX,
        SocketType::SEQPACKET,
        SocketFlags::CLOEXEC,
        None,
    )
    .expect("sockets");
    let inherited = inheritable(&theirs);
    hand_over(&ours, listener);
    HostCommand::new("/bin/bash")
        .arg("-c")
        .arg("exec 3<&\"$1\" 4</dev/null; exec \"$2\" 0 workspace=\"$3\"")
        .arg("launch")
        .arg(inherited.to_string())
        .arg(env!("CARGO_BIN_EXE_infield-agent"))
        .arg(workspace)
        .stdin(Stdio::null())
        .spawn()
        .expect("the agent starts")
}

/// Sends the listening socket, as the launcher does.
fn hand_over(channel: &OwnedFd, listener: &UnixListener) {
    let listener = [listener.as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    control.push(SendAncillaryMessage::ScmRights(&listener));
    let vectors = [IoSlice::new(b"listen")];
    rustix::net::sendmsg(channel, &vectors, &mut control, SendFlags::NOSIGNAL).expect("is sent");
}

/// A descriptor's number, which stays open over the execution of another program.
fn inheritable(channel: &OwnedFd) -> i32 {
    rustix::io::fcntl_setfd(channel, rustix::io::FdFlags::empty()).expect("descriptor flags");
    channel.as_raw_fd()
}

impl Drop for Agent {
    fn drop(&mut self) {
        let client = self.client.clone();
        let ended = self.runtime.block_on(async {
            let all = client.executions().await.unwrap_or_default();
            for execution in &all {
                client.signal(&execution.id, Signal::Kill).await?;
            }
            Ok::<_, infield_domain::Error>(())
        });
        self.child.kill().expect("the agent is ours to kill");
        self.child.wait().expect("the agent is ours to wait for");
        if !std::thread::panicking() {
            ended.expect("the agent answered to the last");
        }
    }
}

/// What a command said and how it ended.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
    pub(crate) ending: Ending,
}

impl Seen {
    pub(crate) fn out(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    pub(crate) fn err(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }
}

pub(crate) fn id() -> ExecutionId {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let mut random = [0; ID_LETTERS];
    for (place, letter) in random.iter_mut().take(4).enumerate() {
        *letter = (number >> (5 * place)).to_le_bytes()[0] & 31;
    }
    ExecutionId::from_random(random)
}

pub(crate) fn path(text: impl AsRef<Path>) -> GuestPath {
    text.as_ref().to_str().expect("UTF-8").parse().expect("a path")
}

/// A command as the engine would make it.
pub(crate) fn command(argv: &[&str]) -> Command {
    Command {
        id: id(),
        argv: argv.iter().map(|&word| word.to_owned()).collect(),
        environment: std::collections::BTreeMap::new(),
        working_directory: path("."),
        user: "root".to_owned(),
        stdin: Stdin::Empty,
        terminal: None,
        timeout_ms: None,
        on_disconnect: OnDisconnect::Continue,
    }
}

pub(crate) fn shell(line: &str) -> Command {
    command(&["/bin/sh", "-c", line])
}

pub(crate) fn terminal(columns: u16, rows: u16) -> Option<TerminalSize> {
    Some(TerminalSize { columns, rows })
}

/// Follows a command to its end.
pub(crate) async fn collect(process: Process) -> Result<Seen> {
    let Process { mut events, input } = process;
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    while let Some(event) = events.next().await {
        match event? {
            ProcessEvent::Output { stream: Stream::Stdout, data, .. } => stdout.extend(data),
            ProcessEvent::Output { stream: Stream::Stderr, data, .. } => stderr.extend(data),
            ProcessEvent::Ended(ending) => {
                drop(input);
                return Ok(Seen { stdout, stderr, ending });
            }
        }
    }
    Err(infield_domain::Error::internal("the events ended without an ending"))
}

/// Waits until something holds, with a limit.
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let until = Instant::now() + LIMIT;
    while !holds() {
        assert!(Instant::now() < until, "{what} did not come about");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

pub(crate) fn is_alive(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit(')').next().unwrap_or_default().starts_with(" Z"))
}
