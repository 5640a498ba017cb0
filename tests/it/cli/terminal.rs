//! `infield exec -it` on a real terminal of the kernel's.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Stdio};

use anyhow::{Context, Result, ensure};
use infield_tests::Home;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

/// Both ends of a terminal.
struct Terminal {
    near: File,
    far: OwnedFd,
    seen: String,
}

impl Terminal {
    fn open() -> Result<Self> {
        let near = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
        grantpt(&near)?;
        unlockpt(&near)?;
        let path = ptsname(&near, Vec::new())?;
        let far = File::options().read(true).write(true).open(path.to_str()?)?;
        let terminal = Self { near: near.into(), far: far.into(), seen: String::new() };
        terminal.resize(100, 30)?;
        Ok(terminal)
    }

    fn resize(&self, columns: u16, rows: u16) -> Result<()> {
        let size = Winsize { ws_col: columns, ws_row: rows, ws_xpixel: 0, ws_ypixel: 0 };
        Ok(tcsetwinsize(&self.near, size)?)
    }

    fn is_raw(&self) -> Result<bool> {
        Ok(!tcgetattr(&self.far)?.local_modes.contains(LocalModes::ICANON))
    }

    fn run(&self, home: &Home, words: &[&str]) -> Result<Child> {
        let end = || -> Result<Stdio> { Ok(self.far.try_clone()?.into()) };
        let mut command = home.command(words);
        Ok(command.stdin(end()?).stdout(end()?).stderr(end()?).spawn()?)
    }

    fn send(&mut self, text: &str) -> Result<()> {
        Ok(self.near.write_all(text.as_bytes())?)
    }

    /// Reads until `word` was seen.
    fn expect(&mut self, word: &str) -> Result<()> {
        while !self.seen.contains(word) {
            let mut piece = [0; 1024];
            let length = self.near.read(&mut piece)?;
            ensure!(length > 0, "the terminal ended after {:?}", self.seen);
            self.seen.push_str(&String::from_utf8_lossy(&piece[..length]));
        }
        self.seen.clear();
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
    terminal.send("sleep 100\n")?;
    terminal.send("\u{3}")?;
    terminal.send("echo in$((1))terrupted\n")?;
    terminal.expect("in1terrupted")?;
    terminal.send("exit 9\n")?;
    let status = child.wait().context("it can be waited for")?;
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
    let pid = rustix::process::Pid::from_raw(i32::try_from(child.id())?).context("an id")?;
    rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
    assert_eq!(child.wait()?.code(), Some(143));
    assert!(!terminal.is_raw()?, "the terminal was left raw");
    Ok(())
}
