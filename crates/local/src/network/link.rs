//! The one task that owns the network process's socket.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use infield_domain::SandboxId;
use infield_domain::network::Report;
use infield_net::control::{
    Answer, FromNetwork, Outcome, PACKET_BYTES, Reach, Request, Settings, ToNetwork,
};
use infield_net::packet;
use tokio::io::{Interest, unix::AsyncFd};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Notify, mpsc, oneshot};

use super::Question;
use super::moved::Moved;

const BUSY: &str = "too many sandboxes are being connected to others";

/// Owns the socket, pairs questions with answers, and takes a new socket when one comes.
pub struct Link {
    questions: mpsc::Receiver<Question>,
    sockets: mpsc::Receiver<OwnedFd>,
    reports: mpsc::Sender<(SandboxId, Report)>,
    reaches: mpsc::Sender<Reach>,
    settings: Settings,
    /// A socket is new: whoever is behind it may serve nobody.
    fresh: Arc<Notify>,
    /// What sandboxes have moved, as far as it was told.
    moved: Arc<Moved>,
    next_number: u64,
    pending: HashMap<u64, oneshot::Sender<Answer>>,
    outbox: VecDeque<(Vec<u8>, Vec<OwnedFd>)>,
    /// A report that the engine has no room for yet.
    report: Option<(SandboxId, Report)>,
    /// Where every packet is received first.
    room: Vec<u8>,
}

/// What the link does next.
enum Turn {
    Socket(Option<OwnedFd>),
    Question(Option<Question>),
    Sent(io::Result<()>),
    Received(io::Result<Vec<u8>>),
    Reported,
}

impl Link {
    pub(super) fn new(
        questions: mpsc::Receiver<Question>,
        sockets: mpsc::Receiver<OwnedFd>,
        (reports, reaches): (mpsc::Sender<(SandboxId, Report)>, mpsc::Sender<Reach>),
        (settings, first_number): (Settings, u64),
    ) -> Self {
        Self {
            questions,
            sockets,
            reports,
            reaches,
            settings,
            fresh: Arc::default(),
            moved: Arc::default(),
            next_number: first_number,
            pending: HashMap::new(),
            outbox: VecDeque::new(),
            room: vec![0; PACKET_BYTES],
            report: None,
        }
    }

    /// Tells of each new socket.
    pub(super) fn fresh(&self) -> Arc<Notify> {
        self.fresh.clone()
    }

    /// What sandboxes have moved.
    pub(super) fn moved(&self) -> Arc<Moved> {
        self.moved.clone()
    }

    /// Runs until no handle is left, or nobody can bring a socket any more.
    pub async fn run(mut self) {
        let mut socket: Option<AsyncFd<OwnedFd>> = None;
        loop {
            match self.turn(socket.as_ref()).await {
                Turn::Socket(None) | Turn::Question(None) => return,
                Turn::Socket(Some(fresh)) => {
                    self.lose_all();
                    socket = packet::register(fresh)
                        .inspect_err(|error| tracing::error!(%error, "network socket refused"))
                        .ok();
                    let configure = Request::Configure(self.settings.clone());
                    self.send(configure, Vec::new(), None);
                    self.fresh.notify_one();
                }
                Turn::Question(Some(Question { request, sockets, reply })) => {
                    self.send(*request, sockets, Some(reply));
                }
                Turn::Sent(Ok(())) | Turn::Reported => {}
                Turn::Received(Ok(bytes)) if !bytes.is_empty() => self.route(&bytes),
                Turn::Received(Ok(_)) => {
                    tracing::warn!("the network process ended; waiting for the next one");
                    self.lose_all();
                    socket = None;
                }
                Turn::Sent(Err(error)) | Turn::Received(Err(error)) => {
                    tracing::warn!(%error, "the network's socket broke; waiting for the next one");
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
        let Self { questions, sockets, reports, outbox, report, room, .. } = self;
        tokio::select! {
            fresh = sockets.recv() => Turn::Socket(fresh),
            question = questions.recv(), if outbox.is_empty() => Turn::Question(question),
            sent = flush(socket, outbox), if !outbox.is_empty() => Turn::Sent(sent),
            // What the engine has no room for stays with the network process.
            room = reports.reserve(), if report.is_some() => {
                if let (Ok(room), Some(report)) = (room, report.take()) {
                    room.send(report);
                }
                Turn::Reported
            }
            received = next_packet(socket, room), if report.is_none() => Turn::Received(received),
        }
    }

    fn send(
        &mut self,
        request: Request,
        sockets: Vec<OwnedFd>,
        reply: Option<oneshot::Sender<Answer>>,
    ) {
        let number = self.next_number;
        self.next_number = self.next_number.wrapping_add(1);
        let asked = ToNetwork { number, request };
        let bytes = postcard::to_stdvec(&asked).expect("a request is plain data");
        self.pending.retain(|_, reply| !reply.is_closed());
        if let Some(reply) = reply {
            self.pending.insert(number, reply);
        }
        self.outbox.push_back((bytes, sockets));
    }

    fn route(&mut self, bytes: &[u8]) {
        match postcard::from_bytes::<FromNetwork>(bytes) {
            Ok(FromNetwork::Answer(number, answer)) => match self.pending.remove(&number) {
                Some(reply) => drop(reply.send(answer)),
                None => match answer {
                    Answer::Failed(why) => tracing::error!(why, "the network is not configured"),
                    answer => tracing::debug!(number, ?answer, "nobody waits for an answer"),
                },
            },
            Ok(FromNetwork::Report(sandbox, report)) => {
                self.moved.tell(&sandbox, report.traffic);
                self.report = Some((sandbox, report));
            }
            Ok(FromNetwork::Reach(reach)) => {
                if let Err(TrySendError::Full(reach) | TrySendError::Closed(reach)) =
                    self.reaches.try_send(reach)
                {
                    let outcome = Outcome::Unreachable(BUSY.to_owned());
                    self.send(Request::Reached { reach, outcome }, Vec::new(), None);
                }
            }
            Err(_) => tracing::error!(length = bytes.len(), "the network said what is no word"),
        }
    }

    /// Tells everybody who waits that no answer will come.
    fn lose_all(&mut self) {
        self.outbox.clear();
        self.pending.clear();
    }
}

async fn flush(
    socket: &AsyncFd<OwnedFd>,
    outbox: &mut VecDeque<(Vec<u8>, Vec<OwnedFd>)>,
) -> io::Result<()> {
    while let Some((bytes, sockets)) = outbox.front() {
        let passed: Vec<_> = sockets.iter().map(AsFd::as_fd).collect();
        let send = |fd: &OwnedFd| packet::send(fd, bytes, &passed);
        socket.async_io(Interest::WRITABLE, send).await?;
        outbox.pop_front();
    }
    Ok(())
}

async fn next_packet(socket: &AsyncFd<OwnedFd>, room: &mut [u8]) -> io::Result<Vec<u8>> {
    socket
        .async_io(Interest::READABLE, |fd| {
            let (length, _) = packet::receive(fd, room)?;
            Ok(room.get(..length).unwrap_or_default().to_vec())
        })
        .await
}
