//! Provider that runs sandboxes on this machine, by asking the launcher.

pub mod packet;

mod launcher;
mod network;
mod opener;

mod convert;
mod disk;
mod guest;
mod import;
mod trust;
mod watch;
mod wires;

mod provider;

pub use launcher::{Launcher, Link};
pub use network::{Link as NetworkLink, Network};
pub use opener::Opener;
pub use provider::Local;
pub use wires::Wires;
