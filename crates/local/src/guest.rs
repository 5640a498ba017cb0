//! The way to a sandbox's agent: its socket in the sandbox's folder.
//!
//! The path goes through the descriptor of the home, because a socket's path is limited to 108
//! bytes, unix(7), and a home's is not.

use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;

use infield_domain::SandboxId;
use infield_domain::guest::Guest;
use infield_protocol::client::Client;
use tokio::net::UnixStream;

/// The inside of a sandbox. Every operation connects anew.
pub(crate) fn guest(home: Arc<OwnedFd>, id: &SandboxId) -> Arc<dyn Guest> {
    let id = id.clone();
    Arc::new(Client::new(move || {
        let (home, id) = (Arc::clone(&home), id.clone());
        Box::pin(async move {
            let path = format!("/proc/self/fd/{}/sandboxes/{id}/agent.sock", home.as_raw_fd());
            UnixStream::connect(path).await
        })
    }))
}
