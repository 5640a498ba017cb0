//! The client of the rows for TLS: the same one on the host and in a sandbox.
//!
//! It trusts what `SSL_CERT_FILE` says and shows what [`VARIABLE`] says: on the host the value, in a
//! sandbox the placeholder. The answer must show the same again.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, HandshakeKind, RootCertStore, StreamOwned};

use super::super::peer::{Found, PIECE, WARM_UP, show, timed};
use super::server::{DOWN, HANDSHAKE, SHORT, UP};
use super::wire::{Message, Socket};
use super::{NAME, VARIABLE};

/// What a program of its own makes a request by.
pub(super) const PROGRAM: &str = "curl";
/// A length of a body that no stream reaches.
const ENDLESS: u64 = 1 << 60;

/// What a peer does, and how much of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Work {
    /// So many requests, each by a program of its own.
    Program(u32),
    /// New connections, one after another, each with one request.
    Greet(u32),
    /// The same, each with what the one before left to resume.
    Resume(u32),
    /// Requests on one connection.
    Ask(u32),
    /// A stream into the peer, for so many milliseconds.
    Pull(u64),
    /// The same out of it.
    Push(u64),
}

impl Work {
    /// The words of a command line for it.
    pub(super) fn words(self) -> [String; 2] {
        let (word, number) = match self {
            Self::Program(times) => ("program", u64::from(times)),
            Self::Greet(times) => ("greet", u64::from(times)),
            Self::Resume(times) => ("resume", u64::from(times)),
            Self::Ask(times) => ("ask", u64::from(times)),
            Self::Pull(ms) => ("pull", ms),
            Self::Push(ms) => ("push", ms),
        };
        [word.to_owned(), number.to_string()]
    }

    fn parse(word: &str, number: &str) -> Option<Self> {
        let ms: u64 = number.parse().ok()?;
        let times = u32::try_from(ms).ok()?;
        match word {
            "program" => Some(Self::Program(times)),
            "greet" => Some(Self::Greet(times)),
            "resume" => Some(Self::Resume(times)),
            "ask" => Some(Self::Ask(times)),
            "pull" => Some(Self::Pull(ms)),
            "push" => Some(Self::Push(ms)),
            _ => None,
        }
    }
}

/// Does what the words say, in a mount namespace of its own whose look-ups are as a folder says.
pub(in super::super) fn run_direct(words: &[String]) -> io::Result<()> {
    let (folder, words) = words.split_first().ok_or(ErrorKind::InvalidInput)?;
    for file in ["resolv.conf", "nsswitch.conf"] {
        rustix::mount::mount_bind(Path::new(folder).join(file), Path::new("/etc").join(file))?;
    }
    run(words)
}

/// Does what the words say, against the server at the port that is the first of them.
pub(in super::super) fn run(words: &[String]) -> io::Result<()> {
    let [port, word, number] = words else { return Err(ErrorKind::InvalidInput.into()) };
    let port: u16 = port.parse().map_err(io::Error::other)?;
    let shown = std::env::var(VARIABLE).map_err(io::Error::other)?;
    let work = Work::parse(word, number).ok_or(ErrorKind::InvalidInput)?;
    let found = match work {
        Work::Program(times) => timed(times, || program(port, &shown)),
        Work::Greet(times) => {
            let host = Host::find(port, Resumption::disabled())?;
            greet(&host, times, &shown, HandshakeKind::Full)
        }
        Work::Resume(times) => {
            let host = Host::find(port, Resumption::default())?;
            host.open()?.short(&shown)?;
            greet(&host, times, &shown, HandshakeKind::Resumed)
        }
        Work::Ask(times) => {
            let mut visit = Host::find(port, Resumption::disabled())?.open()?;
            visit.short(&shown)?;
            timed(times, || visit.short(&shown).map(drop))
        }
        Work::Pull(ms) => Host::find(port, Resumption::disabled())?.open()?.pull(&shown, ms),
        Work::Push(ms) => Host::find(port, Resumption::disabled())?.open()?.push(&shown, ms),
    };
    show(found?)
}

/// One request by a program that does nothing else.
fn program(port: u16, shown: &str) -> io::Result<()> {
    let mut command = Command::new(PROGRAM);
    // First of all: without the settings of whoever runs this.
    command.args(["-q", "-sS", "--fail", "--max-time", "30", "-H"]);
    command.arg(format!("Authorization: Bearer {shown}"));
    command.arg(format!("https://{NAME}:{port}{SHORT}"));
    let output = command.stdin(Stdio::null()).output()?;
    if output.status.success() && has(&output.stdout, shown) {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(io::Error::other(format!("{PROGRAM} ended with {}: {said}", output.status)))
}

fn has(text: &[u8], shown: &str) -> bool {
    text.windows(shown.len()).any(|part| part == shown.as_bytes())
}

/// New connections, each ended before the next. What is resumed must be so on the server's side,
/// too.
fn greet(host: &Host, times: u32, shown: &str, kind: HandshakeKind) -> io::Result<Found> {
    timed(times, || {
        let mut visit = host.open()?;
        let theirs = visit.short(shown)?;
        let is_other = kind == HandshakeKind::Resumed && theirs != format!("{:?}", Some(kind));
        if visit.0.conn.handshake_kind() != Some(kind) || is_other {
            return Err(io::Error::other(format!("a handshake was not {kind:?}; {theirs}")));
        }
        visit.0.conn.send_close_notify();
        visit.0.conn.write_tls(&mut visit.0.sock).map(drop)
    })
}

/// The server, looked up once, and what is spoken to it with.
struct Host {
    address: SocketAddr,
    config: Arc<ClientConfig>,
}

/// A connection to it.
struct Visit(StreamOwned<ClientConnection, Socket>);

impl Host {
    fn find(port: u16, resumption: Resumption) -> io::Result<Self> {
        let address = (NAME, port).to_socket_addrs()?.next().ok_or(ErrorKind::NotFound)?;
        let file = std::env::var("SSL_CERT_FILE").map_err(io::Error::other)?;
        let mut roots = RootCertStore::empty();
        let known = CertificateDer::pem_file_iter(file).map_err(io::Error::other)?;
        roots.add_parsable_certificates(known.filter_map(Result::ok));
        let builder = ClientConfig::builder_with_provider(super::provider());
        let builder =
            builder.with_protocol_versions(&[&rustls::version::TLS13]).map_err(io::Error::other)?;
        let mut config = builder.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        config.resumption = resumption;
        Ok(Self { address, config: Arc::new(config) })
    }

    fn open(&self) -> io::Result<Visit> {
        let socket = Socket::new(TcpStream::connect(self.address)?)?;
        let name = ServerName::try_from(NAME).map_err(io::Error::other)?;
        let connection = ClientConnection::new(Arc::clone(&self.config), name);
        Ok(Visit(StreamOwned::new(connection.map_err(io::Error::other)?, socket)))
    }
}

impl Visit {
    fn ask(&mut self, method: &str, path: &str, shown: &str, more: &str) -> io::Result<()> {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {NAME}:{port}\r\nAuthorization: Bearer {shown}\r\n{more}\r\n",
            port = self.0.sock.port()?,
        );
        self.0.write_all(request.as_bytes())
    }

    /// The head of the answer, which must be a good one.
    fn heard(&mut self) -> io::Result<Message> {
        let answer = Message::read(&mut self.0)?.ok_or(ErrorKind::UnexpectedEof)?;
        if answer.first().starts_with("HTTP/1.1 200") {
            return Ok(answer);
        }
        Err(io::Error::other(format!("the answer is `{}`", answer.first())))
    }

    /// A request with a short answer; how the server's side shook hands.
    fn short(&mut self, shown: &str) -> io::Result<String> {
        self.ask("GET", SHORT, shown, "")?;
        let answer = self.heard()?;
        let handshake = answer.header(HANDSHAKE).unwrap_or_default().to_owned();
        if has(&answer.body(&mut self.0)?, shown) {
            return Ok(handshake);
        }
        Err(io::Error::other("the answer does not show what the request showed"))
    }

    /// Reads a stream.
    fn pull(&mut self, shown: &str, ms: u64) -> io::Result<Found> {
        self.ask("GET", DOWN, shown, "")?;
        self.heard()?;
        let mut piece = vec![0; PIECE];
        rate(ms, || self.0.read(&mut piece))
    }

    /// Writes one.
    fn push(&mut self, shown: &str, ms: u64) -> io::Result<Found> {
        self.ask("POST", UP, shown, &format!("Content-Length: {ENDLESS}\r\n"))?;
        let piece = vec![0; PIECE];
        rate(ms, || self.0.write(&piece))
    }
}

/// Moves bytes for so long; how many in a second.
fn rate(ms: u64, mut step: impl FnMut() -> io::Result<usize>) -> io::Result<Found> {
    let warm = Instant::now() + WARM_UP;
    while Instant::now() < warm {
        moved(step()?)?;
    }
    let (start, mut bytes) = (Instant::now(), 0);
    while start.elapsed() < Duration::from_millis(ms) {
        bytes += moved(step()?)?;
    }
    Ok(Found::Rate(bytes as f64 / start.elapsed().as_secs_f64()))
}

fn moved(bytes: usize) -> io::Result<usize> {
    if bytes == 0 { Err(ErrorKind::UnexpectedEof.into()) } else { Ok(bytes) }
}
