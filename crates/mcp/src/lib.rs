//! The MCP door: tools, resources and prompts over stdio and HTTP, for both protocol eras.
//!
//! A tool call is parsed into a domain request, makes its engine call, and is rendered. Nothing
//! here decides who may do what, touches the host's file system, or writes to standard output:
//! the engine decides, the client's [`Folders`] do host I/O, and diagnostics go to `tracing`.
//! In reading order.

mod session;
pub use session::{Defaults, Folders, NoFolders, Session};

mod door;
pub use door::Door;
mod http_door;
pub use http_door::{HttpDoor, HttpSettings};
mod plain_door;
pub use plain_door::PlainDoor;

mod call;
mod failure;
mod reply;

mod arguments;
mod schema;
mod tools;
pub use tools::{IntentRequest, ToolSummary, tool_summaries};

mod prompts;
mod resources;
mod tasks;
