//! Connections that are passed on to a port inside.

use std::io;
use std::time::{Duration, Instant};

use infield_protocol::frame;
use infield_protocol::message::{Code, Event};
use rustix::io::Errno;

use super::Server;
use crate::connection::Role;
use crate::failure::Failure;
use crate::poll::{Interest, Ready, Source};
use crate::relay::{self, Dialling, Family, Relay, Turn};

/// How long a port may take to answer: the kernel answers for every program that listens, unless
/// too many wait for that program already.
const PATIENCE: Duration = Duration::from_secs(5);

/// Which side of a relay is gone for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gone {
    None,
    Host,
    Port,
}

impl Gone {
    /// What an event of the host's connection says.
    pub(super) fn connection(ready: Ready) -> Self {
        if ready.gone { Self::Host } else { Self::None }
    }
}

impl Server {
    /// Asks a port for a connection.
    pub(super) fn dial(&mut self, number: u64, port: u16) {
        let until = Instant::now() + PATIENCE;
        self.dial_family(number, (Family::Four, port, until));
    }

    fn dial_family(&mut self, number: u64, (family, port, until): (Family, u16, Instant)) {
        let watched = relay::dial(family, port).and_then(|socket| {
            self.poll.watch(&socket, Source::Port(number), Interest::WRITE)?;
            Ok(socket)
        });
        match watched {
            Ok(socket) => {
                let dialling = Dialling { port: socket, number: port, family, until };
                if let Some(connection) = self.connections.get_mut(&number) {
                    connection.role = Role::Dialling(dialling);
                }
                self.settle(number);
            }
            Err(error) => {
                self.finish(number, Err(refusal(port, &error)));
                self.settle(number);
            }
        }
    }

    /// A port answered, or can be read or written.
    pub(super) fn on_port(&mut self, number: u64, ready: Ready) {
        let Some(connection) = self.connections.get_mut(&number) else { return };
        match &connection.role {
            Role::Relaying(_) => {
                self.carry(number, if ready.gone { Gone::Port } else { Gone::None });
            }
            Role::Dialling(_) => self.on_answer(number),
            Role::Opening { .. }
            | Role::Following(_)
            | Role::Reading(_)
            | Role::Queued(_)
            | Role::Closing => {}
        }
    }

    fn on_answer(&mut self, number: u64) {
        let Some(connection) = self.connections.get_mut(&number) else { return };
        let role = std::mem::replace(&mut connection.role, Role::Closing);
        let Role::Dialling(dialling) = role else { return };
        let Dialling { port, number: asked, family, until } = dialling;
        match relay::dialled(&port) {
            Ok(()) => {
                let mut started = Vec::new();
                let early = std::mem::take(&mut connection.decoder).into_rest();
                if frame::encode(&Event::Started, &mut started).is_err() {
                    return self.disconnect(number);
                }
                connection.role = Role::Relaying(Relay::new(port, early, started));
                connection.watched = Interest::NONE;
                self.carry(number, Gone::None);
            }
            Err(_) if family == Family::Four => {
                self.poll.forget(&port);
                self.dial_family(number, (Family::Six, asked, until));
            }
            Err(error) => {
                self.poll.forget(&port);
                self.finish(number, Err(refusal(asked, &error)));
                self.settle(number);
            }
        }
    }

    /// Moves bytes of a relay, and ends it when there will be no more.
    pub(super) fn carry(&mut self, number: u64, gone: Gone) {
        let Some(connection) = self.connections.get_mut(&number) else { return };
        let Role::Relaying(relay) = &mut connection.role else { return };
        // A side that is gone would wake the loop again and again; what it left is taken at once,
        // or as soon as the other side takes it.
        match gone {
            Gone::None => {}
            Gone::Host => {
                self.poll.forget(&connection.fd);
                relay.host_watched = None;
            }
            Gone::Port => {
                self.poll.forget(&relay.port);
                relay.port_watched = None;
            }
        }
        let last = relay.host_watched.is_none() || relay.port_watched.is_none();
        let turn = if last { Turn::Last } else { Turn::Fair };
        let carried = relay.carry(&connection.fd, self.room.bytes_mut(), turn);
        // Without a host that listens nobody needs the rest.
        let unheard = relay.host_watched.is_none() && !relay.has_told_all();
        if carried.is_err() || relay.is_over() || unheard || !self.watch_relay(number) {
            self.disconnect(number);
        }
    }

    fn watch_relay(&mut self, number: u64) -> bool {
        let Some(connection) = self.connections.get_mut(&number) else { return false };
        let Role::Relaying(relay) = &mut connection.role else { return false };
        let (host, port) = relay.wanted();
        let sides = [
            (&connection.fd, Source::Connection(number), &mut relay.host_watched, host),
            (&relay.port, Source::Port(number), &mut relay.port_watched, port),
        ];
        for (fd, source, watched, wanted) in sides {
            if watched.is_some_and(|watched| watched != wanted) {
                if self.poll.change(fd, source, wanted).is_err() {
                    return false;
                }
                *watched = Some(wanted);
            }
        }
        true
    }

    /// Answers whoever waits for a port that does not.
    pub(super) fn give_up_dialling(&mut self, now: Instant) {
        let late = self.connections.iter().filter_map(|(number, connection)| {
            let Role::Dialling(dialling) = &connection.role else { return None };
            (dialling.until <= now).then_some((*number, dialling.number))
        });
        for (number, port) in late.collect::<Vec<_>>() {
            let Some(connection) = self.connections.get_mut(&number) else { continue };
            if let Role::Dialling(dialling) = &connection.role {
                self.poll.forget(&dialling.port);
            }
            self.finish(number, Err(refusal(port, &Errno::TIMEDOUT.into())));
            self.settle(number);
        }
    }
}

fn refusal(port: u16, error: &io::Error) -> Failure {
    let ours = [libc::EMFILE, libc::ENFILE, libc::ENOMEM, libc::ENOBUFS, libc::ETIMEDOUT];
    if error.raw_os_error().is_some_and(|number| ours.contains(&number)) {
        return Failure::kernel(format!("port {port}"), error);
    }
    // Refused, or the sandbox has no loopback of the second family.
    Failure::new(Code::NotFound, format!("nothing listens on port {port}"))
        .with_hint("start a server there that listens on 127.0.0.1 or 0.0.0.0")
}
