//! Isolation: plans it, applies it, and runs the one privileged process, the launcher.
//!
//! Synchronous and single-threaded throughout.

pub mod request;

pub mod launcher;

mod check;
mod failure;
mod ids;
mod record;

mod plan;

mod apply;
mod capability;
mod cgroup;
mod confine;
pub mod defence;
mod maps;
mod network;
mod owner;
mod process;
mod program;
mod seccomp;

mod folders;
mod volumes;
mod worker;

pub mod host_image;
pub mod trees;

pub use confine::confine_to_network;

mod sys;
pub use sys::{Wiping, close_from_at_exec, wipe_freed_memory};

pub use defence::{Defence, Without};
