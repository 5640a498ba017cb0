//! An engine of this very crate over fakes, for the tests beside the code.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use infield_domain::Principal;
use infield_domain::sandbox::Sandbox;
use infield_store::Store;
use infield_testkit::FakeProvider;
use tokio::runtime::Runtime;

use crate::{Collect, CreateSandbox, DEFAULT_MAX_CHARS, Engine, FOREGROUND_MS, Settings};

pub(crate) const SOON: Duration = Duration::from_secs(10);

pub(crate) struct Fixture {
    pub(crate) engine: Engine,
    pub(crate) provider: Arc<FakeProvider>,
    pub(crate) who: Principal,
}

pub(crate) async fn fixture() -> Fixture {
    let provider = FakeProvider::new();
    let store = Store::in_memory().expect("memory");
    let engine = Engine::open(store, provider.clone(), Settings::standard()).expect("opens");
    engine.recover().await.expect("recovers");
    Fixture { engine, provider, who: Principal::operator("alice") }
}

impl Fixture {
    pub(crate) async fn create(&self, name: &str) -> Sandbox {
        self.engine.create_sandbox(&self.who, named(name)).await.expect("made")
    }
}

pub(crate) fn named(name: &str) -> CreateSandbox {
    let name = Some(name.parse().expect("a name"));
    CreateSandbox { name, ..CreateSandbox::standard() }
}

pub(crate) fn collect() -> Collect {
    Collect {
        foreground_ms: FOREGROUND_MS,
        max_chars: DEFAULT_MAX_CHARS,
        cancel: Default::default(),
        on_progress: None,
    }
}

/// A daemon that can be killed: its own runtime, its own thread of the database.
pub(crate) struct Daemon {
    runtime: Option<Runtime>,
    pub(crate) engine: Engine,
}

impl Daemon {
    /// Starts on what is in `home`, over sandboxes that outlive it, and recovers.
    pub(crate) fn start(home: &Path, provider: &Arc<FakeProvider>) -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let engine = runtime.block_on(async {
            let store = Store::open(home).expect("a store");
            let engine =
                Engine::open(store, provider.clone(), Settings::standard()).expect("opens");
            engine.recover().await.expect("recovers");
            engine
        });
        Self { runtime: Some(runtime), engine }
    }

    pub(crate) fn run<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.as_ref().expect("it was not killed").block_on(work)
    }

    /// Begins something that is in the middle when the daemon is killed.
    pub(crate) fn spawn<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> tokio::task::JoinHandle<T> {
        self.runtime.as_ref().expect("it was not killed").spawn(work)
    }

    /// Ends it as SIGKILL does, a moment after the last of what it did: what was posted is written,
    /// and no task of it does anything more.
    pub(crate) fn kill(mut self) {
        // Else its thread would write on beside the next daemon, which SIGKILL leaves no room for.
        self.run(self.engine.records().close());
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(Duration::ZERO);
        }
    }
}
