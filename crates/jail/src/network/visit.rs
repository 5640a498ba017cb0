//! Listens in the network namespace of a sandbox that an ordinary user's launcher has no right to
//! enter by itself.
//!
//! The namespace belongs to the sandbox's user namespace, and only who is in that may enter it;
//! nobody comes back from there. So a child goes, makes the socket, hands it back and ends. No
//! process of the sandbox sees the child, which stays in the launcher's own pid namespace.

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType,
};
use rustix::thread::ThreadNameSpaceType;

use super::wires::{self, Wires};
use crate::failure::{At, Outcome};
use crate::process;
use crate::sys::{self, Cloned};

const STEP: &str = "listen for a sandbox's connections";

/// Makes wires in the network namespace of a process whose user namespace is the caller's own. None
/// where somebody listens there already, see [`Wires::listen`].
pub(crate) fn visit(pidfd: &OwnedFd) -> Outcome<Option<Wires>> {
    let (ours, theirs) = rustix::net::socketpair(
        AddressFamily::UNIX,
        SocketType::SEQPACKET,
        SocketFlags::CLOEXEC,
        None,
    )
    .at(STEP)?;
    match sys::clone(0, None).at(STEP)? {
        Cloned::Child => {
            drop(ours);
            let told = tell(&theirs, listen(pidfd));
            sys::exit_now(i32::from(told.is_err()))
        }
        Cloned::Parent { pidfd: child, .. } => {
            drop(theirs);
            // The child waits for nobody; where it dies, this ends too.
            let heard = hear(&ours);
            process::await_end(&child);
            match heard {
                Ok(listener) => Ok(Some(Wires::proxied(listener))),
                Err(Errno::ADDRINUSE) => Ok(None),
                Err(error) => Err(error).at(STEP),
            }
        }
    }
}

/// Runs in the child.
fn listen(pidfd: &OwnedFd) -> std::io::Result<OwnedFd> {
    let both = ThreadNameSpaceType::USER | ThreadNameSpaceType::NETWORK;
    rustix::thread::move_into_thread_name_spaces(pidfd.as_fd(), both)?;
    // The first process does this too, and may not have come so far.
    super::raise_loopback()?;
    Ok(wires::proxy()?)
}

/// Sends the socket, or the number of the error.
fn tell(to: &OwnedFd, made: std::io::Result<OwnedFd>) -> rustix::io::Result<()> {
    let error = made.as_ref().err().map_or(0, |error| error.raw_os_error().unwrap_or(libc::EIO));
    let listener: Vec<_> = made.iter().map(AsFd::as_fd).collect();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !listener.is_empty() {
        control.push(SendAncillaryMessage::ScmRights(&listener));
    }
    let number = error.to_ne_bytes();
    rustix::net::sendmsg(to, &[IoSlice::new(&number)], &mut control, SendFlags::NOSIGNAL).map(drop)
}

fn hear(from: &OwnedFd) -> rustix::io::Result<OwnedFd> {
    let mut number = [0_u8; 4];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut parts = [IoSliceMut::new(&mut number)];
    rustix::net::recvmsg(from, &mut parts, &mut control, RecvFlags::CMSG_CLOEXEC)?;
    let mut descriptors = control.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(descriptors) => Some(descriptors),
        _ => None,
    });
    match (descriptors.next().and_then(|mut all| all.next()), i32::from_ne_bytes(number)) {
        (Some(listener), 0) => Ok(listener),
        (_, 0) => Err(Errno::PIPE),
        (_, number) => Err(Errno::from_raw_os_error(number)),
    }
}
