//! The whole product, driven from outside: one module for each door and each promise.

mod attacks;
mod background;
mod cli;
mod endings;
mod local;
mod mcp;
mod network;
mod previews;
mod processes;
mod recovery;
mod rest;
mod rootless;
mod traces;
