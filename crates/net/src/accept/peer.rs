//! A connection to another sandbox, from its judgement to its end.
//!
//! Being in one network is the permission, whatever the policy is, unless a rule denies the name.
//! Nobody looks at its bytes: they do not leave what belongs to one owner.

use std::io;
use std::os::fd::OwnedFd;

use infield_domain::SandboxId;
use infield_domain::network::Judgement;
use tokio::net::TcpStream;

use super::entry::Entry;
use super::{Shared, judged};
use crate::defence::Defence;
use crate::inspect::First;
use crate::peers::{Failure, Found};
use crate::refusal;
use crate::relay::{self, Direction, Way};
use crate::sandbox::Sandbox;

/// How a connection ended before both sides had said all.
type Stop = (Judgement, String);

/// Which sandbox is reached, and why it may be.
struct Permission {
    to: SandboxId,
    reason: String,
}

/// Carries a connection to the sandbox of this name.
pub(super) async fn carry(shared: &Shared, entry: &Entry, (called, client): (&str, TcpStream)) {
    let _member = shared.sandbox.crowd.join();
    let ended = exchange(shared, entry, (called, &client)).await;
    match ended {
        Ok(reason) => entry.end(Judgement::Allowed, reason),
        Err((Judgement::Refused, why)) => {
            entry.end(Judgement::Refused, why.clone());
            refusal::tell(&client, First::default(), &entry.refusal(why)).await;
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
    (called, client): (&str, &TcpStream),
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
    let server = into_stream(made.socket).map_err(broken)?;
    entry.reach(None);
    let meter = &*entry.meter;
    let out = Way { from: client, to: &server, meter, direction: Direction::Out };
    let back = Way { from: &server, to: client, meter, direction: Direction::In };
    tokio::select! {
        biased;
        why = until_unfit(sandbox, (called, port), &allowed) => Err((Judgement::Cut, why)),
        end = relay::idle(meter) => Err(judged(&end)),
        carried = async { tokio::try_join!(relay::pump(out, &[]), relay::pump(back, &early)) } => {
            let told = |(judgement, why)| match judgement {
                Judgement::Allowed => (judgement, format!("{}; {why}", allowed.reason)),
                _ => (judgement, why),
            };
            carried.map_err(|end| told(judged(&end))).map(|_| ())
        }
    }
    .map(|()| allowed.reason)
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
