//! HTTP door.
