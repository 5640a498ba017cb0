//! The whole product, driven from outside: one module for each door and each promise.

mod cli;
mod local;
mod recovery;
mod rest;
mod traces;

mod mcp;
