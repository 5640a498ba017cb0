//! File operations, as plain blocking code in a process of its own.

use std::io;
use std::os::fd::OwnedFd;

use infield_protocol::frame::Decoder;
use infield_protocol::message::{Code, Event, Request};

use crate::failure::Failure;
use crate::settings::Settings;

/// Serves one operation.
pub(crate) fn serve(
    connection: OwnedFd,
    _decoder: Decoder,
    request: Result<Request, Failure>,
    _settings: &Settings,
) -> io::Result<()> {
    let failure = request.err().unwrap_or_else(|| Failure::new(Code::Unsupported, "not yet"));
    let mut out = Vec::new();
    infield_protocol::frame::encode(&Event::Failed(failure.0), &mut out)
        .map_err(io::Error::other)?;
    rustix::io::write(&connection, &out)?;
    Ok(())
}
