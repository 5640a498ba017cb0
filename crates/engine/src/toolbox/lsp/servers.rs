//! The language servers of one sandbox, and the task that keeps each.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use infield_domain::command::Signal;
use infield_domain::{Error, ExecutionId, GuestPath, Kind, Result};
use tokio::sync::MutexGuard;

use super::server::{Ears, Server};
use crate::Engine;
use crate::inside::Inside;

/// Language servers of one sandbox.
pub(super) const MOST_SERVERS: usize = 8;

/// Whose a server is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) language: &'static str,
    pub(super) root: GuestPath,
}

/// The language servers of one sandbox.
#[derive(Debug, Default)]
pub(crate) struct LanguageServers {
    all: Mutex<BTreeMap<Key, Arc<Server>>>,
    starting: tokio::sync::Mutex<()>,
}

impl LanguageServers {
    /// Held by whoever starts one, so that none is started twice.
    pub(super) async fn starting(&self) -> MutexGuard<'_, ()> {
        self.starting.lock().await
    }

    pub(super) fn find(&self, key: &Key) -> Option<Arc<Server>> {
        self.with(|all| all.get(key).filter(|server| !server.over.is_cancelled()).cloned())
    }

    pub(super) fn check_room(&self) -> Result<()> {
        if self.with(|all| all.len()) < MOST_SERVERS {
            return Ok(());
        }
        let text = format!("a sandbox has {MOST_SERVERS} language servers at most");
        Err(Error::new(Kind::Quota, text).with_hint("stop one first"))
    }

    pub(super) fn insert(&self, key: Key, server: Arc<Server>) {
        self.with(|all| {
            // One that has ended meanwhile was taken out before it was here.
            if !server.over.is_cancelled() {
                all.insert(key, server);
            }
        });
    }

    fn remove(&self, key: &Key, server: &Arc<Server>) {
        self.with(|all| {
            if all.get(key).is_some_and(|found| Arc::ptr_eq(found, server)) {
                all.remove(key);
            }
        });
    }

    fn with<T>(&self, act: impl FnOnce(&mut BTreeMap<Key, Arc<Server>>) -> T) -> T {
        act(&mut self.all.lock().expect("no holder of this lock panics"))
    }
}

/// Listens to a server until it ends, is to end, or its sandbox stops; forgets it then.
pub(super) fn keep(
    engine: Engine,
    (key, server): (Key, Arc<Server>),
    (inside, id): (&Inside, ExecutionId),
    ears: Ears,
) -> impl Future<Output = ()> + Send + 'static {
    let (seat, guest) = (inside.seat.clone(), inside.guest.clone());
    async move {
        let mut view = seat.watch();
        tokio::select! {
            () = server.listen(ears) => {}
            _ = view.wait_for(|sandbox| !sandbox.state.is_alive()) => {}
            () = engine.stopping().cancelled() => {}
        }
        if let Err(error) = guest.signal(&id, Signal::Kill).await {
            tracing::debug!(%error, "a language server is gone already");
        }
        server.over.cancel();
        seat.language_servers.remove(&key, &server);
    }
}
