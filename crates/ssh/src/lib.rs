//! SSH door: shells, commands, files and ports of sandboxes for the clients that people have.
//!
//! ```text
//! client ──TCP──▶ russh (protocol) ──▶ Visitor: one connection, one access, one sandbox
//!                                        ├─ session channel ──▶ engine.run_command
//!                                        ├─ subsystem sftp  ──▶ the engine's file functions
//!                                        └─ direct-tcpip    ──▶ engine.dial_port
//! ```
//!
//! The user name is the token of an access; there are no passwords and no keys of users. A visitor
//! acts as the access says, on its one sandbox. Nothing here touches a file or a port of the host.
//!
//! What russh does about slow sides, and what it leaves to us ([`meter`]): output waits for the
//! client's window, and the queue between us and its task is bounded. Input is the other way round:
//! it renews the window of a channel when bytes arrive, not when somebody takes them, and its own
//! queue for a channel holds up the whole connection, with the output that the program may be
//! waiting to write. So we take input from its callbacks, count it, and allow little more while too
//! much of it lies here. In reading order.

mod door;
pub use door::{Limits, SshDoor, serve};

mod key;
pub use key::HostKey;

mod meter;
mod visitor;

mod program;
mod sftp;
mod tunnel;
