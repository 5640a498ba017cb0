//! Where attacks happen: a home with its daemon, started by a careless operator who leaves a
//! variable and descriptors open to it, and some files of the host's that nobody inside may have.

use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result, bail};
use infield_tests::{Home, Server};
use tempfile::TempDir;

use super::Outcome;

/// What each Python program begins with. An error of the kernel's that nobody catches is what
/// holding an attack looks like.
pub(crate) const PRELUDE: &str = r#"
import ctypes, errno, mmap, os, resource, select, signal, socket, struct, subprocess, sys
import threading, time
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
def call(number, *words):
    """A raw system call: its result, or minus the error number."""
    words = [w if isinstance(w, (ctypes._SimpleCData, ctypes.Array, bytes)) or hasattr(w, '_obj')
             else ctypes.c_long(w) for w in words]
    ctypes.set_errno(0)
    result = libc.syscall(ctypes.c_long(number), *words)
    return -ctypes.get_errno() if result == -1 else result
def verdict(broke, note=''):
    print('BROKE' if broke else 'HELD', note, flush=True)
    os._exit(0)
def uncaught(kind, error, trace):
    if issubclass(kind, OSError):
        verdict(False, error)
    sys.__excepthook__(kind, error, trace)
sys.excepthook = uncaught
"#;

/// What must never be read inside.
pub(crate) const CANARY: &str = "the canary sings";

/// What the careless operator leaves open: a file to read, one to write, a folder.
const OPEN: &str = "exec 40<secret 41>>secret 42<.; exec \"$@\"";

/// One home with a daemon.
pub(crate) struct Stage {
    server: Server,
    /// Files of the host's.
    pub(crate) host: HostFiles,
    /// A folder for what comes out of sandboxes, and for launchers without a daemon.
    scratch: TempDir,
    alone: Mutex<()>,
    made: AtomicU32,
}

impl Stage {
    /// Sets it up, with every defence or without one.
    pub(crate) fn new(without: Option<&str>) -> Result<Self> {
        let host = HostFiles::new()?;
        let home = without.map_or_else(Home::new, Home::without)?;
        let server = Server::start_by(home, |serve| {
            let mut shell = Command::new("bash");
            shell.args(["-c", OPEN, "bash"]).arg(serve.get_program()).args(serve.get_args());
            shell
                .env_clear()
                .envs(serve.get_envs().filter_map(|(name, value)| Some((name, value?))));
            shell.env("INFIELD_CANARY", CANARY).current_dir(host.open.path());
            shell
        })?;
        let scratch = TempDir::with_prefix("infield-")?;
        let (alone, made) = (Mutex::new(()), AtomicU32::new(0));
        Ok(Self { server, host, scratch, alone, made })
    }

    /// The home.
    pub(crate) fn home(&self) -> &Home {
        &self.server.home
    }

    /// A folder of the host's that nobody else uses.
    pub(crate) fn scratch(&self) -> &Path {
        self.scratch.path()
    }

    /// Keeps other attacks that must be alone waiting.
    pub(crate) fn alone(&self) -> MutexGuard<'_, ()> {
        self.alone.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A name that nobody else on the stage has.
    pub(crate) fn name(&self) -> String {
        format!("one-{}", self.made.fetch_add(1, Ordering::Relaxed))
    }

    /// Runs a program in a sandbox of its own and reads its verdict.
    pub(crate) fn run(&self, options: &[&str], code: &str) -> Result<Outcome> {
        let mut command = self.home().command(&["run", "--language=python", "--timeout=30s"]);
        command.args(self.network()).args(options).arg("-");
        Outcome::read(&speak(command, &format!("{PRELUDE}{code}"))?)
    }

    /// Without a network namespace there is none whose way out could be steered.
    fn network(&self) -> Option<&'static str> {
        (self.home().left_out() == Some("network_namespace")).then_some("--network=none")
    }

    /// Makes a sandbox that stays.
    pub(crate) fn sandbox(&self, options: &[&str]) -> Result<Sandbox<'_>> {
        let name = self.name();
        let mut create = self.home().command(&["create", "--name", &name]);
        let made = create.args(self.network()).args(options).output()?;
        if !made.status.success() {
            bail!("no sandbox: {}", String::from_utf8_lossy(&made.stderr));
        }
        Ok(Sandbox { home: self.home(), name })
    }
}

/// A sandbox until it is dropped.
pub(crate) struct Sandbox<'a> {
    home: &'a Home,
    pub(crate) name: String,
}

impl Sandbox<'_> {
    /// Runs Python inside to its end and gives all that it wrote.
    pub(crate) fn python(&self, code: &str) -> Result<String> {
        let mut command = self.home.command(&["exec", "-i", "--timeout=30s", &self.name]);
        command.args(["python3", "-"]);
        speak(command, &format!("{PRELUDE}{code}"))
    }

    /// Runs Python inside, leaves it running and gives its execution id.
    pub(crate) fn leave_running(&self, code: &str) -> Result<String> {
        let code = format!("{PRELUDE}{code}");
        let id = self.home.run(&["exec", "--detach", &self.name, "python3", "-c", &code])?;
        Ok(id.trim().to_owned())
    }

    /// Leaves a mark that is gone when the sandbox ends.
    pub(crate) fn mark(&self) -> Result<()> {
        self.python("open('/tmp/mark', 'w')").map(drop)
    }

    /// Whether it is the sandbox that was marked. A command starts one that has ended again, with
    /// new scratch folders.
    pub(crate) fn is_marked(&self) -> Result<bool> {
        let said = self.python("print('marked', os.path.exists('/tmp/mark'))")?;
        Ok(said.trim() == "marked True")
    }

    /// Copies a path of the sandbox into a folder of the host's; refusals are fine.
    pub(crate) fn copy_out(&self, path: &str, into: &Path) -> Result<()> {
        let source = format!("{}:{path}", self.name);
        self.home.command(&["cp", &source]).arg(into).output()?;
        Ok(())
    }
}

impl Drop for Sandbox<'_> {
    fn drop(&mut self) {
        // What is left ends with the home.
        drop(self.home.run(&["rm", "-f", &self.name]));
    }
}

fn speak(mut command: Command, input: &str) -> Result<String> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().context("the binary is not built")?;
    let mut stdin = child.stdin.take().context("no standard input")?;
    stdin.write_all(input.as_bytes())?;
    drop(stdin);
    let output = child.wait_with_output()?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(text(&output.stdout) + &text(&output.stderr))
}

/// Files of the host's, made for the tests and removed after them.
pub(crate) struct HostFiles {
    /// What the operator has open.
    open: TempDir,
    /// A folder below /usr/local.
    pub(crate) local: PathBuf,
    /// A file below /usr/share that only root may read.
    pub(crate) private: PathBuf,
    /// A folder below /usr/share that only root may enter.
    pub(crate) closed: PathBuf,
}

impl HostFiles {
    fn new() -> Result<Self> {
        let open = TempDir::with_prefix("infield-")?;
        fs::write(open.path().join("secret"), CANARY)?;
        let word = open.path().file_name().context("no name")?.to_string_lossy().into_owned();
        let share = |kind: &str| PathBuf::from(format!("/usr/share/{word}-{kind}"));
        let local = PathBuf::from(format!("/usr/local/{word}"));
        let files = Self { local, private: share("private"), closed: share("closed"), open };
        for (folder, mode) in [(&files.local, 0o755), (&files.closed, 0o700)] {
            fs::create_dir(folder)?;
            fs::write(folder.join("canary"), CANARY)?;
            fs::set_permissions(folder, Permissions::from_mode(mode))?;
        }
        fs::write(&files.private, CANARY)?;
        fs::set_permissions(&files.private, Permissions::from_mode(0o600))?;
        Ok(files)
    }
}

impl Drop for HostFiles {
    fn drop(&mut self) {
        // The names are the tests' own, and say so to whoever finds one of them left.
        drop(fs::remove_dir_all(&self.local));
        drop(fs::remove_dir_all(&self.closed));
        drop(fs::remove_file(&self.private));
    }
}
