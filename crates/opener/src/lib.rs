//! The process that has the values of secrets, and opens TLS for the hosts that they name.
//!
//! A sandbox has placeholders. Its connections to secret hosts are handed over by the network
//! process, which has judged them and made them on both sides. Here both sides speak TLS: the
//! sandbox with an authority that was made for it alone, the host with the certificate that it
//! shows to everybody. In between, placeholders become values on their way out, and values become
//! placeholders on their way back.
//!
//! ```text
//! daemon ──sealed values──▶ serve ──▶ wards: tables and authority of each sandbox
//!                                        │
//! network ──two sockets──▶ open: TLS ◀───┴──▶ visit: requests and answers ──▶ swap ──▶ TLS
//! ```
//!
//! It never connects to anything itself, has no file and no privilege, and nobody may look into
//! its memory. Whoever keeps the sealed values cannot open them: the key is here alone.

pub mod control;
mod run;
pub use run::{Setup, run};

mod authority;
mod seal;
mod serve;
mod trust;
mod ward;

mod ahead;
mod open;
mod report;
mod stream;

mod body;
mod head;
mod visit;

mod encode;
mod exchange;
mod swap;

pub use seal::{KEY_BYTES, Key};
