//! The HTTP door, in reading order.
//!
//! `wire` and `stream` are what a client needs too: the shapes of every `/v1` request and answer,
//! and the frames that follow an upgrade.

pub mod stream;
pub mod wire;
