//! The resolver of a sandbox.
