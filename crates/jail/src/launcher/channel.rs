//! Packets to and from the daemon.
//!
//! Nothing here waits: what cannot be sent at once is kept and sent when there is room.

use std::collections::VecDeque;
use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags,
};

use crate::failure::{At, Outcome};
use crate::request::{Answer, PACKET_BYTES, PACKET_DESCRIPTORS, Packet, Request};

/// The socket with what waits to be sent.
#[derive(Debug)]
pub(crate) struct Channel {
    socket: OwnedFd,
    waiting: VecDeque<(Vec<u8>, Vec<OwnedFd>)>,
}

/// What came in.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// A request, with its descriptor.
    Request(Packet<Request>, Option<OwnedFd>),
    /// Something that is no request. The number is not known, so nobody can be answered.
    Garbage,
    /// Nothing more for now.
    Nothing,
    /// The daemon is gone.
    Closed,
}

impl Channel {
    pub(crate) fn new(socket: OwnedFd) -> Self {
        Self { socket, waiting: VecDeque::new() }
    }

    pub(crate) fn descriptor(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// Whether something waits for room.
    pub(crate) fn is_behind(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Takes one packet.
    pub(crate) fn receive(&self) -> Outcome<Incoming> {
        let mut bytes = vec![0_u8; PACKET_BYTES];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
        let mut vectors = [IoSliceMut::new(&mut bytes)];
        let received = rustix::net::recvmsg(&self.socket, &mut vectors, &mut control, flags);
        let received = match received {
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => {
                return Ok(Incoming::Nothing);
            }
            Err(rustix::io::Errno::CONNRESET) => return Ok(Incoming::Closed),
            other => other.at("receive a request")?,
        };
        let mut descriptors: Vec<OwnedFd> = Vec::new();
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(more) = message {
                descriptors.extend(more);
            }
        }
        if received.bytes == 0 && descriptors.is_empty() {
            return Ok(Incoming::Closed);
        }
        let whole = !received.flags.contains(rustix::net::ReturnFlags::TRUNC);
        let body = bytes.get(..received.bytes).unwrap_or_default();
        match postcard::from_bytes(body) {
            Ok(packet) if whole && descriptors.len() <= 1 => {
                Ok(Incoming::Request(packet, descriptors.pop()))
            }
            Ok(_) | Err(_) => Ok(Incoming::Garbage),
        }
    }

    /// Sends an answer now or later.
    pub(crate) fn send(&mut self, number: u64, body: Answer, descriptors: Vec<OwnedFd>) {
        debug_assert!(descriptors.len() <= PACKET_DESCRIPTORS, "an answer has a few at most");
        let bytes = postcard::to_stdvec(&Packet { number, body });
        // Answers are made of numbers and text, and those always encode.
        self.waiting.push_back((bytes.unwrap_or_default(), descriptors));
        self.flush();
    }

    /// Sends what waits, as far as there is room.
    pub(crate) fn flush(&mut self) {
        while let Some((bytes, descriptors)) = self.waiting.front() {
            let passed: Vec<BorrowedFd<'_>> = descriptors.iter().map(AsFd::as_fd).collect();
            let mut space =
                [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(PACKET_DESCRIPTORS))];
            let mut control = SendAncillaryBuffer::new(&mut space);
            if !passed.is_empty() {
                control.push(SendAncillaryMessage::ScmRights(&passed));
            }
            let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
            match rustix::net::sendmsg(&self.socket, &[IoSlice::new(bytes)], &mut control, flags) {
                Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => return,
                // A daemon that is gone shows as the end of the socket.
                Ok(_) | Err(_) => drop(self.waiting.pop_front()),
            }
        }
    }
}
