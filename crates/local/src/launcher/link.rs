//! The one task that owns the launcher's socket.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use infield_jail::request::{Answer, PACKET_BYTES, Packet};
use tokio::io::{Interest, unix::AsyncFd};
use tokio::sync::{mpsc, oneshot, watch};

use super::{Outcome, Question, Reply};
use crate::packet;

/// Parts of one answer at most: 64 MiB of inventory.
const MOST_PARTS: usize = 1_024;

/// Owns the socket, pairs questions with answers, and takes a new socket when one comes.
pub struct Link {
    questions: mpsc::Receiver<Question>,
    sockets: mpsc::Receiver<OwnedFd>,
    next_number: u64,
    pending: HashMap<u64, Pending>,
    outbox: VecDeque<Parcel>,
    /// How many sockets there were.
    count: watch::Sender<u64>,
    /// Where every packet is received first: a buffer of its own for each would cost more than
    /// most packets.
    room: Vec<u8>,
}

/// A question that was sent.
struct Pending {
    parts: Vec<Reply>,
    replies: oneshot::Sender<Outcome>,
    ahead: Option<oneshot::Sender<Reply>>,
}

/// A question that is ready to be sent.
struct Parcel {
    number: u64,
    bytes: Vec<u8>,
    descriptor: Option<OwnedFd>,
}

/// What the link does next.
enum Turn {
    Socket(Option<OwnedFd>),
    Question(Option<Question>),
    Sent(io::Result<()>),
    Received(io::Result<(Vec<u8>, Vec<OwnedFd>)>),
}

impl Link {
    pub(super) fn new(
        (questions, sockets): (mpsc::Receiver<Question>, mpsc::Receiver<OwnedFd>),
        next_number: u64,
        count: watch::Sender<u64>,
    ) -> Self {
        let (pending, outbox) = (HashMap::new(), VecDeque::new());
        let room = vec![0; PACKET_BYTES];
        Self { questions, sockets, next_number, pending, outbox, count, room }
    }

    /// Runs until no handle is left, or nobody can bring a socket any more.
    pub async fn run(mut self) {
        let mut socket: Option<AsyncFd<OwnedFd>> = None;
        loop {
            match self.turn(socket.as_ref()).await {
                Turn::Socket(None) | Turn::Question(None) => return,
                Turn::Socket(Some(fresh)) => {
                    self.lose_all();
                    self.count.send_modify(|count| *count += 1);
                    socket = packet::register(fresh)
                        .inspect_err(|error| tracing::error!(%error, "launcher socket refused"))
                        .ok();
                }
                Turn::Question(Some(question)) => self.take(question),
                Turn::Sent(Ok(())) => {}
                Turn::Received(Ok((bytes, descriptors))) if !bytes.is_empty() => {
                    self.route(&bytes, descriptors);
                }
                Turn::Received(Ok(_)) => {
                    tracing::warn!("the launcher ended; waiting for the next one");
                    self.lose_all();
                    socket = None;
                }
                Turn::Sent(Err(error)) | Turn::Received(Err(error)) => {
                    tracing::warn!(%error, "the launcher's socket broke; waiting for the next one");
                    self.lose_all();
                    socket = None;
                }
            }
        }
    }

    async fn turn(&mut self, socket: Option<&AsyncFd<OwnedFd>>) -> Turn {
        let Some(socket) = socket else {
            // Questions stay in the queue, and their askers' limits run.
            return Turn::Socket(self.sockets.recv().await);
        };
        tokio::select! {
            fresh = self.sockets.recv() => Turn::Socket(fresh),
            question = self.questions.recv(), if self.outbox.is_empty() => Turn::Question(question),
            sent = flush(socket, &mut self.outbox), if !self.outbox.is_empty() => Turn::Sent(sent),
            received = next_packet(socket, &mut self.room) => Turn::Received(received),
        }
    }

    fn take(&mut self, question: Question) {
        if question.replies.is_closed() {
            return;
        }
        let number = self.next_number;
        self.next_number = self.next_number.wrapping_add(1);
        let packet = Packet { number, body: &*question.request };
        let bytes = postcard::to_stdvec(&packet).expect("a request is plain data");
        self.pending.retain(|_, pending| !pending.replies.is_closed());
        let Question { replies, ahead, .. } = question;
        self.pending.insert(number, Pending { parts: Vec::new(), replies, ahead });
        self.outbox.push_back(Parcel { number, bytes, descriptor: question.descriptor });
    }

    fn route(&mut self, bytes: &[u8], descriptors: Vec<OwnedFd>) {
        let Ok(Packet { number, body }) = postcard::from_bytes::<Packet<Answer>>(bytes) else {
            tracing::error!(length = bytes.len(), "the launcher sent what is no answer");
            return;
        };
        let Some(mut pending) = self.pending.remove(&number) else {
            tracing::debug!(number, "an answer came that nobody waits for");
            return;
        };
        let launcher = *self.count.borrow();
        if matches!(body, Answer::Wired) {
            if let Some(ahead) = pending.ahead.take() {
                // An asker who went away has gone from the answer, too.
                drop(ahead.send(Reply { answer: body, descriptors, launcher }));
            }
            self.pending.insert(number, pending);
            return;
        }
        let more = matches!(body, Answer::Inventory { more: true, .. });
        pending.parts.push(Reply { answer: body, descriptors, launcher });
        if more && pending.parts.len() < MOST_PARTS {
            self.pending.insert(number, pending);
            return;
        }
        if pending.replies.send(Outcome::Answered(pending.parts)).is_err() {
            tracing::debug!(number, "an answer came too late");
        }
    }

    /// Tells everybody whose question was or may have been sent that no answer will come.
    fn lose_all(&mut self) {
        for parcel in self.outbox.drain(..) {
            tracing::debug!(number = parcel.number, "a question was not sent");
        }
        for (number, pending) in self.pending.drain() {
            if pending.replies.send(Outcome::Lost).is_err() {
                tracing::debug!(number, "nobody waits for a question that was lost");
            }
        }
    }
}

async fn flush(socket: &AsyncFd<OwnedFd>, outbox: &mut VecDeque<Parcel>) -> io::Result<()> {
    while let Some(parcel) = outbox.front() {
        let descriptor = parcel.descriptor.as_ref().map(AsFd::as_fd);
        let send = |fd: &OwnedFd| packet::send(fd, &parcel.bytes, descriptor);
        socket.async_io(Interest::WRITABLE, send).await?;
        outbox.pop_front();
    }
    Ok(())
}

async fn next_packet(
    socket: &AsyncFd<OwnedFd>,
    room: &mut [u8],
) -> io::Result<(Vec<u8>, Vec<OwnedFd>)> {
    socket
        .async_io(Interest::READABLE, |fd| {
            let (length, descriptors) = packet::receive(fd, room)?;
            Ok((room.get(..length).unwrap_or_default().to_vec(), descriptors))
        })
        .await
}
