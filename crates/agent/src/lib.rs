//! The program that runs as pid 1 inside a sandbox.
