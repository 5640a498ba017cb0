//! The same work without a sandbox: on the host itself, in a chroot, by bwrap.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use infield_domain::{Error, Result};

/// Where programs are that everybody has, and what a sandbox has too.
const SEARCH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Static programs that hosts have, with arguments that make them end at once.
const STATIC_PROGRAMS: &[&str] = &["/usr/sbin/ldconfig", "/usr/sbin/ldconfig.real"];

/// What a static program is told, so that it does nothing and ends.
pub(super) const STATIC_ARGUMENT: &str = "--version";

/// What Python is given.
pub(super) const PYTHON_CODE: &str = "print(1)";

/// A program with the environment that a sandbox would give it, and its output piped.
pub(super) fn command(words: &[&str]) -> Command {
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).env_clear().env("PATH", SEARCH);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
    command
}

/// Runs a program; how long until it has ended.
pub(super) fn to_end(command: &mut Command) -> Result<Duration> {
    let start = Instant::now();
    let output = command.output().map_err(|error| failed(command, &error.to_string()))?;
    let took = start.elapsed();
    if output.status.success() {
        return Ok(took);
    }
    Err(failed(command, &format!("ended with {}", output.status)))
}

/// Runs a program; how long until the first line of its output was read.
pub(super) fn to_output(command: &mut Command) -> Result<Duration> {
    let start = Instant::now();
    let mut child = command.spawn().map_err(|error| failed(command, &error.to_string()))?;
    let mut first = [0; 2];
    let read = child.stdout.take().map(|mut stdout| stdout.read_exact(&mut first));
    let took = start.elapsed();
    let status = child.wait().map_err(|error| failed(command, &error.to_string()))?;
    match read {
        Some(Ok(())) if status.success() && &first == b"1\n" => Ok(took),
        _ => Err(failed(command, &format!("ended with {status} and another output than `1`"))),
    }
}

/// `print(1)` in a chroot of the tree that the image mirrors.
pub(super) fn chroot_python() -> Command {
    command(&["chroot", "/", "python3", "-c", PYTHON_CODE])
}

/// `print(1)` under bwrap, with every namespace and a root of its own.
pub(super) fn bwrap_python() -> Command {
    #[rustfmt::skip]
    let mut words = vec![
        "bwrap", "--unshare-all", "--die-with-parent",
        "--ro-bind", "/usr", "/usr", "--ro-bind", "/etc", "/etc",
        "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp",
    ];
    for link in ["/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"] {
        // On a merged /usr these are links into it, and bwrap needs them to find the loader.
        if Path::new(link).is_symlink() {
            words.extend(["--ro-bind", link, link]);
        }
    }
    words.extend(["python3", "-c", PYTHON_CODE]);
    command(&words)
}

/// Whether a program is there.
pub(super) fn has(program: &str) -> bool {
    SEARCH.split(':').any(|folder| Path::new(folder).join(program).is_file())
}

/// A static program that the host and the image have.
pub(super) fn static_program() -> Option<PathBuf> {
    STATIC_PROGRAMS.iter().map(PathBuf::from).find(|path| is_static(path).unwrap_or(false))
}

/// Whether a program is an ELF file of 64 bits that names no loader.
fn is_static(path: &Path) -> std::io::Result<bool> {
    /// The type of the segment that names the loader, elf(5).
    const PT_INTERP: u32 = 3;
    let bytes = std::fs::read(path)?;
    let number = |at: usize, length: usize| -> Option<u64> {
        let bytes = bytes.get(at..at + length)?;
        Some(bytes.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
    };
    let index = |value: u64| usize::try_from(value).ok();
    let segments = || -> Option<bool> {
        // e_phoff, e_phentsize and e_phnum of a little-endian file of 64 bits.
        let (first, size, count) =
            (index(number(32, 8)?)?, index(number(54, 2)?)?, index(number(56, 2)?)?);
        let names_loader = |segment: usize| {
            number(first + segment * size, 4).is_none_or(|kind| kind == u64::from(PT_INTERP))
        };
        Some(!(0..count).any(names_loader))
    };
    Ok(bytes.starts_with(b"\x7fELF\x02\x01") && segments().unwrap_or(false))
}

fn failed(command: &Command, what: &str) -> Error {
    let program = command.get_program().display();
    Error::unavailable(format!("`{program}` could not be measured: {what}"))
}
