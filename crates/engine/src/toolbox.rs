//! Files, git, processes and language servers, composed of the primitives that a guest has.

mod ask;
pub mod environment;
pub mod execute;
pub mod files;
pub mod git;
pub mod interpreters;
mod log;
pub mod lsp;
pub mod metrics;
mod named;
pub mod permissions;
mod process;
pub mod replace;
pub mod repository;
pub mod sessions;
pub mod terminals;
pub mod transfer;

pub(crate) use interpreters::Interpreters;
pub(crate) use lsp::LanguageServers;
pub(crate) use sessions::Sessions;
pub(crate) use terminals::Terminals;
