//! Isolation: plans it, applies it, and runs the one privileged process, the launcher.
//!
//! Synchronous and single-threaded throughout.

pub mod request;

pub mod trees;

pub mod host_image;
