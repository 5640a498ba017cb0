//! Frames after an upgrade: `[u8 kind][u32 BE length][payload]`, both ways.
//!
//! [`take`] and [`put`] are the codec, without I/O. [`FrameReader`] and [`FrameWriter`] move frames
//! over a connection; a reader holds at most one frame and what came with it, and a writer hands
//! each frame to the connection before it takes the next, so that a slow peer holds back the
//! other side instead of filling memory.

mod frame;
mod io;
mod message;

pub use frame::{Frame, HEADER_BYTES, MAX_PAYLOAD, put, take};
pub use io::{FrameReader, FrameWriter};
pub use message::{ClientFrame, ServerFrame};

#[cfg(test)]
mod tests;
