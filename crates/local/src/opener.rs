//! The daemon's side of the process that opens TLS.
//!
//! It is asked seldom, and one question at a time: whoever asks holds the socket. When the process
//! has died, the keeper starts another, and what every sandbox has goes to it anew. Values are
//! sealed here and on their way; this process cannot open them.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use infield_domain::network::Pattern;
use infield_domain::secret::{Given, Guarded, Sealed, SecretName, Value};
use infield_domain::{Error, Result, SandboxId};
use infield_opener::control::{Answer, FromOpener, PACKET_BYTES, Request, ToOpener};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use tokio::io::{Interest, unix::AsyncFd};
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::timeout;
use zeroize::Zeroizing;

use crate::network::Network;
use crate::packet;

/// How long anything may take, the wait for a new process included.
const LIMIT: Duration = Duration::from_secs(5);

/// Asks the process that opens TLS.
pub struct Opener {
    sockets: tokio::sync::Mutex<mpsc::Receiver<OwnedFd>>,
    /// The socket of the process that is there.
    current: watch::Sender<Option<Arc<AsyncFd<OwnedFd>>>>,
    /// The next question's number, for the one who asks.
    turn: tokio::sync::Mutex<u64>,
    /// What every sandbox has.
    given: Mutex<BTreeMap<SandboxId, Vec<Given>>>,
    /// Sandboxes that are not to be forgotten, when others are.
    living: Mutex<Option<Vec<SandboxId>>>,
    fresh: Notify,
}

impl Opener {
    /// Makes the handle. `sockets` brings the first socket and each later one; `first_number` is
    /// random, so that an answer to a daemon that died is never taken for one to the next.
    pub fn new(sockets: mpsc::Receiver<OwnedFd>, first_number: u64) -> Arc<Self> {
        Arc::new(Self {
            sockets: tokio::sync::Mutex::new(sockets),
            current: watch::Sender::new(None),
            turn: tokio::sync::Mutex::new(first_number),
            given: Mutex::default(),
            living: Mutex::default(),
            fresh: Notify::new(),
        })
    }

    /// Takes each socket that is brought, until nobody can bring one any more.
    pub async fn keep(&self) {
        let mut sockets = self.sockets.lock().await;
        while let Some(socket) = sockets.recv().await {
            match packet::register(socket) {
                Ok(socket) => {
                    self.current.send_replace(Some(Arc::new(socket)));
                    self.fresh.notify_one();
                }
                Err(error) => tracing::error!(%error, "the opener's socket is refused"),
            }
        }
    }

    /// Waits for a process that may have nothing of any sandbox.
    pub(crate) async fn started(&self) {
        self.fresh.notified().await;
    }

    /// Seals a value.
    pub(crate) async fn seal(
        &self,
        name: &SecretName,
        hosts: &[Pattern],
        value: &Value,
    ) -> Result<Sealed> {
        let value = value.expose().clone();
        let request = Request::Seal { name: name.clone(), hosts: hosts.to_vec(), value };
        match self.ask(request, None).await? {
            Answer::Sealed(sealed) => Ok(sealed),
            Answer::Failed(why) => Err(Error::internal(why)),
            other => Err(unexpected(&other)),
        }
    }

    /// Gives a sandbox its secrets; the certificate of its authority.
    pub(crate) async fn provision(&self, sandbox: &SandboxId, given: &[Given]) -> Result<String> {
        self.lock().insert(sandbox.clone(), given.to_vec());
        self.provide(sandbox, given.to_vec()).await
    }

    /// Gives a new process what a sandbox has, unless that was forgotten meanwhile.
    pub(crate) async fn restore(&self, sandbox: &SandboxId, given: Vec<Given>) -> Result<String> {
        let pem = self.provide(sandbox, given).await?;
        if !self.lock().contains_key(sandbox) {
            self.ask(Request::Forget { sandbox: sandbox.clone() }, None).await?;
        }
        Ok(pem)
    }

    async fn provide(&self, sandbox: &SandboxId, secrets: Vec<Given>) -> Result<String> {
        let request = Request::Provision { sandbox: sandbox.clone(), secrets };
        match self.ask(request, None).await? {
            Answer::Authority(pem) => Ok(pem),
            Answer::Locked(name) => Err(Error::conflict(format!(
                "the value of the secret `{name}` was sealed with another key"
            ))
            .with_hint(format!("set it anew: `infield secret set {name}`"))),
            Answer::Failed(why) => {
                Err(Error::internal(format!("the secrets of sandbox `{sandbox}`: {why}")))
            }
            other => Err(unexpected(&other)),
        }
    }

    /// Wipes what is known of a sandbox.
    pub(crate) async fn forget(&self, sandbox: &SandboxId) {
        if self.lock().remove(sandbox).is_none() {
            return;
        }
        let request = Request::Forget { sandbox: sandbox.clone() };
        if let Err(error) = self.ask(request, None).await {
            // A process that is gone has nothing.
            tracing::warn!(%sandbox, %error, "the secrets of a sandbox are not forgotten yet");
        }
    }

    /// Lets every sandbox but these be forgotten, without a wait for it.
    pub(crate) fn keep_only_later(&self, living: Vec<SandboxId>) {
        *self.living.lock().unwrap_or_else(PoisonError::into_inner) = Some(living);
        self.fresh.notify_one();
    }

    /// Forgets what was left by a daemon before this one.
    pub(crate) async fn sweep(&self) {
        let living = self.living.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(living) = living else { return };
        if let Err(error) = self.keep_only(&living).await {
            tracing::warn!(%error, "secrets of sandboxes that are gone may still be open");
        }
    }

    async fn keep_only(&self, living: &[SandboxId]) -> Result<()> {
        let known = match self.ask(Request::Inventory, None).await? {
            Answer::Wards(known) => known,
            other => return Err(unexpected(&other)),
        };
        for sandbox in known.into_iter().filter(|sandbox| !living.contains(sandbox)) {
            if !self.lock().contains_key(&sandbox) {
                self.ask(Request::Forget { sandbox }, None).await?;
            }
        }
        Ok(())
    }

    /// Tells where connections are handed over.
    pub(crate) async fn connect(&self, network: OwnedFd) -> Result<()> {
        match self.ask(Request::Network, Some(network.as_fd())).await? {
            Answer::Done => Ok(()),
            other => Err(unexpected(&other)),
        }
    }

    /// What a sandbox has, as far as others may know.
    pub(crate) fn guarded(&self, sandbox: &SandboxId) -> Vec<Guarded> {
        self.lock()
            .get(sandbox)
            .map_or_else(Vec::new, |given| given.iter().map(Given::guarded).collect())
    }

    /// What every sandbox has, for a process that has nothing.
    pub(crate) fn expected(&self) -> Vec<(SandboxId, Vec<Given>)> {
        self.lock().iter().map(|(id, given)| (id.clone(), given.clone())).collect()
    }

    async fn ask(&self, request: Request, passed: Option<BorrowedFd<'_>>) -> Result<Answer> {
        let asked = timeout(LIMIT, async {
            let mut number = self.turn.lock().await;
            *number = number.wrapping_add(1);
            let mut current = self.current.subscribe();
            let found = current.wait_for(Option::is_some).await.ok().and_then(|one| one.clone());
            let socket = found.ok_or(io::ErrorKind::NotConnected)?;
            let answer = ask(&socket, ToOpener { number: *number, request }, passed).await;
            if answer.is_err() {
                self.lose(&socket);
            }
            answer
        });
        match asked.await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(Error::unavailable("the process for secrets is started again")
                .with_hint("try again in a moment")
                .with_source(error)),
            Err(_) => Err(Error::timeout("the process for secrets did not answer in time")
                .with_hint("look at the load of the host, then try again")),
        }
    }

    /// Asks on a socket that broke no more.
    fn lose(&self, broken: &Arc<AsyncFd<OwnedFd>>) {
        self.current.send_if_modified(|current| {
            let is_same = current.as_ref().is_some_and(|socket| Arc::ptr_eq(socket, broken));
            if is_same {
                *current = None;
            }
            is_same
        });
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<SandboxId, Vec<Given>>> {
        // Nothing in a critical section can panic half-way, so the map is whole.
        self.given.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Joins the network process and the opener by a socket pair of their own.
pub(crate) async fn connect(network: &Network, opener: &Opener) {
    let joined = async {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let pair = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None);
        let (one, other) = pair
            .map_err(|errno| Error::internal("a socket pair cannot be made").with_source(errno))?;
        opener.connect(one).await?;
        network.connect(other).await
    };
    if let Err(error) = joined.await {
        // One of them is being started again, and then they are joined anew.
        tracing::warn!(%error, "no connection is opened for secrets yet");
    }
}

async fn ask(
    socket: &AsyncFd<OwnedFd>,
    question: ToOpener,
    passed: Option<BorrowedFd<'_>>,
) -> io::Result<Answer> {
    let bytes = Zeroizing::new(postcard::to_stdvec(&question).map_err(io::Error::other)?);
    let send = |socket: &OwnedFd| packet::send(socket, &bytes, passed);
    socket.async_io(Interest::WRITABLE, send).await?;
    loop {
        let said = socket.async_io(Interest::READABLE, read).await?;
        if said.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let said: FromOpener = postcard::from_bytes(&said).map_err(io::Error::other)?;
        // Another number answers somebody who did not wait, or a daemon before this one.
        if said.number == question.number {
            return Ok(said.answer);
        }
    }
}

fn read(socket: &OwnedFd) -> io::Result<Vec<u8>> {
    let mut buffer = vec![0; PACKET_BYTES];
    let (length, _) = packet::receive(socket, &mut buffer)?;
    buffer.truncate(length);
    Ok(buffer)
}

fn unexpected(answer: &Answer) -> Error {
    tracing::error!(?answer, "the opener gave an answer to another question");
    Error::internal("the opener gave an answer to another question")
}
