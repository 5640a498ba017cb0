//! What the tests of the whole product share: the real binary, in a home of its own.

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

/// The built binary: `INFIELD_BIN`, else the one in the build folder.
pub fn binary() -> PathBuf {
    std::env::var_os("INFIELD_BIN").map_or_else(|| target().join("debug/infield"), PathBuf::from)
}

/// The binary of the test build that can leave out a defence: `INFIELD_WEAK_BIN`.
pub fn weak_binary() -> Option<PathBuf> {
    std::env::var_os("INFIELD_WEAK_BIN").map(PathBuf::from)
}

/// The folder with Python environments and Node packages that `cargo xtask install` fills.
pub fn tools() -> PathBuf {
    std::env::var_os("INFIELD_TEST_TOOLS")
        .map_or_else(|| target().join("test-tools"), PathBuf::from)
}

fn target() -> PathBuf {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target");
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(beside, PathBuf::from)
}

/// Whether the test may do what only root may; says by name that it is skipped when not.
#[expect(clippy::print_stderr, reason = "a skipped test must be seen")]
pub fn is_root(test: &str) -> bool {
    let is_root = rustix::process::geteuid().is_root();
    if !is_root {
        eprintln!("skipped: {test} needs root");
    }
    is_root
}

/// A home folder that nobody else uses. Dropping it ends its daemon with every sandbox.
pub struct Home {
    folder: TempDir,
    binary: PathBuf,
    without: Option<String>,
    user: Option<u32>,
    /// What every command begins with.
    entry: Vec<String>,
}

impl Home {
    /// Makes an empty one; the daemon comes with the first command.
    pub fn new() -> Result<Self> {
        let folder = TempDir::with_prefix("infield-")?;
        Ok(Self { folder, binary: binary(), without: None, user: None, entry: Vec::new() })
    }

    /// Makes one of an ordinary user, with a copy of the binary that this user may run. Only
    /// root can become somebody else.
    pub fn of_user(user: u32) -> Result<Self> {
        let folder = TempDir::with_prefix("infield-user-")?;
        chown(folder.path(), Some(user), Some(user))?;
        let binary_of_user = folder.path().join("infield");
        // Not by our own hands: a child that another test forks at this moment would hold the copy
        // open for writing, and what is open so cannot be executed.
        let copied = Command::new("cp").arg(binary()).arg(&binary_of_user).status()?;
        anyhow::ensure!(copied.success(), "the binary is not built");
        std::fs::set_permissions(&binary_of_user, std::fs::Permissions::from_mode(0o755))?;
        Ok(Self {
            folder,
            binary: binary_of_user,
            without: None,
            user: Some(user),
            entry: Vec::new(),
        })
    }

    /// Makes one whose daemon and commands leave out the defence that `word` names.
    pub fn without(word: &str) -> Result<Self> {
        let binary = weak_binary().context("INFIELD_WEAK_BIN does not name the weakened build")?;
        let folder = TempDir::with_prefix("infield-")?;
        Ok(Self { folder, binary, without: Some(word.to_owned()), user: None, entry: Vec::new() })
    }

    /// Makes one of the ordinary build, whose environment asks to leave walls out all the same.
    pub fn asked_to_weaken(words: &str) -> Result<Self> {
        let mut home = Self::new()?;
        home.without = Some(words.to_owned());
        Ok(home)
    }

    /// The same, with its daemon and commands started by these words, such as those that enter a
    /// network namespace.
    pub fn within(mut self, entry: Vec<String>) -> Self {
        self.entry = entry;
        self
    }

    /// The defence that is left out in it.
    pub fn left_out(&self) -> Option<&str> {
        self.without.as_deref()
    }

    /// Where it is.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    /// Whose it is, when it is not the caller's.
    pub fn user(&self) -> Option<u32> {
        self.user
    }

    /// `infield WORDS` on this home, with nothing of the caller's environment but PATH.
    pub fn command(&self, words: &[&str]) -> Command {
        // Only root may enter, so it becomes the user afterwards.
        let user = self.user.filter(|_| !self.entry.is_empty());
        let become_user: Vec<_> = user.map_or_else(Vec::new, |user| {
            let words = [format!("--reuid={user}"), format!("--regid={user}")];
            let all = ["setpriv".to_owned(), "--clear-groups".to_owned()].into_iter().chain(words);
            all.chain(["--".to_owned()]).collect()
        });
        let before = self.entry.iter().chain(&become_user).map(OsStr::new);
        let mut program = before.chain([self.binary.as_os_str()]);
        let mut command = Command::new(program.next().unwrap_or_default());
        command.args(program).args(words).env_clear().stdin(Stdio::null());
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", self.folder.path()).env("INFIELD_HOME", self.path());
        if let Some(word) = &self.without {
            command.env("INFIELD_WITHOUT", word);
        }
        if let Some(user) = self.user {
            command.current_dir(self.folder.path());
            if self.entry.is_empty() {
                command.uid(user).gid(user);
            }
        }
        command
    }

    /// Runs a command to its end and gives standard output; fails with both streams.
    pub fn run(&self, words: &[&str]) -> Result<String> {
        let output = self.command(words).output().context("the binary is not built")?;
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.success() {
            let stderr = String::from_utf8_lossy(&output.stderr);
            bail!("`infield {}`: {}\n{stdout}\n{stderr}", words.join(" "), output.status);
        }
        Ok(stdout)
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if self.path().join("lock").exists() {
            // A daemon that is gone left its sandboxes, and the next one has to end them.
            let sandboxes = std::fs::read_dir(self.path().join("sandboxes"));
            if sandboxes.is_ok_and(|mut all| all.next().is_some()) {
                drop(self.command(&["ls"]).output());
            }
            drop(self.command(&["shutdown", "--all"]).output());
        }
    }
}

/// `infield serve` in the foreground, listening on a free port of loopback.
pub struct Server {
    /// Its home.
    pub home: Home,
    /// Where it listens.
    pub address: SocketAddr,
    child: Child,
}

impl Server {
    /// Starts it and waits until sandboxes can be made; half a minute at most.
    pub fn start(options: &[&str]) -> Result<Self> {
        Self::start_at(Home::new()?, options)
    }

    /// The same on a home that exists.
    pub fn start_at(home: Home, options: &[&str]) -> Result<Self> {
        Self::start_by(home, |mut serve| {
            serve.args(options);
            serve
        })
    }

    /// The same by another command that ends in the one that is given.
    pub fn start_by(home: Home, change: impl FnOnce(Command) -> Command) -> Result<Self> {
        let address = free_address()?;
        let child = serve(&home, address, change)?;
        let mut server = Self { home, address, child };
        server.wait_until_healthy()?;
        Ok(server)
    }

    /// Ends it, which leaves the sandboxes, and starts it again with the same home and address.
    pub fn restart(&mut self, options: &[&str]) -> Result<()> {
        self.home.run(&["shutdown"])?;
        self.child.wait()?;
        self.child = serve(&self.home, self.address, |mut serve| {
            serve.args(options);
            serve
        })?;
        self.wait_until_healthy()
    }

    /// Kills its first process, and starts another on the same home. It gets an address of its own:
    /// what the killed one left may hold the old one for a moment.
    pub fn revive(&mut self, options: &[&str]) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        self.address = free_address()?;
        self.child = serve(&self.home, self.address, |mut serve| {
            serve.args(options);
            serve
        })?;
        self.wait_until_healthy()
    }

    fn wait_until_healthy(&mut self) -> Result<()> {
        let limit = Instant::now() + Duration::from_secs(30);
        while Instant::now() < limit {
            if let Some(status) = self.child.try_wait()? {
                bail!("`infield serve` ended: {status}");
            }
            if is_healthy(self) {
                return Ok(());
            }
            std::thread::park_timeout(Duration::from_millis(50));
        }
        bail!("`infield serve` does not answer within 30 s")
    }

    /// The first process of it.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Makes a key and gives its text.
    pub fn key(&self, name: &str) -> Result<String> {
        self.key_with(name, &[])
    }

    /// The same with options of the command.
    pub fn key_with(&self, name: &str, options: &[&str]) -> Result<String> {
        let words = [&["key", "create", name, "--json"], options].concat();
        let answer = self.home.run(&words)?;
        let answer: serde_json::Value = serde_json::from_str(&answer)?;
        Ok(answer["key"].as_str().context("the answer has no key")?.to_owned())
    }
}

/// An address of loopback that is free, and the next one, too, where previews are. It is below the
/// ports that the kernel gives out by itself, so that nobody takes it before it is used.
pub fn free_address() -> Result<SocketAddr> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = 10_000 + (std::process::id() % 1_000) as u16 * 4;
    for _ in 0..1_000 {
        let port = first + NEXT.fetch_add(4, Ordering::Relaxed) % 16_000;
        let addresses =
            [port, port + 1, port + 2].map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        if addresses.iter().all(|address| TcpListener::bind(address).is_ok()) {
            return Ok(addresses[0]);
        }
    }
    bail!("no port of loopback is free")
}

fn serve(
    home: &Home,
    address: SocketAddr,
    change: impl FnOnce(Command) -> Command,
) -> Result<Child> {
    let mut serve = change(home.command(&["serve", "--listen", &address.to_string()]));
    serve.stdin(Stdio::null()).stdout(Stdio::null()).spawn().context("the binary is not built")
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.home.command(&["shutdown", "--all"]).output());
        let limit = Instant::now() + Duration::from_secs(15);
        while Instant::now() < limit && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::park_timeout(Duration::from_millis(20));
        }
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn is_healthy(server: &Server) -> bool {
    let ask = || -> std::io::Result<String> {
        if server.home.entry.is_empty() {
            let stream = TcpStream::connect_timeout(&server.address, Duration::from_secs(1))?;
            stream.set_read_timeout(Some(HEALTH))?;
            return ask_health(stream);
        }
        // It listens in another network, where the home's socket is the same.
        let stream = UnixStream::connect(server.home.path().join("infield.sock"))?;
        stream.set_read_timeout(Some(HEALTH))?;
        ask_health(stream)
    };
    ask().is_ok_and(|answer| answer.lines().next().is_some_and(|line| line.contains(" 200")))
}

/// How long an answer about health may take.
const HEALTH: Duration = Duration::from_secs(2);

fn ask_health(mut stream: impl Read + Write) -> std::io::Result<String> {
    stream.write_all(b"GET /api/health HTTP/1.0\r\nHost: localhost\r\n\r\n")?;
    let mut answer = String::new();
    stream.take(4096).read_to_string(&mut answer)?;
    Ok(answer)
}
