//! The network of sandboxes, in a world of its own: the product's host, and everything that a
//! sandbox wants to reach or must not, without a way out of the machine.

mod attempts;
mod bench;
mod ceilings;
mod clients;
mod held;
mod inside;
mod peers;
mod product;
mod proxy;
mod secrets;
mod world;
