//! The HTTP door over real sockets, with the engine behind it and no real sandbox.

pub(crate) mod client;
mod server;

mod files;
mod gate;
mod limits;
mod mcp;
mod previews;
mod routes;
mod streams;
