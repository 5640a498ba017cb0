//! What TLS costs when it is opened for a secret, beside the same spoken directly.
//!
//! ```text
//! direct  peer ══ TLS ══▶ server                        with the value
//! opened  peer ══ TLS ══▶ opener ══ TLS ══▶ server      with a placeholder
//! ```
//!
//! The server refuses every request that does not show the value, and the sandbox knows no
//! authority of the server's: what is not opened fails. A secret is for a name, so there is a
//! resolver too, and a daemon of the bench's own that asks it.

mod daemon;
mod names;
mod peer;
mod server;
mod wire;

use std::sync::Arc;

use infield_domain::{Error, Result};
use infield_rest::wire::{CreateSandbox, Secret};
use rustls::crypto::CryptoProvider;
use serde_json::json;
use tokio::process::Command;

use super::figures::Samples;
use super::inside::Inside;
use super::outside::Server;
use super::peer::Found;
use super::process::Process;
use super::{NetArgs, PEER, TLS_DIRECT, TLS_PEER, TLS_SERVER};
use crate::client::Request;
use crate::commands::bench::{PAUSE, host, progress, random};
use daemon::Daemon;
use server::Ready;

pub(super) use daemon::run as run_daemon;
pub(super) use peer::{run as run_peer, run_direct};
pub(super) use server::run as run_server;

/// The server's name, of a zone that is nobody's (RFC 2606).
const NAME: &str = "bench.example";
/// The secret, and the variable that a peer has it in, or its placeholder.
const VARIABLE: &str = "INFIELD_BENCH_TOKEN";

/// Requests by a program, new connections and requests of one round.
const PROGRAMS: u32 = 20;
const CONNECTIONS: u32 = 100;
const REQUESTS: u32 = 2_000;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    Program,
    Connection,
    Resumed,
    Request,
    In,
    Out,
}

impl Subject {
    const ALL: [Self; 6] =
        [Self::Program, Self::Connection, Self::Resumed, Self::Request, Self::In, Self::Out];

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Program => "a whole request by curl, a process of its own",
            Self::Connection => "a new connection, one answer and its end",
            Self::Resumed => "the same, with a session to resume",
            Self::Request => "a request on an open connection",
            Self::In => "one stream into the sandbox",
            Self::Out => "one stream out of it",
        }
    }

    fn work(self, ms: u64) -> peer::Work {
        match self {
            Self::Program => peer::Work::Program(PROGRAMS),
            Self::Connection => peer::Work::Greet(CONNECTIONS),
            Self::Resumed => peer::Work::Resume(CONNECTIONS),
            Self::Request => peer::Work::Ask(REQUESTS),
            Self::In => peer::Work::Pull(ms),
            Self::Out => peer::Work::Push(ms),
        }
    }

    /// What the host lacks for it.
    fn missing(self) -> Option<String> {
        let lacks = self == Self::Program && !host::has(peer::PROGRAM);
        lacks.then(|| format!("{}: `{}` is not installed", self.title(), peer::PROGRAM))
    }
}

/// What was found of each subject, directly and opened, and what was left out.
pub(super) struct Outcome {
    pub(super) rows: Vec<(Subject, Samples<2>)>,
    pub(super) left_out: Vec<String>,
}

/// Everything that is measured.
struct Stage {
    /// Its end is the server's.
    server: Server,
    port: u16,
    value: String,
    daemon: Daemon,
}

/// Takes every subject in each round, directly and opened in turn.
pub(super) async fn measure(args: &NetArgs) -> Result<Outcome> {
    let stage = Stage::open().await?;
    let measured = match stage.inside().await {
        Ok(inside) => take_turns(&stage, &inside, args).await,
        Err(error) => Err(error),
    };
    // The sandbox goes with its daemon, also when a round failed.
    let ended = stage.daemon.end().await;
    let outcome = measured?;
    ended?;
    Ok(outcome)
}

async fn take_turns(stage: &Stage, inside: &Inside, args: &NetArgs) -> Result<Outcome> {
    let mut outcome = Outcome { rows: Vec::new(), left_out: Vec::new() };
    for subject in Subject::ALL {
        match subject.missing() {
            Some(why) => outcome.left_out.push(why),
            None => outcome.rows.push((subject, Samples::default())),
        }
    }
    for round in 0..=args.rounds {
        progress(&format!("round {round} of {}, TLS opened for a secret", args.rounds));
        for (subject, samples) in &mut outcome.rows {
            let work = subject.work(args.stream_ms);
            tokio::time::sleep(PAUSE).await;
            let direct = stage.direct(work).await?;
            tokio::time::sleep(PAUSE).await;
            let opened = inside.measure(stage.words(TLS_PEER, work)).await?;
            // The first round fills caches and is not counted.
            if round > 0 {
                samples.push([direct, opened]);
            }
        }
    }
    Ok(outcome)
}

impl Stage {
    async fn open() -> Result<Self> {
        let value = random()?;
        let server = Server::outside(TLS_SERVER, &value).await?;
        let Ready { port, authority } = serde_json::from_str(&server.said).map_err(|_| {
            Error::internal(format!("the server that speaks TLS said `{}`", server.said))
        })?;
        let daemon = Daemon::start(server.address, &authority).await?;
        Ok(Self { server, port, value, daemon })
    }

    /// Makes the secret and a sandbox that has it.
    async fn inside(&self) -> Result<Inside> {
        let client = &self.daemon.client;
        let set = json!({ "hosts": [NAME], "value": self.value });
        let target = format!("/v1/secrets/{VARIABLE}");
        let _set: Secret = client.json(Request::put_json(target, &set)?).await?;
        let address = self.server.address;
        let wish = CreateSandbox {
            network: Some("none".to_owned()),
            // The name's address is not a public one, so it has to be allowed as well.
            allow: vec![format!("{NAME}:{}", self.port), format!("{address}:{}", self.port)],
            secrets: vec![VARIABLE.to_owned()],
            ..CreateSandbox::default()
        };
        Inside::open(client, &wish).await
    }

    fn words(&self, role: &str, work: peer::Work) -> Vec<String> {
        let own = [role.to_owned(), self.port.to_string()].into_iter();
        own.chain(work.words()).collect()
    }

    /// Has a peer on the host do its work once, where names are looked up as the daemon does.
    async fn direct(&self, work: peer::Work) -> Result<Found> {
        let own = std::env::current_exe().map_err(super::process::lost)?;
        let folder = &self.daemon.folder;
        let words = self.words(TLS_DIRECT, work);
        let (role, rest) = words.split_at(1);
        let mut command = Command::new("unshare");
        command.args(["--mount", "--"]).arg(own).arg(PEER).args(role).arg(folder).args(rest);
        // As in a sandbox: nobody's proxy, and nobody's authorities.
        command.env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        command.env(VARIABLE, &self.value).env("SSL_CERT_FILE", daemon::bundle_in(folder));
        Process::spawn(command)?.found().await
    }
}

/// What TLS is made with, which is what the opener takes.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}
