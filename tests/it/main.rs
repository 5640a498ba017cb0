//! The whole product, driven from outside: one module for each door and each promise.

mod cli;
mod local;
mod mcp;
mod processes;
mod recovery;
mod rest;
mod traces;
