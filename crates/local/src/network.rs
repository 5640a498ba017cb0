//! The daemon's side of the network process.
//!
//! [`Network`] is a handle that many tasks share; [`Link`] is the one task that owns the socket. It
//! knows which sandboxes are served and how. When the network process has died, the keeper starts
//! another and the link takes its socket: everything is handed over again, with sockets that the
//! launcher kept meanwhile. Nobody reaches anything in between.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use infield_domain::network::{Policy, Report, Terms, Traffic};
use infield_domain::secret::Guarded;
use infield_domain::{Error, Result, SandboxId};
use infield_jail::defence::{Defence, Without};
use infield_net::control::{Answer, Reach, Request, Settings};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::timeout;

use crate::wires::Wires;

use self::moved::Moved;

mod link;
mod moved;
mod peers;

pub use link::Link;

/// How long the network process may take for anything.
const LIMIT: Duration = Duration::from_secs(5);
/// Questions that wait for the socket at most; an asker beyond that waits itself.
const QUEUE: usize = 256;
/// Reports that wait for the engine at most; the network process keeps further ones.
const REPORTS: usize = 64;

/// Sandboxes that wait to be connected to others at most; further ones are not.
const REACHES: usize = 256;

/// A question on its way.
pub(crate) struct Question {
    request: Box<Request>,
    sockets: Vec<OwnedFd>,
    reply: oneshot::Sender<Answer>,
}

/// Asks the network process.
pub struct Network {
    questions: mpsc::Sender<Question>,
    /// Everything that shall be served.
    served: Mutex<BTreeMap<SandboxId, Terms>>,
    reports: tokio::sync::Mutex<mpsc::Receiver<(SandboxId, Report)>>,
    /// Sandboxes that are to be connected to others.
    reaches: tokio::sync::Mutex<mpsc::Receiver<Reach>>,
    fresh: Arc<Notify>,
    /// Walls that a build for attacks leaves out.
    without: Without,
    moved: Arc<Moved>,
}

impl Network {
    /// Makes the handle and the task behind it. `sockets` brings the first socket and each later
    /// one; `first_number` is random, so that an answer to a daemon that died is never taken for an
    /// answer to the next one on the same socket.
    pub fn new(
        sockets: mpsc::Receiver<OwnedFd>,
        settings: Settings,
        first_number: u64,
    ) -> (Arc<Self>, Link) {
        let (questions, asked) = mpsc::channel(QUEUE);
        let (reporter, reports) = mpsc::channel(REPORTS);
        let (reacher, reaches) = mpsc::channel(REACHES);
        let link = Link::new(asked, sockets, (reporter, reacher), (settings, first_number));
        let network = Self {
            questions,
            served: Mutex::default(),
            reports: tokio::sync::Mutex::new(reports),
            reaches: tokio::sync::Mutex::new(reaches),
            fresh: link.fresh(),
            without: Without::from_environment(),
            moved: link.moved(),
        };
        (Arc::new(network), link)
    }

    /// Waits for a network process that may serve nobody yet.
    pub(crate) async fn started(&self) {
        self.fresh.notified().await;
    }

    /// Forgets every sandbox that is served and not one of these.
    pub(crate) async fn keep_only(&self, living: &[SandboxId]) -> Result<()> {
        let Answer::Serving(served) = self.ask(Request::Inventory, Vec::new()).await? else {
            return Err(unexpected());
        };
        for sandbox in served.into_iter().filter(|sandbox| !living.contains(sandbox)) {
            self.ask(Request::Forget { sandbox }, Vec::new()).await?;
        }
        Ok(())
    }

    /// Serves a sandbox from now on. Its terms are in force when this returns.
    pub(crate) async fn serve(
        &self,
        sandbox: &SandboxId,
        terms: &Terms,
        secrets: Vec<Guarded>,
        wires: Wires,
    ) -> Result<()> {
        let terms = self.note(sandbox, terms).0;
        let request = Request::Serve { sandbox: sandbox.clone(), terms, secrets };
        match self.ask(request, wires.into_sockets()).await? {
            Answer::Done => Ok(()),
            Answer::Failed(why) => Err(Error::unavailable(format!(
                "the network of sandbox `{sandbox}` is not served: {why}"
            ))
            .with_hint("start the sandbox again")),
            Answer::Unknown | Answer::Serving(_) | Answer::Traffic(_) => Err(unexpected()),
        }
    }

    /// Changes what secrets a sandbox can use; false where the sandbox is not served.
    pub(crate) async fn guard(&self, sandbox: &SandboxId, secrets: Vec<Guarded>) -> Result<bool> {
        let request = Request::Guard { sandbox: sandbox.clone(), secrets };
        match self.ask(request, Vec::new()).await? {
            Answer::Done => Ok(true),
            Answer::Unknown => Ok(false),
            Answer::Serving(_) | Answer::Traffic(_) | Answer::Failed(_) => Err(unexpected()),
        }
    }

    /// Tells where connections are handed over whose TLS is opened.
    pub(crate) async fn connect(&self, opener: OwnedFd) -> Result<()> {
        match self.ask(Request::Opener, vec![opener]).await? {
            Answer::Done => Ok(()),
            Answer::Unknown | Answer::Serving(_) | Answer::Traffic(_) | Answer::Failed(_) => {
                Err(unexpected())
            }
        }
    }

    /// Puts other terms in force; false where the sandbox is not served.
    pub(crate) async fn change(&self, sandbox: &SandboxId, terms: &Terms) -> Result<bool> {
        let (terms, before) = self.note(sandbox, terms);
        let request = Request::Change { sandbox: sandbox.clone(), terms };
        let answer = self.ask(request, Vec::new()).await;
        if matches!(answer, Ok(Answer::Done)) {
            return Ok(true);
        }
        // What was in force goes on, also over a new network process.
        match before {
            Some(before) => self.lock().insert(sandbox.clone(), before),
            None => self.lock().remove(sandbox),
        };
        match answer? {
            Answer::Unknown => Ok(false),
            Answer::Failed(why) => Err(Error::internal(why)),
            Answer::Done | Answer::Serving(_) | Answer::Traffic(_) => Err(unexpected()),
        }
    }

    /// Notes what shall be in force, with what was moved until now; also what was noted before.
    fn note(&self, sandbox: &SandboxId, terms: &Terms) -> (Terms, Option<Terms>) {
        let before = self.moved.begin(sandbox, terms.before);
        let is_kept = self.without.keeps(Defence::Policy);
        let policy = if is_kept { terms.policy.clone() } else { Policy::Public };
        let terms = Terms { policy, before, ..terms.clone() };
        let known = self.lock().insert(sandbox.clone(), terms.clone());
        (terms, known)
    }

    /// Forgets what a sandbox has moved, which is deleted.
    pub(crate) fn forget_moved(&self, sandbox: &SandboxId) {
        self.moved.forget(sandbox);
    }

    /// Cuts everything of a sandbox.
    pub(crate) async fn forget(&self, sandbox: &SandboxId) {
        if self.lock().remove(sandbox).is_none() {
            return;
        }
        let request = Request::Forget { sandbox: sandbox.clone() };
        if let Err(error) = self.ask(request, Vec::new()).await {
            // A network process that is gone serves nobody.
            tracing::warn!(%sandbox, %error, "the network does not forget a sandbox yet");
        }
    }

    /// What a sandbox has moved; none for one that is not served.
    pub(crate) async fn traffic(&self, sandbox: &SandboxId) -> Result<Option<Traffic>> {
        let request = Request::Traffic { sandbox: sandbox.clone() };
        match self.ask(request, Vec::new()).await? {
            Answer::Traffic(traffic) => Ok(Some(traffic)),
            Answer::Unknown => Ok(None),
            Answer::Done | Answer::Serving(_) | Answer::Failed(_) => Err(unexpected()),
        }
    }

    /// Waits for what there is to tell of a sandbox.
    pub(crate) async fn report(&self) -> (SandboxId, Report) {
        match self.reports.lock().await.recv().await {
            Some(report) => report,
            // The link has ended, and so does the daemon.
            None => std::future::pending().await,
        }
    }

    /// Which sandboxes are to be served, for a network process that serves none.
    pub(crate) fn expected(&self) -> Vec<(SandboxId, Terms)> {
        let served = self.lock();
        served.iter().map(|(id, terms)| (id.clone(), terms.clone())).collect()
    }

    async fn ask(&self, request: Request, sockets: Vec<OwnedFd>) -> Result<Answer> {
        let (reply, answer) = oneshot::channel();
        let asked = timeout(LIMIT, async {
            let request = Box::new(request);
            let sent = self.questions.send(Question { request, sockets, reply }).await;
            sent.map_err(|_| away())?;
            answer.await.map_err(|_| away())
        });
        asked.await.map_err(|_| {
            Error::timeout("the network process did not answer in time")
                .with_hint("look at the load of the host, then try again")
        })?
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<SandboxId, Terms>> {
        // Nothing in a critical section can panic half-way, so the map is whole.
        self.served.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn away() -> Error {
    Error::unavailable("the network process is being started again")
        .with_hint("try again in a moment")
}

fn unexpected() -> Error {
    Error::internal("the network process gave an answer to another question")
}
