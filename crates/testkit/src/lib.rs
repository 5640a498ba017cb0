//! Fakes for tests of the engine and the doors: everything in memory, in milliseconds.
//!
//! [`FakeProvider`] keeps sandboxes as records and runs commands as scripts; failures, delays and
//! deaths are asked for by the test. [`open_engine`] puts an engine over it. [`eventually`] waits
//! for what another task is about to do, with a limit and without a guess of how long it takes.

mod eventually;
pub use eventually::eventually;

mod script;
pub use script::{Step, play};

mod guest;
pub use guest::FakeGuest;

mod provider;
pub use provider::{FakeProvider, Operation};

mod engine;
pub use engine::{TestEngine, open_engine, settings};
