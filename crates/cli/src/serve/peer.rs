//! Who may use the unix socket: the user that started infield, from our own namespaces.
//!
//! The user alone is not enough. Where infield runs without root, a sandbox may have the same id
//! outside, so that a process of it would be taken for the user if it ever got at the socket.

use std::fs;
use std::io;
use std::path::PathBuf;

use infield_domain::{Error, Principal};
use infield_rest::PeerCheck;
use tokio::net::UnixStream;

use super::options::Setup;

/// What an operator's things are called when the client gives no name.
const OWNER: &str = "local";

/// Makes the check for this daemon.
pub(super) fn check(setup: &Setup) -> PeerCheck {
    let (operator, account) = (setup.operator, setup.account);
    std::sync::Arc::new(move |stream: &UnixStream| {
        let peer = stream.peer_cred().map_err(|error| {
            Error::internal("the other end of a connection is not known").with_source(error)
        })?;
        let known = [Some(operator), account.map(|account| account.id)];
        if !known.contains(&Some(peer.uid())) {
            return Err(refused("another user's process"));
        }
        // No pid: the process is in a pid namespace that we do not see, unix(7).
        let pid = peer.pid().filter(|pid| *pid > 0);
        let pid = pid.ok_or_else(|| refused("a process of another namespace"))?;
        let same = if account.is_some() { looks_same(pid) } else { is_same(pid) };
        match same {
            Ok(true) => Ok(Principal::operator(OWNER)),
            Ok(false) => Err(refused("a process of another namespace")),
            Err(error) => Err(refused("a process that cannot be looked at").with_source(error)),
        }
    })
}

fn refused(who: &str) -> Error {
    Error::denied(format!("the daemon's socket does not serve {who}"))
        .with_hint("run the command as the user that started the daemon, outside of containers")
}

/// Compares the namespaces themselves, which a process may do with those of its own user.
fn is_same(pid: i32) -> io::Result<bool> {
    for kind in ["user", "pid"] {
        let theirs = fs::read_link(format!("/proc/{pid}/ns/{kind}"))?;
        if theirs != fs::read_link(PathBuf::from("/proc/self/ns").join(kind))? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Compares what everybody may see of another user's process: that it has one pid, counted from
/// our namespace down to its own, and our map of users.
fn looks_same(pid: i32) -> io::Result<bool> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let pids = status.lines().find_map(|line| line.strip_prefix("NSpid:")).unwrap_or_default();
    let theirs = fs::read_to_string(format!("/proc/{pid}/uid_map"))?;
    let ours = fs::read_to_string("/proc/self/uid_map")?;
    Ok(pids.split_whitespace().count() == 1 && theirs == ours)
}

#[cfg(test)]
mod tests;
