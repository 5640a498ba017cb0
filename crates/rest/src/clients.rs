//! How many clients there are, for a daemon that ends by itself when nobody needs it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Counts connections. Cheap to clone; every clone is the same count.
#[derive(Clone, Debug)]
pub struct Clients {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    open: usize,
    last_change: Instant,
}

/// One client, for as long as this lives.
#[derive(Debug)]
pub(crate) struct Client {
    clients: Clients,
}

impl Clients {
    /// Nobody yet.
    #[expect(clippy::new_without_default, reason = "it reads the clock, which no default should")]
    pub fn new() -> Self {
        let state = State { open: 0, last_change: Instant::now() };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// How many connections are open.
    pub fn open(&self) -> usize {
        self.lock().open
    }

    /// For how long there has been nobody; none while somebody is connected.
    pub fn absent_for(&self) -> Option<Duration> {
        let state = self.lock();
        (state.open == 0).then(|| state.last_change.elapsed())
    }

    pub(crate) fn enter(&self) -> Client {
        self.change(|open| open + 1);
        Client { clients: self.clone() }
    }

    fn change(&self, count: impl Fn(usize) -> usize) {
        let mut state = self.lock();
        state.open = count(state.open);
        state.last_change = Instant::now();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.clients.change(|open| open.saturating_sub(1));
    }
}
