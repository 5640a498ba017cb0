//! Who may use the unix socket: the user that started infield, from our own namespaces.
//!
//! The user alone is not enough. Where infield runs without root, a sandbox may have the same id
//! outside, so that a process of it would be taken for the user if it ever got at the socket.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use infield_domain::{Error, Principal};
use infield_rest::PeerCheck;
use tokio::net::UnixStream;

use super::options::Setup;

/// What an operator's things are called when the client gives no name.
const OWNER: &str = "local";

/// Bytes for a file of /proc: the longest map of users has 340 lines of 33, user_namespaces(7), and
/// the status of a process is shorter.
const ROOM: usize = 12 << 10;

/// Makes the check for this daemon.
pub(super) fn check(setup: &Setup) -> PeerCheck {
    let (operator, account) = (setup.operator, setup.account);
    let users = OnceLock::new();
    Arc::new(move |stream: &UnixStream| {
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
        let same = if account.is_some() {
            our_users(&users).and_then(|users| looks_same(pid, users))
        } else {
            is_same(pid)
        };
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
fn looks_same(pid: i32, our_users: &str) -> io::Result<bool> {
    let mut room = [0; ROOM];
    let status = read(&format!("/proc/{pid}/status"), &mut room)?;
    let pids = status.lines().find_map(|line| line.strip_prefix("NSpid:")).unwrap_or_default();
    let has_one_pid = pids.split_whitespace().count() == 1;
    Ok(has_one_pid && read(&format!("/proc/{pid}/uid_map"), &mut room)? == our_users)
}

/// Our own map of users. It is read once: a map is written once, user_namespaces(7).
fn our_users(kept: &OnceLock<String>) -> io::Result<&str> {
    if let Some(users) = kept.get() {
        return Ok(users);
    }
    let users = read("/proc/self/uid_map", &mut [0; ROOM])?.to_owned();
    Ok(kept.get_or_init(|| users))
}

/// Reads the whole of a file into the room there is, and refuses what does not fit. In /proc that
/// takes one read(2) and one more that finds the end, and no look at a length that is never told.
fn read<'a>(path: &str, room: &'a mut [u8]) -> io::Result<&'a str> {
    let mut file = File::open(path)?;
    let mut length = 0;
    loop {
        match file.read(&mut room[length..]) {
            Ok(0) if length < room.len() => break,
            Ok(0) => {
                let what = format!("`{path}` has {length} bytes or more");
                return Err(io::Error::new(io::ErrorKind::FileTooLarge, what));
            }
            Ok(more) => length += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let text = str::from_utf8(&room[..length]);
    text.map_err(|cause| io::Error::new(io::ErrorKind::InvalidData, cause))
}

#[cfg(test)]
mod tests;
