//! The way to a sandbox's agent: its socket in the sandbox's folder.
//!
//! The path goes through the descriptor of the home, because a socket's path is limited to 108
//! bytes, unix(7), and a home's is not.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use infield_domain::SandboxId;
use infield_domain::guest::Guest;
use infield_protocol::client::Client;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

/// The inside of a sandbox. Every operation connects anew.
pub(crate) fn guest(home: Arc<OwnedFd>, id: &SandboxId) -> Arc<dyn Guest> {
    Arc::new(client(home, id))
}

/// The same, for what only this provider does.
pub(crate) fn client(home: Arc<OwnedFd>, id: &SandboxId) -> Client {
    let id = id.clone();
    Client::new(move || {
        connect(&format!("/proc/self/fd/{}/sandboxes/{id}/agent.sock", home.as_raw_fd()))
    })
}

fn connect(path: &str) -> io::Result<UnixStream> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    rustix::net::connect(&socket, &SocketAddrUnix::new(path)?)?;
    Ok(socket.into())
}
