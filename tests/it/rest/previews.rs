//! Previews over real sockets: visitors on one side, servers on the other, and none is honest.

mod admission;
mod hostile;
mod ports;
mod protocols;
mod stage;
