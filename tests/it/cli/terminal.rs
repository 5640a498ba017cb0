//! `infield exec -it` on a real terminal of the kernel's.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};
use infield_tests::Home;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

/// How long a terminal may be silent.
const PATIENCE_SECONDS: i64 = 20;

/// Both ends of a terminal.
pub(crate) struct Terminal {
    near: File,
    far: OwnedFd,
    seen: String,
}

/// A command on a terminal; it does not outlive its test.
pub(crate) struct Front(pub(crate) Child);

impl Drop for Front {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

impl Terminal {
    pub(crate) fn open() -> Result<Self> {
        let near = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
        grantpt(&near)?;
        unlockpt(&near)?;
        let path = ptsname(&near, Vec::new())?;
        let far = File::options().read(true).write(true).open(path.to_str()?)?;
        let terminal = Self { near: near.into(), far: far.into(), seen: String::new() };
        terminal.resize(100, 30)?;
        Ok(terminal)
    }

    pub(crate) fn resize(&self, columns: u16, rows: u16) -> Result<()> {
        let size = Winsize { ws_col: columns, ws_row: rows, ws_xpixel: 0, ws_ypixel: 0 };
        Ok(tcsetwinsize(&self.near, size)?)
    }

    fn is_raw(&self) -> Result<bool> {
        Ok(!tcgetattr(&self.far)?.local_modes.contains(LocalModes::ICANON))
    }

    fn run(&self, home: &Home, words: &[&str]) -> Result<Front> {
        self.start(home.command(words))
    }

    pub(crate) fn start(&self, mut command: Command) -> Result<Front> {
        let end = || -> Result<Stdio> { Ok(self.far.try_clone()?.into()) };
        Ok(Front(command.stdin(end()?).stdout(end()?).stderr(end()?).spawn()?))
    }

    pub(crate) fn send(&mut self, text: &str) -> Result<()> {
        Ok(self.near.write_all(text.as_bytes())?)
    }

    /// Reads until `word` was seen.
    pub(crate) fn expect(&mut self, word: &str) -> Result<()> {
        while !self.seen.contains(word) {
            let mut waited = [PollFd::new(&self.near, PollFlags::IN)];
            let limit = Timespec { tv_sec: PATIENCE_SECONDS, tv_nsec: 0 };
            ensure!(poll(&mut waited, Some(&limit))? > 0, "no `{word}` after {:?}", self.seen);
            let mut piece = [0; 1024];
            let length = self.near.read(&mut piece)?;
            ensure!(length > 0, "the terminal ended after {:?}", self.seen);
            self.seen.push_str(&String::from_utf8_lossy(&piece[..length]));
        }
        // What came after the word belongs to the next one.
        let end = self.seen.find(word).map_or(0, |start| start + word.len());
        self.seen.drain(..end);
        Ok(())
    }
}

#[test]
fn a_shell_on_a_terminal_has_its_size_and_leaves_it_as_it_was() -> Result<()> {
    let home = Home::new()?;
    home.run(&["create", "--name", "box"])?;
    let mut terminal = Terminal::open()?;
    assert!(!terminal.is_raw()?);
    let mut child = terminal.run(&home, &["exec", "-it", "box", "sh"])?;
    terminal.send("stty size; echo $((40 + 2)); test -t 0 && echo a-tty\n")?;
    terminal.expect("30 100")?;
    terminal.expect("42")?;
    assert!(terminal.is_raw()?);
    // The interrupt key is a byte for the shell's terminal and not a signal for us.
    // It is said by the process that sleeps: before, the shell itself would get the interrupt.
    terminal.send("sh -c 'echo st$((1))art; exec sleep 100'\n")?;
    terminal.expect("st1art")?;
    terminal.send("\u{3}")?;
    terminal.expect("^C")?;
    terminal.expect("# ")?;
    terminal.send("echo in$((1))terrupted\n")?;
    terminal.expect("in1terrupted")?;
    terminal.send("exit 9\n")?;
    let status = child.0.wait().context("it can be waited for")?;
    assert_eq!(status.code(), Some(9));
    assert!(!terminal.is_raw()?, "the terminal was left raw");
    Ok(())
}

#[test]
fn a_signal_puts_the_terminal_back() -> Result<()> {
    let home = Home::new()?;
    home.run(&["create", "--name", "box"])?;
    let mut terminal = Terminal::open()?;
    let mut child =
        terminal.run(&home, &["exec", "-it", "box", "sh", "-c", "echo up; sleep 100"])?;
    terminal.expect("up")?;
    assert!(terminal.is_raw()?);
    let pid = rustix::process::Pid::from_raw(i32::try_from(child.0.id())?).context("an id")?;
    rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
    assert_eq!(child.0.wait()?.code(), Some(143));
    assert!(!terminal.is_raw()?, "the terminal was left raw");
    Ok(())
}
