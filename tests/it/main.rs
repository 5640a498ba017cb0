//! The whole product, driven from outside: one module for each door and each promise.

mod attacks;
mod background;
mod cli;
mod daytona;
mod endings;
mod langswarm;
mod local;
mod mcp;
mod network;
mod previews;
mod processes;
mod programs;
mod recovery;
mod rest;
mod rootless;
mod ssh;
mod traces;
mod volumes;
