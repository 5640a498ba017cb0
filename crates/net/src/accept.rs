//! Takes the TCP connections of a sandbox, whatever their destination, and decides about each.
//!
//! ```text
//! accepted ─▶ loopback, or too many ─▶ reset
//!     │
//!     ├─▶ the resolver ─▶ dns
//!     │
//!     ├─▶ the proxy ─▶ heard ─┐
//!     │                       ▼
//!     ├─▶ the name of a sandbox ─▶ peer
//!     │
//!     └─▶ name or address ─▶ judged ─▶ looked at ─▶ connected ─▶ carried ─▶ entry
//!                              │          │                        │
//!                              └──────────┴──▶ refused             └─▶ cut, when the policy changes
//! ```
//!
//! All connections end with the task that took them.

mod carry;
mod dial;
mod entry;
mod greet;
mod opened;
mod peer;
mod seen;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use infield_domain::network::{Judgement, reached, sandbox_called};
use rustix::io::Errno;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::defence::Defence;
use crate::names::{Meaning, RESOLVER};
use crate::relay::{self, End, Pace};
use crate::sandbox::Sandbox;
use crate::upstream::Upstream;

use self::carry::Caller;
use self::dial::Dial;
use self::entry::{Asked, Entry};

/// How long nothing is accepted when the process has no descriptor or no memory left.
const EXHAUSTED: Duration = Duration::from_millis(100);
/// How long nothing is accepted after any other failure, so that none makes a busy loop.
const FAILED: Duration = Duration::from_millis(5);
const CROWDED: &str = "the sandbox has as many connections as it may";
const FORGOTTEN: &str = "its address stands for no name any more";
/// The port of a resolver.
const RESOLVER_PORT: u16 = 53;

/// What the connections of one sandbox share.
struct Shared {
    sandbox: Arc<Sandbox>,
    upstream: Arc<Upstream>,
    dial: Dial,
    pace: Arc<Pace>,
}

/// What is done with a connection.
enum Task {
    /// It goes to the resolver.
    Resolve,
    /// Its client is heard, and then it is carried.
    Greet,
    /// It is carried.
    Carry(Entry),
    /// It is reset, judged so for this reason.
    Drop(Entry, Judgement, &'static str),
}

/// Takes the connections of a sandbox until it is dropped, and they with it.
pub(crate) async fn serve(listener: TcpListener, sandbox: Arc<Sandbox>, upstream: Arc<Upstream>) {
    // Every address is local in the sandbox's namespace.
    let asked = |stream: &TcpStream| stream.local_addr().map(Some);
    take(listener, Shared::new(sandbox, upstream), asked).await;
}

/// Takes those of a sandbox whose listener is a proxy.
pub(crate) async fn serve_proxy(
    listener: TcpListener,
    sandbox: Arc<Sandbox>,
    upstream: Arc<Upstream>,
) {
    take(listener, Shared::new(sandbox, upstream), |_| Ok(None)).await;
}

impl Shared {
    fn new(sandbox: Arc<Sandbox>, upstream: Arc<Upstream>) -> Arc<Self> {
        let dial = Dial::new(Arc::clone(&upstream));
        Arc::new(Self { sandbox, upstream, dial, pace: Arc::default() })
    }
}

/// Takes connections. `asked` says where one was meant to go, which is the address that it was
/// accepted on; none where its client will say it.
async fn take(
    listener: TcpListener,
    shared: Arc<Shared>,
    asked: impl Fn(&TcpStream) -> io::Result<Option<SocketAddr>>,
) {
    let mut tasks = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            // Its entry says how it ended.
            Some(_) = tasks.join_next() => continue,
        };
        let taken = accepted.and_then(|(stream, _)| asked(&stream).map(|to| (stream, to)));
        match taken {
            Ok((stream, to)) => match sort(&shared, to, tasks.len()) {
                Task::Drop(entry, judgement, why) => {
                    entry.end(judgement, why);
                    relay::reset(&stream);
                }
                task => drop(tasks.spawn(perform(Arc::clone(&shared), stream, task))),
            },
            Err(error) => sleep(pause(&error)).await,
        }
    }
}

/// Decides what is done with a connection when so many others are open.
fn sort(shared: &Shared, to: Option<SocketAddr>, open: usize) -> Task {
    let sandbox = &shared.sandbox;
    let entry = |asked| Entry::new(sandbox, &shared.pace, asked);
    let Some(to) = to else {
        return match ceiling(sandbox, open) {
            Some(why) => Task::Drop(entry(Asked::NOBODY), Judgement::Exceeded, why),
            None => Task::Greet,
        };
    };
    let (address, port) = (to.ip().to_canonical(), to.port());
    let plain = Asked { name: None, address: Some(address), port };
    if reached(address).is_loopback() && sandbox.rules().without.keeps(Defence::Straight) {
        return Task::Drop(entry(plain), Judgement::Refused, "it went to the listener itself");
    }
    if let Some(why) = ceiling(sandbox, open) {
        let asked = match sandbox.names.meaning(address) {
            Meaning::Name(name) => Asked { name: Some(name), address: None, port },
            Meaning::Address(_) | Meaning::Nothing => plain,
        };
        return Task::Drop(entry(asked), Judgement::Exceeded, why);
    }
    if (address, port) == (IpAddr::V4(RESOLVER), RESOLVER_PORT) {
        return Task::Resolve;
    }
    match sandbox.names.meaning(address) {
        Meaning::Name(name) => Task::Carry(entry(Asked { name: Some(name), address: None, port })),
        Meaning::Address(_) => Task::Carry(entry(plain)),
        Meaning::Nothing => Task::Drop(entry(plain), Judgement::Refused, FORGOTTEN),
    }
}

/// The ceiling that one more connection would pass.
fn ceiling(sandbox: &Sandbox, open: usize) -> Option<&'static str> {
    let most = sandbox.rules.borrow().allowance.connections;
    if open >= usize::try_from(most).unwrap_or(usize::MAX) {
        return Some(CROWDED);
    }
    relay::is_spent(sandbox).then_some(relay::SPENT)
}

async fn perform(shared: Arc<Shared>, stream: TcpStream, task: Task) {
    match task {
        Task::Resolve => resolve(&shared, stream).await,
        Task::Greet => greet::greet(&shared, stream).await,
        Task::Carry(entry) => lead(&shared, &entry, Caller::steered(stream)).await,
        Task::Drop(..) => {}
    }
}

/// Hands a connection to the resolver.
/// Leads a connection to another sandbox, or out.
async fn lead(shared: &Shared, entry: &Entry, caller: Caller) {
    match entry.asked.name.as_ref().and_then(sandbox_called) {
        Some(called) => peer::carry(shared, entry, called, caller).await,
        None => carry::carry(shared, entry, caller).await,
    }
}

async fn resolve(shared: &Shared, stream: TcpStream) {
    let (sandbox, upstream) = (Arc::clone(&shared.sandbox), Arc::clone(&shared.upstream));
    crate::dns::serve_stream(stream, sandbox, upstream).await;
}

/// How a connection that ended so is judged, and why.
fn judged(end: &End) -> (Judgement, String) {
    match end {
        End::Broken(error) => (Judgement::Allowed, format!("it broke: {error}")),
        End::Spent => (Judgement::Exceeded, relay::SPENT.to_owned()),
        End::Idle => (Judgement::Cut, "nothing was said for long".to_owned()),
    }
}

/// How long to accept nothing after a failure.
fn pause(error: &io::Error) -> Duration {
    match Errno::from_io_error(error) {
        Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM) => EXHAUSTED,
        _ => FAILED,
    }
}

#[cfg(test)]
pub(crate) mod tests;
