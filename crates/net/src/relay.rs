//! Carries bytes between two sockets, both ways at once.
//!
//! Nothing is read before the other side can take something, and no more than it took lately, so
//! a slow reader holds next to nothing of this process. Buffers in the kernel are small until a
//! connection has proved to be fast, and stay so in a crowd. The end of one direction is passed on
//! as such, and a reset as a reset.

mod gait;
mod meter;
mod pipe;

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{Shutdown, shutdown, sockopt};
use tokio::net::{TcpSocket, TcpStream};

use self::gait::Gait;

pub(crate) use gait::Crowd;
pub(crate) use meter::{CHUNK, Direction, Meter, Pace, is_spent};

/// Why nothing more is carried for a sandbox.
pub(crate) const SPENT: &str = "the sandbox has moved as many bytes as it may";

/// A connection that moves nothing ends after one to two of these.
const IDLE: Duration = Duration::from_secs(3_600);
/// A peer that is silent is asked after this long whether it is there.
const KEEPALIVE: Duration = Duration::from_secs(60);

/// Why a relay ended before both sides had said all.
#[derive(Debug)]
pub(crate) enum End {
    /// One side is gone. The other one is told by a reset.
    Broken(io::Error),
    /// The sandbox has moved all that it may.
    Spent,
    /// Nobody said anything for long.
    Idle,
}

/// One direction of a connection.
#[derive(Clone, Copy)]
pub(crate) struct Way<'a> {
    pub(crate) from: &'a TcpStream,
    pub(crate) to: &'a TcpStream,
    pub(crate) meter: &'a Meter,
    pub(crate) direction: Direction,
}

/// Bytes that wait in the kernel for a reader in the sandbox that is not known to be fast; it
/// doubles them for what it keeps beside them (socket(7)). It would let them grow to megabytes
/// each, for a path without delay. They must hold several of the segments that are sent: a reader
/// acknowledges one alone after 40 ms only, and until then nothing more is taken.
const BUFFER: usize = 200 << 10;
/// The same for one that is fast, as far as `net.core.wmem_max` allows.
const LONG_BUFFER: usize = 400 << 10;
/// The same in a crowd, where segments stay small, and for what comes from outside.
const CROWD_BUFFER: usize = 16 << 10;

/// Makes a connection of the sandbox ready.
pub(crate) fn welcome(client: &TcpStream, crowd: &Crowd) -> io::Result<()> {
    client.set_nodelay(true)?;
    let bytes = if crowd.is_dense() { CROWD_BUFFER } else { BUFFER };
    Ok(sockopt::set_socket_send_buffer_size(client, bytes)?)
}

/// Gives a connection of the sandbox that is fast a larger buffer.
fn lengthen(client: &TcpStream) -> io::Result<()> {
    Ok(sockopt::set_socket_send_buffer_size(client, LONG_BUFFER)?)
}

/// A socket for a connection out of the host. What it holds of what nobody reads is the kernel's
/// choice, by how fast it was read, unless there are many: a size that is set before the connection
/// is made also bounds what the peer may send at once (tcp(7)).
pub(crate) fn socket(to: IpAddr, crowd: &Crowd) -> io::Result<TcpSocket> {
    let socket = if to.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    if crowd.is_dense() {
        sockopt::set_socket_recv_buffer_size(&socket, CROWD_BUFFER)?;
    }
    Ok(socket)
}

/// Makes a connection out of the host ready: small writes go at once, and a peer that vanished
/// is noticed.
pub(crate) fn prepare(server: &TcpStream) -> io::Result<()> {
    server.set_nodelay(true)?;
    sockopt::set_socket_keepalive(server, true)?;
    sockopt::set_tcp_keepidle(server, KEEPALIVE)?;
    sockopt::set_tcp_keepintvl(server, KEEPALIVE / 4)?;
    sockopt::set_tcp_keepcnt(server, 6)?;
    Ok(())
}

/// Ends a connection with a reset.
pub(crate) fn reset(stream: &TcpStream) {
    if let Err(error) = sockopt::set_socket_linger(stream, Some(Duration::ZERO)) {
        // It is closed in any case: the peer sees an end instead of a reset.
        tracing::debug!(%error, "a connection ends without a reset");
    }
}

/// Says that nothing more is sent.
pub(crate) fn finish(stream: &TcpStream) -> io::Result<()> {
    match shutdown(stream, Shutdown::Write) {
        // A peer that is gone already is found by the other direction.
        Ok(()) | Err(Errno::NOTCONN) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Sends bytes that were read before, and then carries this direction to its end.
pub(crate) async fn pump(way: Way<'_>, first: &[u8]) -> Result<(), End> {
    send(way, first).await?;
    let mut gait = Gait::new(way.meter.crowd());
    loop {
        way.to.writable().await?;
        way.from.readable().await?;
        let turn = way.meter.turn().await;
        let crowd = way.meter.crowd();
        let room = way.meter.room(gait.bytes(crowd)).ok_or(End::Spent)?;
        match pipe::transfer(way.from, way.to, room) {
            Ok(moved) if moved.bytes == 0 => return Ok(finish(way.to)?),
            Ok(moved) => {
                way.meter.moved(way.direction, moved.bytes);
                drop(turn);
                let has_become_long = gait.learn(moved.bytes, moved.left.len());
                if has_become_long && way.direction == Direction::In && !crowd.is_dense() {
                    lengthen(way.to)?;
                }
                write_all(way.to, &moved.left).await?;
            }
            Err(error) if is_passing(&error) => {}
            Err(error) => return Err(End::Broken(error)),
        }
        tokio::task::coop::consume_budget().await;
    }
}

/// Sends bytes that were read before, as far as the sandbox may.
pub(crate) async fn send(way: Way<'_>, mut bytes: &[u8]) -> Result<(), End> {
    while !bytes.is_empty() {
        let _turn = way.meter.turn().await;
        let room = way.meter.room(CHUNK).ok_or(End::Spent)?;
        let (now, later) = bytes.split_at(room.min(bytes.len()));
        write_all(way.to, now).await?;
        way.meter.moved(way.direction, now.len());
        bytes = later;
    }
    Ok(())
}

async fn write_all(to: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        to.writable().await?;
        match to.try_write(bytes) {
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(error) if is_passing(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Ends when a connection has moved nothing for long.
pub(crate) async fn idle(meter: &Meter) -> End {
    let moved = || (meter.bytes(Direction::Out), meter.bytes(Direction::In));
    let mut before = moved();
    loop {
        tokio::time::sleep(IDLE).await;
        let now = moved();
        if now == before {
            return End::Idle;
        }
        before = now;
    }
}

fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

impl From<io::Error> for End {
    fn from(error: io::Error) -> Self {
        Self::Broken(error)
    }
}
