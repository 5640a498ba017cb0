//! The client of `infield bench net`, a process of its own: the same one on the host and inside a
//! sandbox, where a copy of this binary runs. It prints what it found as JSON.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// What a connection can want of the server: bytes as fast as they go, one way or the other.
pub(super) const DOWN: u8 = b'd';
pub(super) const UP: u8 = b'u';
/// Each message back.
pub(super) const ECHO: u8 = b'e';
/// As many bytes as are taken, forever.
pub(super) const HOLD: u8 = b'h';
/// Bytes of a message.
pub(super) const MESSAGE: usize = 64;
/// Bytes that are read and written at once.
pub(super) const PIECE: usize = 256 << 10;

/// What a stream runs before it counts.
pub(super) const WARM_UP: Duration = Duration::from_millis(200);
/// How long a reader waits for its first byte.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// What a peer does, and how much of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Work {
    /// So many streams into the peer, for so long.
    Pull { streams: u32, ms: u64 },
    /// The same out of it.
    Push { streams: u32, ms: u64 },
    /// New connections, one after another, each with one message.
    Connect { times: u32 },
    /// Messages on one connection.
    Ask { times: u32 },
    /// Connections that nobody reads, until standard input ends.
    Hold { connections: u32 },
}

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Found {
    /// Bytes in a second.
    Rate(f64),
    /// How long something took, in milliseconds.
    Times { median_ms: f64, p99_ms: f64 },
    /// So many connections are held.
    Held(u32),
}

impl Work {
    /// The words of a command line for it.
    pub(super) fn words(self) -> [String; 3] {
        let (word, first, second) = match self {
            Self::Pull { streams, ms } => ("pull", u64::from(streams), ms),
            Self::Push { streams, ms } => ("push", u64::from(streams), ms),
            Self::Connect { times } => ("connect", u64::from(times), 0),
            Self::Ask { times } => ("ask", u64::from(times), 0),
            Self::Hold { connections } => ("hold", u64::from(connections), 0),
        };
        [word.to_owned(), first.to_string(), second.to_string()]
    }

    fn parse(words: &[String]) -> Option<Self> {
        let [word, first, ms] = words else { return None };
        let (times, ms) = (first.parse().ok()?, ms.parse().ok()?);
        match word.as_str() {
            "pull" => Some(Self::Pull { streams: times, ms }),
            "push" => Some(Self::Push { streams: times, ms }),
            "connect" => Some(Self::Connect { times }),
            "ask" => Some(Self::Ask { times }),
            "hold" => Some(Self::Hold { connections: times }),
            _ => None,
        }
    }
}

/// Does what the words say, against the server at the first of them.
pub(super) fn run(words: &[String]) -> io::Result<()> {
    let work = words.split_first().and_then(|(address, rest)| {
        Some((address.parse::<SocketAddr>().ok()?, Work::parse(rest)?))
    });
    let (to, work) = work.ok_or(ErrorKind::InvalidInput)?;
    perform(to, work)
}

fn perform(to: SocketAddr, work: Work) -> io::Result<()> {
    match work {
        Work::Pull { streams, ms } => show(Found::Rate(stream(to, DOWN, streams, ms)?)),
        Work::Push { streams, ms } => show(Found::Rate(stream(to, UP, streams, ms)?)),
        Work::Connect { times } => {
            show(timed(times, || open(to, ECHO).and_then(|mut stream| exchange(&mut stream)))?)
        }
        Work::Ask { times } => {
            let mut stream = open(to, ECHO)?;
            exchange(&mut stream)?;
            show(timed(times, || exchange(&mut stream))?)
        }
        Work::Hold { connections } => hold(to, connections),
    }
}

/// Prints what was found.
pub(super) fn show(found: Found) -> io::Result<()> {
    let text = serde_json::to_string(&found).map_err(io::Error::other)?;
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{text}")?;
    stdout.flush()
}

fn open(to: SocketAddr, wish: u8) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(to)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(&[wish])?;
    Ok(stream)
}

fn exchange(stream: &mut TcpStream) -> io::Result<()> {
    let mut message = [7; MESSAGE];
    stream.write_all(&message)?;
    stream.read_exact(&mut message)
}

/// Does something again and again, and takes the time of each.
pub(super) fn timed(times: u32, mut work: impl FnMut() -> io::Result<()>) -> io::Result<Found> {
    let mut all = Vec::new();
    for _ in 0..times {
        let start = Instant::now();
        work()?;
        all.push(start.elapsed().as_secs_f64() * 1e3);
    }
    all.sort_by(f64::total_cmp);
    let at = |part: f64| {
        let index = (all.len().saturating_sub(1) as f64 * part).round() as usize;
        all.get(index).copied().unwrap_or_default()
    };
    Ok(Found::Times { median_ms: at(0.5), p99_ms: at(0.99) })
}

/// Moves bytes by so many streams at once; how many in a second.
fn stream(to: SocketAddr, wish: u8, streams: u32, ms: u64) -> io::Result<f64> {
    let moved = Arc::new(AtomicU64::new(0));
    let length = Duration::from_millis(ms);
    let mut threads = Vec::new();
    for _ in 0..streams {
        let (mut stream, moved) = (open(to, wish)?, Arc::clone(&moved));
        let until = Instant::now() + WARM_UP + length;
        threads.push(thread::spawn(move || -> io::Result<()> {
            let mut piece = vec![0; PIECE];
            while Instant::now() < until {
                let now = match wish {
                    UP => stream.write(&piece)?,
                    _ => stream.read(&mut piece)?,
                };
                moved.fetch_add(now as u64, Ordering::Relaxed);
            }
            Ok(())
        }));
    }
    thread::sleep(WARM_UP);
    let (before, start) = (moved.load(Ordering::Relaxed), Instant::now());
    thread::sleep(length.saturating_sub(Duration::from_millis(50)));
    let rate = (moved.load(Ordering::Relaxed) - before) as f64 / start.elapsed().as_secs_f64();
    for thread in threads {
        thread.join().map_err(|_| io::Error::other("a stream broke off"))??;
    }
    Ok(rate)
}

/// Opens connections, reads the first of their bytes, and no more.
fn hold(to: SocketAddr, connections: u32) -> io::Result<()> {
    let mut all = Vec::new();
    for _ in 0..connections {
        let mut stream = open(to, HOLD)?;
        stream.read_exact(&mut [0])?;
        all.push(stream);
    }
    show(Found::Held(connections))?;
    io::copy(&mut io::stdin().lock(), &mut io::sink()).map(drop)
}
