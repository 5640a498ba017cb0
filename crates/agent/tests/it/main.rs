//! The agent as a process of its own, outside any sandbox, through the host's client.

mod agent;
mod commands;
mod connections;
mod files;
mod many;
mod spare;
mod trees;
