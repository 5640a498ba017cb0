//! An engine over fakes.

use std::sync::Arc;

use infield_domain::Result;
use infield_engine::{Engine, Settings};
use infield_store::Store;

use crate::FakeProvider;

/// An engine that is ready, and the provider below it.
pub struct TestEngine {
    /// The engine.
    pub engine: Engine,
    /// What it drives.
    pub provider: Arc<FakeProvider>,
}

/// Opens an engine over an empty store and a fake provider, and recovers.
pub async fn open_engine() -> Result<TestEngine> {
    let provider = FakeProvider::new();
    let engine = Engine::open(Store::in_memory()?, provider.clone(), settings())?;
    engine.recover().await?;
    Ok(TestEngine { engine, provider })
}

/// The settings of a daemon.
pub fn settings() -> Settings {
    Settings::standard()
}
