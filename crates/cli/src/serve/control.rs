//! What the keeper and its children say to each other, over the child's standard input.
//!
//! A launcher is told [`ToLauncher`] once, with its socket, a network process [`ToNetwork`], and an
//! opener [`ToOpener`];
//! the end of their standard input is the keeper's end. The rest is the daemon's.
//!
//! One packet is one word, with at most one descriptor. The keeper says [`ToDaemon::Setup`] first,
//! then hands over descriptors, then [`ToDaemon::Begin`]; later it hands over the socket of each
//! new launcher, and says [`ToDaemon::End`]. The daemon says [`FromDaemon::Ready`] once. Either
//! side's death is the other's end of file.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;

use infield_local::packet;
use rustix::event::{PollFd, PollFlags};
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{Interest, unix::AsyncFd};

use super::options::{Account, IdBlock, Setup};

/// Bytes of a word at most: a path and some numbers.
const MOST_BYTES: usize = 16 << 10;

/// The one thing that a launcher is told; its socket comes along.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct ToLauncher {
    /// The path of the home.
    pub(super) home: PathBuf,
    /// The ids that sandboxes get, where root started infield.
    pub(super) ids: Option<IdBlock>,
    /// The account that connects to the sandboxes' sockets.
    pub(super) account: u32,
    /// The keeper, without whom the launcher ends.
    pub(super) keeper: i32,
}

/// The one thing that a network process is told; the daemon's socket comes along.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct ToNetwork {
    /// The account to become, where root started infield.
    pub(super) account: Option<Account>,
}

/// The one thing that an opener is told; the daemon's socket comes along.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct ToOpener {
    /// The account to become, where root started infield.
    pub(super) account: Option<Account>,
    /// The key for secrets.
    pub(super) key: String,
    /// A file of authorities that hosts are verified by besides those of the system.
    pub(super) trust: Option<PathBuf>,
}

/// What the keeper says to a daemon.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum ToDaemon {
    /// The first word.
    Setup(Box<Setup>),
    /// The open home comes along.
    Home,
    /// The listening unix socket comes along.
    Unix,
    /// The listening TCP socket comes along.
    Tcp,
    /// The listening TCP socket of previews comes along.
    Preview,
    /// The open file of the previews' certificate comes along.
    PreviewChain,
    /// The open file of its key comes along.
    PreviewKey,
    /// The listening TCP socket of the gateway for SSH comes along.
    Ssh,
    /// The socket of a launcher comes along.
    Launcher,
    /// The socket of a network process comes along.
    Network,
    /// The socket of an opener comes along.
    Opener,
    /// Everything is handed over.
    Begin,
    /// End, and leave the sandboxes.
    End,
}

/// What the daemon says.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum FromDaemon {
    /// It answers.
    Ready,
}

/// Both ends of a socket of packets.
pub(super) fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let flags = SocketFlags::CLOEXEC;
    Ok(rustix::net::socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?)
}

/// Says a word. Waits for nobody: a queue that is full of these few words is a fault.
pub(super) fn say(
    socket: impl AsFd,
    word: &impl Serialize,
    descriptor: Option<BorrowedFd<'_>>,
) -> io::Result<()> {
    packet::send(socket, &serde_json::to_vec(word)?, descriptor)
}

/// Waits for a word, for a process without a runtime; none at the end.
pub(super) fn hear<T: DeserializeOwned>(
    socket: impl AsFd,
) -> io::Result<Option<(T, Option<OwnedFd>)>> {
    loop {
        let mut polled = [PollFd::new(&socket, PollFlags::IN)];
        match rustix::event::poll(&mut polled, None) {
            Ok(_) => return read(&socket),
            Err(rustix::io::Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// Waits for a word; none at the end. Nothing is lost when the wait is given up.
pub(super) async fn listen<T: DeserializeOwned>(
    socket: &AsyncFd<OwnedFd>,
) -> io::Result<Option<(T, Option<OwnedFd>)>> {
    socket.async_io(Interest::READABLE, |socket| read(socket)).await
}

fn read<T: DeserializeOwned>(socket: impl AsFd) -> io::Result<Option<(T, Option<OwnedFd>)>> {
    let mut buffer = [0; MOST_BYTES];
    let (length, mut descriptors) = packet::receive(socket, &mut buffer)?;
    let descriptor = descriptors.pop();
    if !descriptors.is_empty() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "a word has one descriptor at most",
        ));
    }
    if length == 0 {
        return Ok(None);
    }
    Ok(Some((serde_json::from_slice(&buffer[..length])?, descriptor)))
}
