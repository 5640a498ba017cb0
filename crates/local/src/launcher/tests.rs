//! A launcher played by the test at the other end of a socket pair.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use infield_domain::Kind;
use infield_jail::request::{Answer, Failure, FailureKind, PACKET_BYTES, Packet, Request, Usage};
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use tokio::io::{Interest, unix::AsyncFd};
use tokio::sync::mpsc;

use super::Launcher;
use crate::packet;

const LIMIT: Duration = Duration::from_secs(5);

/// The launcher's end.
struct Played(AsyncFd<OwnedFd>);

impl Played {
    async fn next(&self) -> Option<(u64, Request, Vec<OwnedFd>)> {
        let read = |fd: &OwnedFd| {
            let mut buffer = vec![0; PACKET_BYTES];
            let (length, descriptors) = packet::receive(fd, &mut buffer)?;
            buffer.truncate(length);
            Ok((buffer, descriptors))
        };
        let (bytes, descriptors) = self.0.async_io(Interest::READABLE, read).await.expect("read");
        if bytes.is_empty() {
            return None;
        }
        let packet: Packet<Request> = postcard::from_bytes(&bytes).expect("a request");
        Some((packet.number, packet.body, descriptors))
    }

    fn answer(&self, number: u64, body: Answer, descriptors: &[OwnedFd]) {
        let bytes = postcard::to_stdvec(&Packet { number, body }).expect("plain data");
        packet::send(self.0.get_ref(), &bytes, descriptors.iter().map(AsFd::as_fd)).expect("sent");
    }
}

fn played() -> (Played, OwnedFd) {
    let flags = SocketFlags::CLOEXEC;
    let (theirs, ours) =
        rustix::net::socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)
            .expect("a pair");
    (Played(packet::register(theirs).expect("in the runtime")), ours)
}

fn launcher() -> (Launcher, mpsc::Sender<OwnedFd>) {
    let (sockets, brought) = mpsc::channel(1);
    let (launcher, link) = Launcher::new(brought, 7);
    tokio::spawn(link.run());
    (launcher, sockets)
}

fn measure(sandbox: &str) -> Request {
    Request::Measure { sandbox: sandbox.to_owned() }
}

fn usage(memory: u64) -> Answer {
    Answer::Usage(Usage { memory_bytes: Some(memory), ..Usage::default() })
}

fn memory(answer: &Answer) -> Option<u64> {
    let Answer::Usage(usage) = answer else { panic!("another answer: {answer:?}") };
    usage.memory_bytes
}

#[tokio::test]
async fn answers_find_their_questions_in_any_order() {
    let (launcher, sockets) = launcher();
    let (played, socket) = played();
    sockets.send(socket).await.expect("the link runs");
    let play = async {
        let mut asked = Vec::new();
        for _ in 0..2 {
            asked.push(played.next().await.expect("a question"));
        }
        for (number, request, _) in asked.into_iter().rev() {
            let Request::Measure { sandbox } = request else { panic!("another question") };
            played.answer(number, usage(sandbox.parse().expect("a number")), &[]);
        }
    };
    let (first, second, ()) =
        tokio::join!(launcher.ask(measure("1"), LIMIT), launcher.ask(measure("2"), LIMIT), play);
    assert_eq!(memory(&first.expect("answered").answer), Some(1));
    assert_eq!(memory(&second.expect("answered").answer), Some(2));
}

#[tokio::test]
async fn a_question_is_repeated_to_the_next_launcher() {
    let (launcher, sockets) = launcher();
    let (first, socket) = played();
    sockets.send(socket).await.expect("the link runs");
    let play = async {
        first.next().await.expect("a question");
        drop(first);
        let (second, socket) = played();
        sockets.send(socket).await.expect("the link runs");
        let (number, ..) = second.next().await.expect("the question again");
        second.answer(number, usage(3), &[]);
    };
    let (answered, ()) = tokio::join!(launcher.ask(measure("1"), LIMIT), play);
    assert_eq!(memory(&answered.expect("answered").answer), Some(3));
}

#[tokio::test]
async fn a_question_with_a_descriptor_is_not_repeated() {
    let (launcher, sockets) = launcher();
    let (played, socket) = played();
    sockets.send(socket).await.expect("the link runs");
    let (mut reader, writer) = io::pipe().expect("a pipe");
    let play = async {
        let (_, _, mut descriptors) = played.next().await.expect("a question");
        let sent = descriptors.pop().expect("a descriptor came along");
        rustix::io::write(sent, b"x").expect("it is the pipe");
        drop(played);
    };
    let request = Request::RemoveImage { image: "a".to_owned() };
    let (answered, ()) = tokio::join!(launcher.ask_once(request, writer.into(), LIMIT), play);
    assert_eq!(answered.expect_err("the launcher ended").kind(), Kind::Unavailable);
    let mut byte = [0];
    io::Read::read_exact(&mut reader, &mut byte).expect("the byte came");
}

#[tokio::test]
async fn refusals_and_silence_are_errors() {
    let (launcher, sockets) = launcher();
    let (played, socket) = played();
    sockets.send(socket).await.expect("the link runs");
    let play = async {
        let (number, ..) = played.next().await.expect("a question");
        let message = "there is no sandbox `x`".to_owned();
        let failure = Failure { kind: FailureKind::NotFound, message, errno: None, hint: None };
        // An answer to nobody's question does no harm.
        played.answer(number.wrapping_sub(1), Answer::Done, &[]);
        played.answer(number, Answer::Failed(failure), &[]);
    };
    let (answered, ()) = tokio::join!(launcher.ask(measure("x"), LIMIT), play);
    assert_eq!(answered.expect_err("refused").kind(), Kind::NotFound);
    let silent = launcher.ask(measure("x"), Duration::from_millis(20)).await;
    assert_eq!(silent.expect_err("nobody answered").kind(), Kind::Timeout);
}

#[tokio::test]
async fn parts_of_an_inventory_are_one_answer() {
    let (launcher, sockets) = launcher();
    let (played, socket) = played();
    sockets.send(socket).await.expect("the link runs");
    let part = |more| Answer::Inventory {
        sandboxes: Vec::new(),
        images: Vec::new(),
        volumes: Vec::new(),
        more,
    };
    let play = async {
        let (number, ..) = played.next().await.expect("a question");
        for more in [true, true, false] {
            played.answer(number, part(more), &[]);
        }
    };
    let asked = launcher.ask_parts(Request::Inventory { only: None }, LIMIT);
    let (answered, ()) = tokio::join!(asked, play);
    assert_eq!(answered.expect("answered").len(), 3);
}

#[tokio::test]
async fn the_descriptors_of_an_answer_come_in_their_order() {
    let (launcher, sockets) = launcher();
    let (played, socket) = played();
    sockets.send(socket).await.expect("the link runs");
    let pipes: Vec<_> = (0..3).map(|_| io::pipe().expect("a pipe")).collect();
    let (readers, writers): (Vec<_>, Vec<OwnedFd>) =
        pipes.into_iter().map(|(reader, writer)| (reader, writer.into())).unzip();
    let play = async {
        let (number, ..) = played.next().await.expect("a question");
        played.answer(number, Answer::Done, &writers);
    };
    let (answered, ()) = tokio::join!(launcher.ask(measure("1"), LIMIT), play);
    let reply = answered.expect("answered");
    assert_eq!(reply.launcher, 1);
    drop(writers);
    for (index, (mut reader, came)) in readers.into_iter().zip(reply.descriptors).enumerate() {
        rustix::io::write(&came, &[u8::try_from(index).expect("a few")]).expect("it is the pipe");
        drop(came);
        let mut bytes = Vec::new();
        io::Read::read_to_end(&mut reader, &mut bytes).expect("its end came");
        assert_eq!(bytes, [u8::try_from(index).expect("a few")]);
    }
}

#[tokio::test]
async fn a_packet_with_too_many_descriptors_is_none() {
    let (theirs, ours) = played();
    let (_, writer) = io::pipe().expect("a pipe");
    let many = [writer.as_fd(); packet::MOST_DESCRIPTORS + 1];
    assert!(packet::send(theirs.0.get_ref(), b"x", many).is_err());
    // As somebody would who does not keep to it.
    let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(8))];
    let mut control = rustix::net::SendAncillaryBuffer::new(&mut space);
    control.push(rustix::net::SendAncillaryMessage::ScmRights(&many));
    let flags = rustix::net::SendFlags::empty();
    let sent =
        rustix::net::sendmsg(theirs.0.get_ref(), &[io::IoSlice::new(b"x")], &mut control, flags);
    sent.expect("the kernel carries it");
    let refused = packet::receive(&ours, &mut [0; 8]).expect_err("it is too much");
    assert_eq!(refused.kind(), io::ErrorKind::InvalidData);
}
