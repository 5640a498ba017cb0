//! Frames and messages between the host and the agent in a sandbox.
//!
//! One connection carries one operation: the host opens with a [`message::Request`], may follow
//! with [`message::Input`], and the agent answers with [`message::Event`]s. Neither side trusts
//! the other: lengths are bounded before anything is allocated, and every set is closed. Both
//! sides belong to one build; an agent of another generation says so and does nothing else.
//!
//! This crate has no runtime. Its feature `client` is the host's side.

#[cfg(feature = "client")]
pub mod client;
pub mod frame;
pub mod message;
