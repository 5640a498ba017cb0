//! The door over fakes, with rmcp's own client in process, in both eras.

mod calls;
mod clients;
mod long;
mod sharing;
