//! Vocabulary and rules of infield, in reading order.
//!
//! Nothing here does I/O, reads a clock or an environment, or draws a random number: time and
//! ids come in as arguments. Every other crate speaks in these words.

pub mod error;
pub mod id;
pub mod organization;
pub mod principal;

pub mod image;
pub mod isolation;
pub mod lifecycle;
pub mod network;
pub mod preview;
pub mod sandbox;
pub mod secret;
pub mod volume;

pub mod command;
pub mod files;
pub mod language;

pub mod intent;

pub mod guest;
pub mod provider;

pub mod audit;

pub use error::{Error, Kind, Result};
pub use id::{
    ExecutionId, GuestPath, ImageName, KeyId, NetworkName, SandboxId, SandboxName, SecretId,
    SshAccessId, VolumeId,
};
pub use organization::Organization;
pub use principal::{Permission, Principal};
