//! The toolbox of a sandbox, family by family.

pub(super) mod environment;
pub(super) mod execute;
pub(super) mod files;
pub(super) mod git;
pub(super) mod interpreters;
pub(super) mod lsp;
mod multipart;
mod parts;
pub(super) mod sessions;
mod socket;
pub(super) mod system;
pub(super) mod terminals;
pub(super) mod transfer;
