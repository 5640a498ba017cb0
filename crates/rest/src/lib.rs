//! The HTTP door, in reading order.
//!
//! A request passes the gate (is it a web page's, of our build, whose?), a handler that makes one
//! engine call between two translations, and on the way back the one place where errors become
//! statuses. [`wire`] and [`stream`] are what a client needs too: the shapes of every `/v1`
//! request and answer, and the frames that follow an upgrade. `docs/api.md` describes the routes.

pub mod stream;
pub mod wire;

mod clients;
pub use clients::Clients;
mod door;
pub use door::{
    Authentication, Doors, Duplex, Health, Intent, Limits, Listeners, Mcp, McpService, PeerCheck,
    Pipe, PipeCall, PipeIo, Plain, Settings, mcp_service,
};
mod serve;
pub use serve::serve;

mod preview;
pub use preview::{PreviewDoor, PreviewLimits, PreviewTls, serve_previews};

mod gate;
mod routes;
pub use routes::{ROUTES, Route};

mod daytona;
pub use daytona::{API_LATER, API_ROUTES, TOOLBOX_LATER, TOOLBOX_ROUTES};

mod audit;
mod daemon;
mod files;
mod images;
mod keys;
mod mcp;
mod membership;
mod organizations;
mod ports;
mod running;
mod sandboxes;
mod secrets;
mod volumes;

mod body;
mod convert;
mod failure;
mod hint;
mod upgrade;
