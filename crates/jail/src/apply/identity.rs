//! What tells one sandbox from another of the same shape, as the launcher says it to a process
//! that has done everything else.

use std::ffi::CString;
use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags,
};

/// Bytes of one message at most.
const MESSAGE_BYTES: usize = 4096;

/// Which sandbox a process is.
#[derive(Debug)]
pub(crate) struct Identity {
    /// The name that it sees as its own.
    pub(crate) hostname: String,
    /// The agent's listening socket.
    pub(crate) listener: OwnedFd,
    /// The agent's arguments, without those that are known at the hand-over.
    pub(crate) settings: Vec<CString>,
}

impl Identity {
    /// Says it; the record must be on disk.
    pub(crate) fn send(&self, channel: BorrowedFd<'_>) -> rustix::io::Result<()> {
        let mut message = self.hostname.clone().into_bytes();
        for setting in &self.settings {
            message.push(0);
            message.extend_from_slice(setting.as_bytes());
        }
        let listener = [self.listener.as_fd()];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        control.push(SendAncillaryMessage::ScmRights(&listener));
        let vectors = [IoSlice::new(&message)];
        rustix::net::sendmsg(channel, &vectors, &mut control, SendFlags::NOSIGNAL).map(drop)
    }

    /// Waits for it; none when the launcher is gone.
    pub(super) fn receive(channel: BorrowedFd<'_>) -> Option<Self> {
        let mut message = [0_u8; MESSAGE_BYTES];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut vectors = [IoSliceMut::new(&mut message)];
        let flags = RecvFlags::CMSG_CLOEXEC;
        let received = rustix::net::recvmsg(channel, &mut vectors, &mut control, flags).ok()?;
        let listener = control.drain().find_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
            _ => None,
        })?;
        let mut words = message.get(..received.bytes)?.split(|byte| *byte == 0);
        let hostname = String::from_utf8(words.next()?.to_vec()).ok()?;
        let settings = words.map(CString::new).collect::<Result<_, _>>().ok()?;
        Some(Self { hostname, listener, settings })
    }
}
