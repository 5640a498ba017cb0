//! The `infield` program: one binary that is the command line, the daemon and its launcher.
//!
//! The command line is a client of the daemon like every other. It parses what was typed, sends
//! one request over the unix socket and shows the answer; it starts the daemon when none runs.
//! Only this crate knows clap, the environment and the concrete provider.

use std::process::ExitCode;

mod args;
mod client;
mod commands;
mod error;
mod folders;
mod follow;
mod home;
mod landing;
mod output;
mod serve;
mod stdio;
mod terminal;
mod transfer;

/// Daemon and opener have it wiped what they give back.
#[global_allocator]
static MEMORY: infield_jail::Wiping = infield_jail::Wiping;

fn main() -> ExitCode {
    // The processes of the daemon are this binary again; they must not pay for the command line,
    // and the launcher must reach its loop before anything starts a thread.
    if let Some(ended) = serve::inner_process() {
        return ended;
    }
    let cli = match args::parse() {
        Ok(cli) => cli,
        Err(shown) => return shown,
    };
    commands::dispatch(cli).unwrap_or_else(|error| error::report(&error))
}
