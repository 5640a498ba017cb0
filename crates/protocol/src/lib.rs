//! Frames and messages between the host and the agent in a sandbox.
