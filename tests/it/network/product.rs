//! The product on HOST. Its daemon, launcher and whatever else it starts live in that namespace.

use std::io::Write;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use infield_tests::{Home, Server};
use rustix::process::{Pid, Signal, kill_process};

use super::attempts::{Attempt, Policy};
use super::world::World;
use crate::traces::child;

/// How long a part of it may take to be there.
const PATIENCE: Duration = Duration::from_secs(20);
/// What one program inside may take.
const PROGRAM: &str = "--timeout=60s";

/// One daemon on HOST that asks INTERNET's resolver, until it is dropped.
pub(crate) struct Product {
    server: Server,
    world: Arc<World>,
    /// The world's authority, in a file that its user may read.
    trust: PathBuf,
}

impl Product {
    /// Starts it.
    pub(crate) fn start(world: Arc<World>) -> Result<Self> {
        Self::start_at(Home::new()?, world)
    }

    /// Starts one of an ordinary user.
    pub(crate) fn of_user(world: Arc<World>, user: u32) -> Result<Self> {
        let home = Home::of_user(user)?;
        // The world's own files are root's alone.
        let trust = home.path().with_file_name("trust.pem");
        std::fs::write(&trust, world.authority().pem())?;
        Self::start_with(home, world, trust)
    }

    /// Starts one that leaves out walls, by their words with commas between them.
    pub(crate) fn without(world: Arc<World>, words: &str) -> Result<Self> {
        Self::start_at(Home::without(words)?, world)
    }

    /// Starts the ordinary one in an environment that asks to leave walls out.
    pub(crate) fn asked_to_weaken(world: Arc<World>, words: &str) -> Result<Self> {
        Self::start_at(Home::asked_to_weaken(words)?, world)
    }

    fn start_at(home: Home, world: Arc<World>) -> Result<Self> {
        let trust = world.authority().file().to_owned();
        Self::start_with(home, world, trust)
    }

    fn start_with(home: Home, world: Arc<World>, trust: PathBuf) -> Result<Self> {
        let home = home.within(world.host().entry());
        let options = options(&world, &trust)?;
        let server = Server::start_at(home, &options.each_ref().map(String::as_str))?;
        Ok(Self { server, world, trust })
    }

    /// Starts it with its log in a file.
    pub(crate) fn logging(world: Arc<World>, log: &Path) -> Result<Self> {
        let home = Home::new()?.within(world.host().entry());
        let trust = world.authority().file().to_owned();
        let options = options(&world, &trust)?;
        let file = std::fs::File::create(log)?;
        let server = Server::start_by(home, |mut serve| {
            serve.args(&options).stderr(file);
            serve
        })?;
        Ok(Self { server, world, trust })
    }

    /// Ends it and starts it again. Sandboxes go on.
    pub(crate) fn restart(&mut self) -> Result<()> {
        let options = options(&self.world, &self.trust)?;
        self.server.restart(&options.each_ref().map(String::as_str))
    }

    /// Kills the first process, without which the others end, and starts another.
    pub(crate) fn revive(&mut self) -> Result<()> {
        let options = options(&self.world, &self.trust)?;
        self.server.revive(&options.each_ref().map(String::as_str))
    }

    /// The walls that are left out.
    pub(crate) fn left_out(&self) -> Option<&str> {
        self.server.home.left_out()
    }

    /// The policy of an attempt's sandbox. Without a network namespace there is none whose way out
    /// could be steered.
    pub(crate) fn policy_of(&self, attempt: &Attempt) -> Policy {
        let is_open = self.left_out().is_some_and(|words| words.contains("network_namespace"));
        if is_open { Policy::None } else { attempt.policy }
    }

    /// The world around it.
    pub(crate) fn world(&self) -> &World {
        &self.world
    }

    /// A program as it connects in a sandbox of this product.
    pub(crate) fn fitting(&self, program: &str) -> String {
        let way = if self.is_proxied() { PROXIED } else { STRAIGHT };
        program.replacen(STRAIGHT, way, 1)
    }

    /// The file with the world's authority.
    pub(crate) fn trust(&self) -> &Path {
        &self.trust
    }

    /// A file that its user may read, with what is in this one.
    pub(crate) fn readable(&self, file: &Path) -> Result<PathBuf> {
        if !self.is_proxied() {
            return Ok(file.to_owned());
        }
        let name = file.file_name().context("a file has a name")?;
        let copy = self.trust.with_file_name(name);
        std::fs::copy(file, &copy)?;
        Ok(copy)
    }

    /// Whether programs inside reach the network through a proxy alone.
    pub(crate) fn is_proxied(&self) -> bool {
        self.server.home.user().is_some()
    }

    /// Its home.
    pub(crate) fn home(&self) -> PathBuf {
        self.server.home.path()
    }

    /// A command of the command line.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        self.server.home.command(words)
    }

    /// Runs a command of the command line to its end and gives what it printed.
    pub(crate) fn run(&self, words: &[&str]) -> Result<String> {
        self.server.home.run(words)
    }

    /// Runs one until it is answered: a daemon that was killed takes its connections along.
    pub(crate) fn ask(&self, words: &[&str]) -> Result<String> {
        let begun = Instant::now();
        loop {
            match self.run(words) {
                Ok(answer) => return Ok(answer),
                Err(error) if begun.elapsed() > PATIENCE => return Err(error),
                Err(_) => std::thread::park_timeout(Duration::from_millis(50)),
            }
        }
    }

    /// Makes a sandbox with this policy.
    pub(crate) fn create(&self, name: &str, policy: Policy) -> Result<()> {
        self.create_with(name, policy, &[])
    }

    /// Makes one with further options.
    pub(crate) fn create_with(&self, name: &str, policy: Policy, options: &[&str]) -> Result<()> {
        let words = policy.words();
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        self.run(&[&["create", "--name", name], options, &words[..]].concat()).map(drop)
    }

    /// Makes a sandbox of another owner, as the API has it.
    pub(crate) fn create_as(&self, owner: &str, wish: &str) -> Result<()> {
        let client = format!("Infield-Client: {owner}");
        let mut curl = Command::new("curl");
        if let Some(user) = self.server.home.user() {
            // The socket serves nobody else.
            curl.uid(user).gid(user);
        }
        curl.args(["-sS", "--fail-with-body", "--max-time", "60", "--unix-socket"]);
        curl.arg(self.home().join("infield.sock")).args(["-H", &client, "-d", wish]);
        curl.args(["-H", "Content-Type: application/json", "http://localhost/v1/sandboxes"]);
        let made = curl.output().context("no curl")?;
        ensure!(made.status.success(), "{}", String::from_utf8_lossy(&made.stdout));
        Ok(())
    }

    /// Changes the policy of a sandbox that runs.
    pub(crate) fn change(&self, name: &str, policy: Policy) -> Result<()> {
        let words = policy.words();
        let words: Vec<_> =
            words.iter().map(|word| word.trim_start_matches("--network=")).collect();
        self.run(&[&["net", "set", name], &words[..]].concat()).map(drop)
    }

    /// Runs Python inside to its end and gives all that it wrote.
    pub(crate) fn python(&self, sandbox: &str, program: &str) -> Result<String> {
        let mut command = self.server.home.command(&["exec", "-i", PROGRAM, sandbox]);
        command.args(["/usr/bin/python3", "-"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().context("the binary is not built")?;
        let mut stdin = child.stdin.take().context("no standard input")?;
        stdin.write_all(self.fitting(program).as_bytes())?;
        drop(stdin);
        let output = child.wait_with_output()?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok(text(&output.stdout) + &text(&output.stderr))
    }

    /// The keeper.
    pub(crate) fn keeper(&self) -> u32 {
        self.server.pid()
    }

    /// The process that the keeper has for a part, such as `__network`.
    pub(crate) fn part(&self, word: &str) -> Result<u32> {
        let begun = Instant::now();
        loop {
            if let Some(pid) = child(self.server.pid(), word)? {
                return Ok(pid);
            }
            ensure!(begun.elapsed() < PATIENCE, "there is no `{word}`");
            std::thread::park_timeout(Duration::from_millis(5));
        }
    }

    /// Kills a part, and gives what was killed.
    pub(crate) fn kill(&self, word: &str) -> Result<u32> {
        let part = self.part(word)?;
        let pid = Pid::from_raw(i32::try_from(part)?).context("no pid")?;
        kill_process(pid, Signal::KILL)?;
        Ok(part)
    }
}

/// How programs of attempts connect, and how where there is a proxy alone.
const STRAIGHT: &str = "    return socket.create_connection((host, port), SECONDS)\n";
const PROXIED: &str = "    return through(13986, host, port)\n";

/// What it is told.
fn options(world: &World, trust: &Path) -> Result<[String; 4]> {
    let trust = trust.to_string_lossy().into_owned();
    let resolver = world.resolver()?.to_string();
    Ok(["--resolver".to_owned(), resolver, "--trust".to_owned(), trust])
}

#[test]
fn the_product_runs_on_host() -> Result<()> {
    let Some(world) = World::shared("the_product_runs_on_host")? else { return Ok(()) };
    let product = Product::start(world)?;
    assert_eq!(product.run(&["run", "-c", "print(6 * 7)"])?, "42\n");
    let url = product.server.url("/api/health");
    let health = product.world().client(&["curl", "-sSf", "--max-time", "5", &url])?.output()?;
    assert!(health.status.success(), "it listens on HOST's loopback: {health:?}");
    Ok(())
}
