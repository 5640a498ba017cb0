//! A connection to another sandbox, from its judgement to its end.
//!
//! Being in one network is the permission, whatever the policy is, unless a rule denies the name.
//! Nobody looks at its bytes: they do not leave what belongs to one owner.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use infield_domain::SandboxId;
use infield_domain::network::Judgement;
use tokio::net::TcpStream;

use super::carry::{Caller, Gone, grant};
use super::entry::Entry;
use super::{Shared, judged};
use crate::defence::Defence;
use crate::inspect::First;
use crate::peers::{Failure, Found};
use crate::proxy::Manner;
use crate::refusal;
use crate::relay::{self, Direction, Way};
use crate::sandbox::Sandbox;
use crate::web::{self, Turns};

/// How a connection ended before both sides had said all.
type Stop = (Judgement, String);

/// Which sandbox is reached, and why it may be.
struct Permission {
    to: SandboxId,
    reason: String,
}

/// Carries a connection to the sandbox of this name.
pub(super) async fn carry(shared: &Shared, entry: &Entry, called: &str, caller: Caller) {
    let Caller { stream, first, mut manner } = caller;
    let _member = shared.sandbox.crowd.join();
    let client = Arc::new(stream);
    let ended = exchange(shared, entry, called, (&client, first, &mut manner)).await;
    match ended {
        Ok(reason) => entry.end(Judgement::Allowed, reason),
        Err((Judgement::Refused, why)) => {
            entry.end(Judgement::Refused, why.clone());
            let refusal = entry.refusal(why);
            match manner {
                Manner::Steered => refusal::tell(&client, First::default(), &refusal).await,
                manner => refusal::farewell(&client, &manner.refused(&refusal)).await,
            }
        }
        Err((Judgement::Allowed, why)) => {
            let answer = manner.unreachable(&format!("infield did not reach {called}: {why}"));
            entry.end(Judgement::Allowed, why);
            refusal::farewell(&client, &answer).await;
        }
        Err((judgement, why)) => {
            entry.end(judgement, why);
            relay::reset(&client);
        }
    }
}

async fn exchange(
    shared: &Shared,
    entry: &Entry,
    called: &str,
    (client, first, manner): (&Arc<TcpStream>, First, &mut Manner),
) -> Result<String, Stop> {
    let sandbox = &shared.sandbox;
    let port = entry.asked.port;
    let allowed = permit(sandbox, called, port).map_err(|why| (Judgement::Refused, why))?;
    let broken = |error: io::Error| (Judgement::Allowed, format!("it broke: {error}"));
    if sandbox.rules().without.keeps(Defence::Buffers) {
        relay::welcome(client, &sandbox.crowd).map_err(broken)?;
    }
    let made = sandbox.peers.reach(&sandbox.id, &allowed.to, port).await;
    let made = made.map_err(|failure| match failure {
        Failure::Refused => (Judgement::Refused, stranger(called)),
        Failure::Unreachable(why) => {
            (Judgement::Allowed, format!("{}; not reached: {why}", allowed.reason))
        }
    })?;
    let (early, _place) = (made.early, made.place);
    let server = Arc::new(into_stream(made.socket).map_err(broken)?);
    entry.reach(None);
    let host = grant(manner, client)
        .map_err(|Gone| (Judgement::Allowed, "its client is gone".to_owned()))?;
    let pass = async {
        match host {
            Some(host) => browse(shared, entry, host, (client, &server, first)).await,
            None => pump(entry, (client, first), (&server, &early)).await,
        }
    };
    tokio::select! {
        biased;
        why = until_unfit(sandbox, (called, port), &allowed) => Err((Judgement::Cut, why)),
        end = relay::idle(&entry.meter) => Err(judged(&end)),
        passed = pass => passed.map_err(|(judgement, why)| match judgement {
            Judgement::Allowed => (judgement, format!("{}; {why}", allowed.reason)),
            _ => (judgement, why),
        }),
    }
    .map(|()| allowed.reason)
}

/// Passes bytes both ways, after those that came already.
async fn pump(
    entry: &Entry,
    (client, first): (&TcpStream, First),
    (server, early): (&TcpStream, &[u8]),
) -> Result<(), Stop> {
    let meter = &*entry.meter;
    let out = Way { from: client, to: server, meter, direction: Direction::Out };
    let back = Way { from: server, to: client, meter, direction: Direction::In };
    let passed = tokio::try_join!(relay::pump(out, &first.bytes), relay::pump(back, early));
    passed.map(drop).map_err(|end| judged(&end))
}

/// Carries the one request of a client that asked the proxy for it.
async fn browse(
    shared: &Shared,
    entry: &Entry,
    host: String,
    (client, server, first): (&Arc<TcpStream>, &Arc<TcpStream>, First),
) -> Result<(), Stop> {
    let rules = shared.sandbox.rules();
    let site = web::Site { name: host, port: entry.asked.port, without: rules.without };
    let client = web::Stream::counted(Arc::clone(client), &entry.meter, first.bytes);
    let server = web::Stream::plain(Arc::clone(server));
    let refuse = |why: &str| entry.refusal(why);
    let secrets = Arc::clone(&rules.secrets);
    let refused = web::serve((site, Turns::One), secrets, (client, server), &refuse).await;
    refused.map_or(Ok(()), |why| Err((Judgement::Cut, why)))
}

/// Decides about a connection to a sandbox by its name.
fn permit(sandbox: &Sandbox, called: &str, port: u16) -> Result<Permission, String> {
    let rules = sandbox.rules();
    let denial = rules.policy.denial(&rules.limited, called, port);
    if let Some(rule) = denial.filter(|_| rules.without.keeps(Defence::Rules)) {
        return Err(rule.to_string());
    }
    match sandbox.peers.find(&sandbox.id, called) {
        Found::Member(to, network) => {
            Ok(Permission { to, reason: format!("both are in the network `{network}`") })
        }
        Found::Stranger | Found::Alone => Err(stranger(called)),
    }
}

fn stranger(called: &str) -> String {
    format!("no sandbox `{called}` runs in a network that this one is in")
}

/// Ends when the connection is no longer what it was allowed for.
async fn until_unfit(
    sandbox: &Sandbox,
    (called, port): (&str, u16),
    allowed: &Permission,
) -> String {
    let mut rules = sandbox.rules.subscribe();
    let mut members = sandbox.peers.changes();
    loop {
        rules.mark_unchanged();
        members.mark_unchanged();
        let is_kept = sandbox.rules().without.keeps(Defence::Cut);
        match permit(sandbox, called, port) {
            Ok(now) if now.to == allowed.to => {}
            Ok(_) if is_kept => return "its name is another sandbox's now".to_owned(),
            Err(why) if is_kept => return why,
            Ok(_) | Err(_) => {}
        }
        let changed = tokio::select! {
            changed = rules.changed() => changed,
            changed = members.changed() => changed,
        };
        if changed.is_err() {
            // The sandbox goes, and this task with it.
            std::future::pending::<()>().await;
        }
    }
}

/// The connection to the other sandbox's agent, as one more stream. It is none of TCP, but all that
/// is done with it (read, written, spliced, shut down) is the same for both.
fn into_stream(socket: OwnedFd) -> io::Result<TcpStream> {
    let stream = std::net::TcpStream::from(socket);
    stream.set_nonblocking(true)?;
    TcpStream::from_std(stream)
}
