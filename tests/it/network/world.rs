//! A world without a way out: HOST, where the product runs, and INTERNET, where everything else is.
//!
//! ```text
//! HOST 93.184.100.2 ──── uplink ──── INTERNET 93.184.100.1
//! 2606:2800:100::2                     lo: a hundred addresses, public and not
//! bait on every own address            DNS, nginx with registries and git, raw sockets
//! ```
//!
//! Two network namespaces, joined by nothing but a pair of interfaces; file system and processes
//! are the machine's. The servers are real ones, and the test authority vouches for the web.
//! Everything goes when the world is dropped; what a killed run left goes when the next begins.

mod authority;
mod namespace;
mod plan;
mod records;

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError, Weak, mpsc};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

pub(crate) use self::authority::Authority;
pub(crate) use self::namespace::Namespace;
pub(crate) use self::plan::{ABSTRACT, BAIT_PORT, HOST, PLACES, place};
pub(crate) use self::records::{Piece, Query, Request};

/// How long the servers may take to start, and to end.
const PATIENCE: Duration = Duration::from_secs(20);

/// The one that tests share while any of them needs it.
static SHARED: Mutex<Weak<World>> = Mutex::new(Weak::new());

/// A world until it is dropped.
pub(crate) struct World {
    // Fields go in their order: servers before what they live in.
    #[expect(dead_code, reason = "they serve until the world is dropped")]
    servers: [Servers; 2],
    host: Namespace,
    #[expect(dead_code, reason = "it is there until the world is dropped")]
    internet: Namespace,
    authority: Authority,
    folder: TempDir,
}

impl World {
    /// The world that the tests of this process share; none, and a word why, when the test cannot
    /// have one.
    pub(crate) fn shared(test: &str) -> Result<Option<Arc<Self>>> {
        if !infield_tests::is_root(test) {
            return Ok(None);
        }
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(world) = shared.upgrade() {
            return Ok(Some(world));
        }
        let world = Arc::new(Self::new()?);
        *shared = Arc::downgrade(&world);
        Ok(Some(world))
    }

    /// One that no other test has, for tests that count what INTERNET saw.
    pub(crate) fn apart(test: &str) -> Result<Option<Arc<Self>>> {
        let world = infield_tests::is_root(test).then(Self::new).transpose()?;
        Ok(world.map(Arc::new))
    }

    fn new() -> Result<Self> {
        namespace::sweep()?;
        let folder = TempDir::with_prefix(namespace::prefix()?)?;
        let name = folder.path().file_name().context("no name")?.to_string_lossy().into_owned();
        let internet = Namespace::new(format!("{name}-internet"))?;
        let host = Namespace::new(format!("{name}-host"))?;
        internet.configure(&plan::internet(host.name()))?;
        host.configure(&plan::host())?;
        let resolver = place("RESOLVER").four;
        host.cover("resolv.conf", &format!("nameserver {resolver}\n"))?;
        let strange = place("STRANGE").names.first().context("no stranger")?;
        let authority = Authority::new(folder.path(), &plan::certified(), strange)?;
        prepare(folder.path())?;
        let servers = [
            Servers::start(&internet, folder.path(), None)?,
            Servers::start(&host, folder.path(), Some("bait"))?,
        ];
        Ok(Self { servers, host, internet, authority, folder })
    }

    /// The namespace that stands for the host. `Home::within` takes its [`Namespace::entry`].
    pub(crate) fn host(&self) -> &Namespace {
        &self.host
    }

    /// A folder of the world's, for files of a test.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The DNS server that knows the names.
    pub(crate) fn resolver(&self) -> Result<SocketAddr> {
        Ok(SocketAddr::new(place("RESOLVER").four.parse()?, 53))
    }

    /// Who vouches for the web servers.
    pub(crate) fn authority(&self) -> &Authority {
        &self.authority
    }

    /// An ordinary program on HOST: with its resolver, trust in the authority, an empty home, and
    /// nothing of the caller's environment but PATH.
    pub(crate) fn client<S: AsRef<OsStr>>(&self, words: &[S]) -> Result<Command> {
        let home = self.folder().join("client");
        fs::create_dir_all(&home)?;
        let file = self.authority.file().to_string_lossy().into_owned();
        let mut command = Command::new("ip");
        command.args(["netns", "exec", self.host.name()]).args(words).stdin(Stdio::null());
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", &home).envs(Authority::variables(&file)).current_dir(home);
        Ok(command)
    }

    /// Look-ups that reached INTERNET.
    pub(crate) fn queries(&self) -> Result<Vec<Query>> {
        records::queries(self.folder())
    }

    /// Requests that web servers answered.
    pub(crate) fn requests(&self) -> Result<Vec<Request>> {
        records::requests(self.folder())
    }

    /// What sockets without a protocol got, HOST's bait included.
    pub(crate) fn pieces(&self) -> Result<Vec<Piece>> {
        records::pieces(self.folder())
    }
}

/// Writes what the servers need.
fn prepare(folder: &Path) -> Result<()> {
    let text = folder.to_str().context("a plain path")?;
    let nginx = infield_tests::tools().join("nginx/usr/sbin/nginx");
    ensure!(nginx.exists(), "`{}` is missing: cargo xtask install", nginx.display());
    let plan = plan::servers(text, &nginx.to_string_lossy());
    fs::write(folder.join("plan.json"), plan.to_string())?;
    let (listen, strange) = plan::listens();
    let web = include_str!("servers/nginx.conf")
        .replace("FOLDER", text)
        .replace("STRANGE_LISTEN", &strange)
        .replace("LISTEN", &listen);
    fs::write(folder.join("nginx.conf"), web)?;
    let made = python("goods.py").arg(folder).output()?;
    ensure!(made.status.success(), "no goods: {}", String::from_utf8_lossy(&made.stderr));
    Ok(())
}

/// A program of `servers/`, with the packages that it needs.
fn python(program: &str) -> Command {
    let servers = Path::new(env!("CARGO_MANIFEST_DIR")).join("it/network/servers");
    let mut command = Command::new(infield_tests::tools().join("venv-world/bin/python"));
    command.arg("-B").arg(servers.join(program));
    command
}

/// A process with servers. It ends when its standard input does.
struct Servers(Child);

impl Servers {
    fn start(namespace: &Namespace, folder: &Path, word: Option<&str>) -> Result<Self> {
        let program = python("internet.py");
        let [first, rest @ ..] = &*namespace.entry() else { unreachable!("an entry has words") };
        let mut command = Command::new(first);
        command.args(rest).arg(program.get_program()).args(program.get_args());
        command.arg(folder.join("plan.json")).args(word);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let stdout = child.stdout.take().context("no standard output")?;
        let servers = Self(child);
        let (told, ready) = mpsc::channel();
        let watch = std::thread::spawn(move || {
            let line = BufReader::new(stdout).lines().next();
            // Nobody waits any more when it came too late.
            told.send(line.is_some_and(|line| line.is_ok_and(|line| line == "ready"))).ok();
        });
        let is_ready = ready.recv_timeout(PATIENCE);
        ensure!(is_ready == Ok(true), "the servers do not start; they say why above");
        drop(watch.join());
        Ok(servers)
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let limit = Instant::now() + PATIENCE;
        while Instant::now() < limit && matches!(self.0.try_wait(), Ok(None)) {
            std::thread::park_timeout(Duration::from_millis(10));
        }
        drop(self.0.kill());
        drop(self.0.wait());
    }
}
