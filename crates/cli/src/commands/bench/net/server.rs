//! The server of `infield bench net`: what stands for the world outside.
//!
//! A connection says by its first byte what it wants. The process ends with its standard input, so
//! that nothing of it is left when the bench is killed; with it goes the network namespace that it
//! may be in, and the pair of interfaces between that and the host.

use std::io::{self, BufRead, ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread;
use std::time::Duration;

use super::peer::{DOWN, ECHO, HOLD, MESSAGE, PIECE, UP};

/// Bytes that the server keeps for a reader that it holds: what waits there is not measured.
const HELD_BUFFER: usize = 4 << 10;
/// Between two rounds through the readers that are held.
const PAUSE: Duration = Duration::from_millis(10);

/// Serves on an address, and first makes it its own when an interface is named.
pub(super) fn run(words: &[String]) -> io::Result<()> {
    match words {
        [address] => serve(address),
        [address, interface] => join(address, interface).and_then(|_| serve(address)),
        _ => Err(ErrorKind::InvalidInput.into()),
    }
}

/// Says that the namespace is there, waits for the interface, and takes the address. What it was
/// told meanwhile is given.
pub(super) fn join(address: &str, interface: &str) -> io::Result<String> {
    tell("here")?;
    let mut told = String::new();
    io::stdin().lock().read_line(&mut told)?;
    let steps = [
        "link set lo up".to_owned(),
        format!("addr add {address}/30 dev {interface}"),
        format!("link set {interface} up"),
    ];
    for step in steps {
        let status = Command::new("ip").args(step.split(' ')).status()?;
        if !status.success() {
            return Err(io::Error::other(format!("`ip {step}` failed")));
        }
    }
    Ok(told.trim().to_owned())
}

fn serve(address: &str) -> io::Result<()> {
    let address: IpAddr = address.parse().map_err(io::Error::other)?;
    let listener = TcpListener::bind(SocketAddr::new(address, 0))?;
    tell(&listener.local_addr()?.port().to_string())?;
    let (holder, held) = channel();
    thread::spawn(move || hold(&held));
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let holder = holder.clone();
            // A connection that breaks is its client's business.
            thread::spawn(move || drop(answer(stream, &holder)));
        }
    });
    until_the_end()
}

/// Waits until the bench is gone.
pub(super) fn until_the_end() -> io::Result<()> {
    io::copy(&mut io::stdin().lock(), &mut io::sink()).map(drop)
}

/// Tells the bench a line.
pub(super) fn tell(word: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{word}")?;
    stdout.flush()
}

fn answer(mut stream: TcpStream, holder: &Sender<TcpStream>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut wish = [0];
    stream.read_exact(&mut wish)?;
    let mut piece = vec![0; PIECE];
    match wish[0] {
        DOWN => loop {
            stream.write_all(&piece)?;
        },
        UP => {
            while stream.read(&mut piece)? > 0 {}
            Ok(())
        }
        ECHO => loop {
            let message = piece.get_mut(..MESSAGE).ok_or(ErrorKind::InvalidData)?;
            stream.read_exact(message)?;
            stream.write_all(message)?;
        },
        HOLD => {
            rustix::net::sockopt::set_socket_send_buffer_size(&stream, HELD_BUFFER)?;
            // At once: the round through all of them is long.
            stream.write_all(&[0])?;
            stream.set_nonblocking(true)?;
            holder.send(stream).map_err(io::Error::other)
        }
        _ => Err(ErrorKind::InvalidData.into()),
    }
}

/// Gives readers that are slow as much as they take.
fn hold(fresh: &Receiver<TcpStream>) {
    let piece = vec![0; PIECE];
    let mut all: Vec<TcpStream> = Vec::new();
    loop {
        match fresh.try_recv() {
            Ok(stream) => {
                all.push(stream);
                continue;
            }
            Err(TryRecvError::Empty) => {}
            Err(TryRecvError::Disconnected) => return,
        }
        all.retain_mut(|stream| match stream.write(&piece) {
            Ok(_) => true,
            Err(error) => error.kind() == ErrorKind::WouldBlock,
        });
        thread::sleep(PAUSE);
    }
}
