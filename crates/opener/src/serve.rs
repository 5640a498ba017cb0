//! Takes what the daemon says, and what the network process hands over.
//!
//! The state is this one task's. Connections have tasks of their own, which end with what is known
//! of their sandbox.

use std::collections::HashMap;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use infield_domain::SandboxId;
use infield_domain::secret::Value;
use infield_net::handover::{HANDOVER_BYTES, Handover, Report};
use infield_net::packet;
use rustls::crypto::CryptoProvider;
use tokio::io::{Interest, unix::AsyncFd};
use tokio::task::JoinSet;
use zeroize::{Zeroize as _, Zeroizing};

use crate::control::{Answer, FromOpener, PACKET_BYTES, Request, ToOpener};
use crate::open::{self, Sockets};
use crate::report;
use crate::seal::Key;
use crate::trust::Trust;
use crate::ward::{Refusal, Ward};

/// Connections of one sandbox at once: each holds what a slow reader has not read.
const MOST_CONNECTIONS: usize = 128;

/// Serves until the keeper is gone or the daemon's socket ends.
pub(crate) async fn serve(
    daemon: OwnedFd,
    keeper: OwnedFd,
    (key, added): (Key, Vec<u8>),
) -> io::Result<()> {
    let (daemon, keeper) = (packet::register(daemon)?, packet::register(keeper)?);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let trust = Trust::new(added, &provider);
    let mut state = State { key, trust, provider, wards: HashMap::new(), network: None };
    loop {
        let turn = tokio::select! {
            heard = keeper.readable() => Turn::Keeper(heard.map(drop)),
            heard = hear(&daemon, PACKET_BYTES) => Turn::Asked(heard),
            heard = hear_some(state.network.as_ref()) => Turn::HandedOver(heard),
        };
        match turn {
            Turn::Keeper(heard) => return heard,
            Turn::Asked(heard) => {
                let (bytes, descriptors) = heard?;
                if bytes.is_empty() {
                    return Ok(());
                }
                let answer = state.take(&bytes, descriptors)?;
                let send = |socket: &OwnedFd| packet::send(socket, &answer, &[]);
                daemon.async_io(Interest::WRITABLE, send).await?;
            }
            Turn::HandedOver(Ok((bytes, descriptors))) if !bytes.is_empty() => {
                state.open(&bytes, descriptors);
            }
            // The next one's comes from the daemon.
            Turn::HandedOver(_) => state.network = None,
        }
    }
}

type Heard = io::Result<(Zeroizing<Vec<u8>>, Vec<OwnedFd>)>;

enum Turn {
    Keeper(io::Result<()>),
    Asked(Heard),
    HandedOver(Heard),
}

async fn hear(socket: &AsyncFd<OwnedFd>, most: usize) -> Heard {
    let read = |socket: &OwnedFd| {
        let mut buffer = Zeroizing::new(vec![0; most]);
        let (length, descriptors) = packet::receive(socket, &mut buffer)?;
        // What is cut off here was never written to.
        buffer.truncate(length);
        Ok((buffer, descriptors))
    };
    socket.async_io(Interest::READABLE, read).await
}

async fn hear_some(socket: Option<&AsyncFd<OwnedFd>>) -> Heard {
    match socket {
        Some(socket) => hear(socket, HANDOVER_BYTES).await,
        None => std::future::pending().await,
    }
}

/// A sandbox with its connections.
struct Served {
    ward: Arc<Ward>,
    connections: JoinSet<()>,
}

struct State {
    key: Key,
    trust: Trust,
    provider: Arc<CryptoProvider>,
    wards: HashMap<SandboxId, Served>,
    /// Where connections come from.
    network: Option<AsyncFd<OwnedFd>>,
}

impl State {
    fn take(&mut self, bytes: &[u8], descriptors: Vec<OwnedFd>) -> io::Result<Vec<u8>> {
        let asked: ToOpener = postcard::from_bytes(bytes)
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "what came is no question"))?;
        let answer = self.answer(asked.request, descriptors);
        let answer = FromOpener { number: asked.number, answer };
        postcard::to_stdvec(&answer).map_err(io::Error::other)
    }

    fn answer(&mut self, request: Request, descriptors: Vec<OwnedFd>) -> Answer {
        match request {
            Request::Seal { name, hosts, mut value } => {
                let value = Value::new(std::mem::take(&mut *value));
                let sealed = match value {
                    Ok(value) => self.key.seal(&name, &hosts, &value),
                    Err(error) => return Answer::Failed(error.to_string()),
                };
                sealed.map_or_else(|why| Answer::Failed(why.to_owned()), Answer::Sealed)
            }
            Request::Provision { sandbox, secrets } => self.provision(sandbox, secrets),
            Request::Forget { sandbox } => {
                self.wards.remove(&sandbox);
                Answer::Done
            }
            Request::Inventory => Answer::Wards(self.wards.keys().cloned().collect()),
            Request::Network => match descriptors.into_iter().next().map(packet::register) {
                Some(Ok(socket)) => {
                    self.network = Some(socket);
                    Answer::Done
                }
                Some(Err(error)) => Answer::Failed(error.to_string()),
                None => Answer::Failed("no socket came along".to_owned()),
            },
        }
    }

    /// Takes a sandbox in, or changes what it has. What was begun before with other secrets ends.
    fn provision(
        &mut self,
        sandbox: SandboxId,
        secrets: Vec<infield_domain::secret::Given>,
    ) -> Answer {
        let before = self.wards.get(&sandbox).map(|served| Arc::clone(&served.ward));
        let with = (&self.key, &self.trust, &self.provider);
        let ward = match Ward::new(&sandbox, secrets, before.as_deref(), with) {
            Ok(ward) => Arc::new(ward),
            Err(Refusal::Locked(name)) => return Answer::Locked(name),
            Err(Refusal::Fault(why)) => return Answer::Failed(why),
        };
        let pem = ward.authority.pem().to_owned();
        let is_same = before.is_some_and(|before| before.is_same(&ward));
        if !is_same {
            let connections = JoinSet::new();
            self.wards.insert(sandbox, Served { ward, connections });
        }
        Answer::Authority(pem)
    }

    /// Opens a connection; one that is not wanted ends with its descriptors.
    fn open(&mut self, bytes: &[u8], descriptors: Vec<OwnedFd>) {
        let Ok(handover) = postcard::from_bytes::<Handover>(bytes) else {
            return tracing::error!(length = bytes.len(), "what was handed over is no connection");
        };
        let Ok([client, server, reports]) = <[OwnedFd; 3]>::try_from(descriptors) else {
            return tracing::error!("a socket of a connection is missing");
        };
        let sockets = Sockets { client, server, reports };
        let Some(served) = self.wards.get_mut(&handover.sandbox) else {
            return tracing::warn!(sandbox = %handover.sandbox, "it has no secrets here");
        };
        while served.connections.try_join_next().is_some() {}
        if served.connections.len() >= MOST_CONNECTIONS {
            let why = "the sandbox has as many opened connections as it may".to_owned();
            return report::tell_last(&sockets.reports, &Report::Broken(why));
        }
        let ward = Arc::clone(&served.ward);
        served.connections.spawn(open::open(ward, handover, sockets));
    }
}

impl Drop for State {
    fn drop(&mut self) {
        self.key.0.zeroize();
    }
}
