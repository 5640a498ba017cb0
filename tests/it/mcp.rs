//! MCP with the clients that people have: the official Python client in both eras, the
//! Inspector's command line and the conformance suite, against the real binary.

mod conformance;
mod front;
mod inspector;
mod python;
