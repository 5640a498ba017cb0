//! One packet of a `SOCK_SEQPACKET` socket, with a few descriptors.
//!
//! Never blocks: a full or an empty socket is [`std::io::ErrorKind::WouldBlock`]. A packet that
//! is too long or carries more than [`MOST_DESCRIPTORS`] is an error, never a part of one.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use infield_jail::request::PACKET_DESCRIPTORS;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use tokio::io::unix::AsyncFd;

/// Descriptors of one packet at most.
pub const MOST_DESCRIPTORS: usize = PACKET_DESCRIPTORS;

/// Registers a descriptor with the runtime, to wait until it can be read or written.
pub fn register(descriptor: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    #[expect(
        deprecated,
        reason = "its successor is unsafe for types that may swap their \
        descriptor, which an `OwnedFd` behind `AsyncFd` cannot"
    )]
    AsyncFd::new(descriptor)
}

/// Sends one packet.
pub fn send<'a>(
    socket: impl AsFd,
    bytes: &[u8],
    descriptors: impl IntoIterator<Item = BorrowedFd<'a>>,
) -> io::Result<()> {
    let descriptors: Vec<BorrowedFd<'_>> = descriptors.into_iter().collect();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if descriptors.len() > MOST_DESCRIPTORS {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "a packet is too long"));
    }
    if !descriptors.is_empty() {
        let fits = control.push(SendAncillaryMessage::ScmRights(&descriptors));
        debug_assert!(fits, "the space is made for as many");
    }
    let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
    sendmsg(socket, &[IoSlice::new(bytes)], &mut control, flags)?;
    Ok(())
}

/// Receives one packet into `buffer`; zero bytes are the end of the connection.
pub fn receive(socket: impl AsFd, buffer: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
    // Room for one more, so that it is seen (and closed) and not silently cut off.
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS + 1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
    let message = recvmsg(socket, &mut [IoSliceMut::new(buffer)], &mut control, flags)?;
    let mut descriptors = Vec::new();
    for part in control.drain() {
        if let RecvAncillaryMessage::ScmRights(received) = part {
            descriptors.extend(received);
        }
    }
    let cut = ReturnFlags::TRUNC | ReturnFlags::CTRUNC;
    if message.flags.intersects(cut) || descriptors.len() > MOST_DESCRIPTORS {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a packet is too long"));
    }
    Ok((message.bytes, descriptors))
}
