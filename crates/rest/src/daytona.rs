//! Daytona's public API: the control API below `/api`, the toolbox of each sandbox below
//! `/toolbox/{sandboxId}`.
//!
//! Its SDKs are the clients, unmodified, so paths, statuses and shapes are theirs, to the letter.
//! Handlers translate, as those of `/v1` do, and make the same engine calls. An organization is an
//! owner: a key decides which one.

mod accounts;
mod body;
mod changes;
mod convert;
mod failure;
mod keys;
mod later;
mod lineage;
mod listing;
mod previews;
mod routes;
mod runners;
mod sandboxes;
mod secrets;
mod server;
mod signed;
mod snapshots;
mod socket;
mod ssh;
mod states;
mod toolbox;
mod trail;
mod volumes;

pub use routes::{API_LATER, API_ROUTES, TOOLBOX_LATER, TOOLBOX_ROUTES};

pub(crate) use failure::{Dialect, answer as daytona_answer};
pub(crate) use routes::with_daytona;
pub(crate) use signed::link as signed_link;
pub(crate) use socket::Sockets;
