//! The network process: it decides and carries what sandboxes send, outside of them, without any
//! privilege.
//!
//! A sandbox has no way out but two sockets that live in its network namespace and are served
//! here: one takes every TCP connection, whatever its destination, the other one is the sandbox's
//! resolver. The launcher made them; the daemon says whose they are and under which policy. Where
//! connections cannot be given to one socket, there is a proxy instead of both (`proxy`), and its
//! clients say where they want to go.
//!
//! ```text
//! program ──look-up──▶ dns ──▶ upstream          names: one synthetic address for each name
//!    │                                             │
//!    └──connection──▶ accept ──▶ judge (policy, name of the address, addresses of the name)
//!                        │            │ refused ──▶ refusal
//!                        ├──▶ inspect (TLS, HTTP: is it that name?) ──▶ relay ──▶ host's network
//!                        └──▶ peers (are both in one network?) ──▶ relay ──▶ another sandbox
//! ```

pub mod control;
pub mod handover;
pub mod packet;
mod run;

mod accept;
mod defence;
mod dns;
mod inspect;
mod journal;
mod names;
mod opening;
mod peers;
mod proxy;
mod refusal;
mod relay;
mod sandbox;
mod serve;
mod upstream;
mod web;

pub use names::RESOLVER;
pub use run::run;
pub use web::check;
