//! SSH into real sandboxes, with the clients of OpenSSH.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use infield_testkit::eventually;
use infield_tests::{Server, free_address};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::cli::terminal::Terminal;
use crate::traces::child;

/// For what takes a moment.
const SOON: Duration = Duration::from_secs(40);
/// The same, for a client that must not hang; timeout(1).
const LIMIT: &str = "60";

/// A daemon, a sandbox `box`, and a client's configuration with access to it.
struct Site {
    server: Server,
    folder: TempDir,
    key: String,
    token: String,
}

/// A client that runs; it does not outlive its test.
struct Client(Child);

impl Drop for Client {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

impl Site {
    fn new() -> Result<Self> {
        let address = free_address()?;
        let server = Server::start(&["--ssh", &address.to_string()])?;
        server.home.run(&["create", "--name", "box"])?;
        let (folder, key) = (tempfile::tempdir()?, server.key_with("ssh", &["--sees-all"])?);
        let mut site = Self { server, folder, key, token: String::new() };
        let made = site.call("POST", "/api/sandbox/box/ssh-access")?;
        site.token = made["token"].as_str().context("a token")?.to_owned();
        let known = site.path("known");
        let text = format!(
            "Host box stranger\n HostName 127.0.0.1\n Port {}\n BatchMode yes\n \
             StrictHostKeyChecking accept-new\n UserKnownHostsFile {}\n LogLevel ERROR\n\
             Host box\n User {}\nHost stranger\n User nobody\n",
            address.port(),
            known.display(),
            site.token
        );
        fs::write(site.path("config"), text)?;
        Ok(site)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn call(&self, method: &str, path: &str) -> Result<Value> {
        let address = self.server.address;
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(SOON))?;
        let key = &self.key;
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {key}\r\n\
             Connection: close\r\nContent-Length: 0\r\n\r\n"
        )?;
        let mut said = String::new();
        stream.read_to_string(&mut said)?;
        let (head, body) = said.split_once("\r\n\r\n").context("an answer")?;
        ensure!(head.starts_with("HTTP/1.1 200"), "{said}");
        Ok(serde_json::from_str(body)?)
    }

    /// A client of OpenSSH, with a limit.
    fn client(&self, program: &str, words: &[&str]) -> Command {
        let mut command = Command::new("timeout");
        command.args([LIMIT, program, "-F"]).arg(self.path("config")).args(words);
        command.stdin(Stdio::null()).env_remove("SSH_AUTH_SOCK").env("LC_ALL", "C.UTF-8");
        command
    }

    /// The same, which nothing stands in front of.
    fn direct(&self, words: &[&str]) -> Command {
        let mut command = Command::new("ssh");
        command.arg("-F").arg(self.path("config")).args(words);
        command
    }

    fn ssh(&self, words: &[&str]) -> Result<Output> {
        Ok(self.client("ssh", words).output()?)
    }

    /// What a command inside says; it must succeed.
    fn says(&self, command: &str) -> Result<String> {
        let output = self.ssh(&["box", command])?;
        ensure!(output.status.success(), "{output:?}");
        Ok(String::from_utf8(output.stdout)?)
    }

    fn succeed(&self, mut command: Command) -> Result<()> {
        let output = command.output()?;
        ensure!(output.status.success(), "{command:?}: {output:?}");
        Ok(())
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn commands_have_their_streams_and_ends() -> Result<()> {
    let site = Site::new()?;
    let output = site.ssh(&["box", "echo out; echo err >&2; exit 7"])?;
    let seen = (text(&output.stdout), text(&output.stderr), output.status.code());
    assert_eq!(seen, ("out\n".to_owned(), "err\n".to_owned(), Some(7)));
    // A signal is no exit code: the client ends with its own.
    assert_eq!(site.ssh(&["box", "kill -9 $$"])?.status.code(), Some(255));
    let mut child = site
        .client("ssh", &["box", "cat; echo end"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    child.stdin.take().context("a pipe")?.write_all(b"hello\n")?;
    let output = child.wait_with_output()?;
    assert_eq!((text(&output.stdout), output.status.code()), ("hello\nend\n".to_owned(), Some(0)));
    let stranger = site.ssh(&["stranger", "true"])?;
    assert_eq!(stranger.status.code(), Some(255));
    assert!(text(&stranger.stderr).contains("Permission denied"), "{stranger:?}");
    Ok(())
}

#[test]
fn a_terminal_has_its_size_and_its_shell() -> Result<()> {
    let site = Site::new()?;
    let mut terminal = Terminal::open()?;
    let mut front = terminal.start(site.direct(&["-tt", "box"]))?;
    terminal.send("stty size; test -t 0 && echo a-\"\"tty\n")?;
    terminal.expect("30 100")?;
    terminal.expect("a-tty")?;
    terminal.resize(132, 43)?;
    // The terminal is nobody's controlling one, so that its kernel tells nobody.
    let pid = Pid::from_raw(i32::try_from(front.0.id())?).context("a process")?;
    kill_process(pid, Signal::WINCH)?;
    terminal.send("until stty size | grep -q '43 132'; do sleep 0.05; done; echo resi\"\"zed\n")?;
    terminal.expect("resized")?;
    terminal.send("exit 5\n")?;
    assert_eq!(front.0.wait()?.code(), Some(5));
    Ok(())
}

#[test]
fn files_come_and_go() -> Result<()> {
    let site = Site::new()?;
    let big: Vec<u8> = (0..3_000_000_u32).map(|at| (at * 7 + at / 251) as u8).collect();
    fs::write(site.path("big"), &big)?;
    let (near, back) = (site.path("big"), site.path("back"));
    let near = near.to_str().context("a path")?;
    for _ in 0..2 {
        // The second time it is there already.
        site.succeed(site.client("scp", &[near, "box:big"]))?;
    }
    site.succeed(site.client("scp", &["box:big", back.to_str().context("a path")?]))?;
    assert!(fs::read(&back)? == big, "it came back changed");
    let batch = format!(
        "mkdir d\nput {near} d/t\nchmod 640 d/t\nrename d/t d/u\nget d/u {}\nrm d/u\nrmdir d\n\
         put {near} kept\nchmod 640 kept\n",
        site.path("u").display()
    );
    fs::write(site.path("batch"), batch)?;
    let batch = site.path("batch");
    site.succeed(site.client("sftp", &["-b", batch.to_str().context("a path")?, "box"]))?;
    assert!(fs::read(site.path("u"))? == big, "it came back changed");
    assert_eq!(site.says("stat -c '%a %s' kept; ls -d d 2>/dev/null; true")?, "640 3000000\n");
    let host = site.client("scp", &["box:/../../etc/hostname", "/dev/null"]).output()?;
    let inside = site.says("test -e /etc/hostname && echo there || true")?;
    assert_eq!(host.status.success(), inside == "there\n", "paths are the sandbox's: {host:?}");
    site.says(
        "git init -q r && cd r && echo hi > f && git add f && \
               git -c user.name=a -c user.email=a@b.c commit -qm x",
    )?;
    let mut clone = Command::new("timeout");
    clone.args([LIMIT, "git", "clone", "-q", "box:/workspace/r"]).arg(site.path("r"));
    clone.env("GIT_SSH_COMMAND", format!("ssh -F {}", site.path("config").display()));
    site.succeed(clone)?;
    assert_eq!(fs::read_to_string(site.path("r/f"))?, "hi\n");
    Ok(())
}

/// Answers one visitor with one line, inside.
const GREETER: &str = "import socket;s=socket.create_server(('127.0.0.1',8123));print('up',flush=True);c=s.accept()[0];c.sendall(b'hello\\n');c.close()";

#[test]
fn tunnels_reach_the_sandbox_alone() -> Result<()> {
    let site = Site::new()?;
    let mut greeter = site.client("ssh", &["box", &format!("python3 -c \"{GREETER}\"")]);
    let mut greeter = Client(greeter.stdout(Stdio::piped()).spawn()?);
    let mut line = String::new();
    BufReader::new(greeter.0.stdout.take().context("a pipe")?).read_line(&mut line)?;
    ensure!(line == "up\n", "the greeter said {line:?}");
    let host = TcpListener::bind("127.0.0.1:0")?;
    let (near, far) = (free_address()?, free_address()?);
    let inward = format!("{near}:localhost:8123");
    let outward = format!("{far}:{}:80", "192.0.2.1");
    let tunnel = site.direct(&["-N", "-L", &inward, "-L", &outward, "box"]);
    let _tunnel = Client({ tunnel }.stdin(Stdio::null()).stderr(Stdio::null()).spawn()?);
    let ask = |address: SocketAddr| -> Result<String> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(SOON))?;
        let mut said = String::new();
        // A tunnel that is refused is closed by the client.
        drop(stream.read_to_string(&mut said));
        Ok(said)
    };
    let mut said = String::new();
    // The first to be accepted is the one visitor, so that asking again is harmless.
    let mut heard = || {
        ask(near).is_ok_and(|heard| {
            said = heard;
            said == "hello\n"
        })
    };
    let limit = std::time::Instant::now() + SOON;
    while !heard() {
        ensure!(std::time::Instant::now() < limit, "nobody greets");
        std::thread::park_timeout(Duration::from_millis(50));
    }
    assert_eq!(ask(far)?, "", "nothing but the sandbox's own loopback is reached");
    // A port of the host's loopback is not one of the sandbox's.
    let direct = format!("localhost:{}", host.local_addr()?.port());
    let refused = site.ssh(&["-W", &direct, "box"])?;
    assert!(!refused.status.success(), "{refused:?}");
    host.set_nonblocking(true)?;
    assert!(host.accept().is_err(), "nobody came to the host's port");
    let backward = format!("{}:127.0.0.1:80", free_address()?.port());
    let options = ["-o", "ExitOnForwardFailure=yes", "-N", "-R", &backward, "box"];
    assert!(!site.ssh(&options)?.status.success(), "nothing listens here for a client");
    let agent = site.ssh(&["-A", "-X", "box", "echo \"[$SSH_AUTH_SOCK$DISPLAY]\""])?;
    assert_eq!(text(&agent.stdout), "[]\n", "neither agent nor screen of the client");
    Ok(())
}

#[test]
fn the_end_of_an_access_ends_what_came_by_it() -> Result<()> {
    let site = Site::new()?;
    let mut client = site.client("ssh", &["box", "echo up; exec sleep 4000"]);
    let mut client = Client(client.stdout(Stdio::piped()).spawn()?);
    let mut line = String::new();
    BufReader::new(client.0.stdout.take().context("a pipe")?).read_line(&mut line)?;
    assert_eq!(line, "up\n");
    let valid = format!("/api/sandbox/ssh-access/validate?token={}", site.token);
    assert_eq!(site.call("GET", &valid)?["valid"], true);
    site.call("DELETE", &format!("/api/sandbox/box/ssh-access?token={}", site.token))?;
    assert_eq!(client.0.wait()?.code(), Some(255), "the connection ends");
    assert_eq!(site.call("GET", &valid)?["valid"], false);
    assert_eq!(site.ssh(&["box", "true"])?.status.code(), Some(255));
    Ok(())
}

/// Bytes by which the daemon may grow for the clients below: what their channels may leave lying
/// twice over, and what allocators keep.
const MOST_GROWTH: u64 = 64 << 20;
/// Looks in a row at which nothing may move; one may fall into a pause.
const STILL: u32 = 30;
/// More bytes than any window or queue on the way has.
const MUCH: u64 = 48 << 20;

fn resident(pid: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("a size")?;
    let kib: u64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kib << 10)
}

/// Bytes that a process has read and written.
fn moved(pid: u32) -> Result<u64> {
    let counts = fs::read_to_string(format!("/proc/{pid}/io"))?;
    let count = |word| counts.lines().find_map(|line| line.strip_prefix(word)?.trim().parse().ok());
    let (read, written): (Option<u64>, Option<u64>) = (count("rchar:"), count("wchar:"));
    Ok(read.context("a count")? + written.context("a count")?)
}

#[tokio::test]
async fn slow_sides_cost_bounded_memory_and_nothing_stays_stuck() -> Result<()> {
    let site = Site::new()?;
    let daemon = child(site.server.pid(), "__daemon")?.context("a daemon")?;
    site.says("true")?;
    let before = resident(daemon)?;
    let zeros = || -> Result<Stdio> { Ok(fs::File::open("/dev/zero")?.into()) };
    let start = |words: &str, input: Stdio| -> Result<Client> {
        let mut command = site.direct(&["box", words]);
        Ok(Client(command.stdin(input).stdout(Stdio::piped()).spawn()?))
    };
    // Nobody reads what the first writes, the second reads nothing, and the third does both.
    let clients = [
        start("cat /dev/zero", Stdio::null())?,
        start("exec sleep 4000", zeros()?)?,
        start("cat", zeros()?)?,
    ];
    let (mut last, mut looks) = ([0; 3], 0);
    let still = || {
        let now = [0, 1, 2].map(|at: usize| moved(clients[at].0.id()).unwrap_or(0));
        // Less than one packet between two looks: what is left is a trickle.
        let is_still = (0..3).all(|at| now[at] > 256 << 10 && now[at] - last[at] < 32 << 10);
        last = now;
        looks = if is_still { looks + 1 } else { 0 };
        looks >= STILL
    };
    eventually(SOON, "all come to a stand", still).await;
    let grown = resident(daemon)?.saturating_sub(before);
    ensure!(grown < MOST_GROWTH, "the daemon has grown by {grown} bytes");
    // Who reads on gets on, though the other direction is full.
    let [_, _, mut cross] = clients;
    let output = cross.0.stdout.take().context("a pipe")?;
    let reading = tokio::task::spawn_blocking(move || {
        std::io::copy(&mut output.take(MUCH), &mut std::io::sink())
    });
    let read = tokio::time::timeout(SOON, reading).await.context("it is stuck")???;
    assert_eq!(read, MUCH);
    let grown = resident(daemon)?.saturating_sub(before);
    ensure!(grown < MOST_GROWTH, "the daemon has grown by {grown} bytes");
    Ok(())
}
