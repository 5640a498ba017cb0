//! Files and git, composed of the primitives that a guest has.

pub mod files;
pub mod git;
