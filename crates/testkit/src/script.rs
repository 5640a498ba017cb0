//! What a fake command does: a list of steps, or a small language for tests.
//!
//! Each line of a script is one of `print(TEXT)`, `echo TEXT`, `err TEXT`, `sleep SECONDS`,
//! `exit CODE`, `flood BYTES`, `cat` (copies standard input) and `hang`. Anything else is taken
//! for a program that does nothing and succeeds.

use std::time::Duration;

use bytes::Bytes;
use infield_domain::command::{Command, Stdin};

/// One thing that a fake command does.
#[derive(Clone, Debug)]
pub enum Step {
    /// Writes to standard output.
    Out(Bytes),
    /// Writes to standard error.
    Err(Bytes),
    /// Rests.
    Sleep(Duration),
    /// Copies standard input to standard output, to its end.
    Cat,
    /// Ends.
    Exit(i32),
    /// Goes on until somebody ends it.
    Hang,
}

/// The steps of a command, by the language of the module.
///
/// Code that comes on standard input and the text of `SHELL -c TEXT` are scripts; so are the
/// arguments of any other command, as one line.
pub fn play(command: &Command) -> Vec<Step> {
    let argv: Vec<&str> = command.argv.iter().map(String::as_str).collect();
    match (argv.as_slice(), &command.stdin) {
        ([program, "-u", "-c", ..] | [program, "-"], Stdin::Bytes(code))
            if program.contains("python") || program.contains("node") =>
        {
            lines(&String::from_utf8_lossy(code))
        }
        (["bash", "-c", text, "main.sh", ..], Stdin::Bytes(code)) if text.starts_with("eval") => {
            lines(&String::from_utf8_lossy(code))
        }
        (["bash" | "sh", "-c", text, ..], _) => lines(text),
        (argv, _) => lines(&argv.join(" ")),
    }
}

fn lines(text: &str) -> Vec<Step> {
    text.lines().filter(|line| !line.trim().is_empty()).map(|line| step(line.trim())).collect()
}

fn step(line: &str) -> Step {
    let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
    let printed = line.strip_prefix("print(").and_then(|rest| rest.strip_suffix(')'));
    match (word, printed) {
        (_, Some(text)) => Step::Out(format!("{}\n", text.trim_matches(['"', '\''])).into()),
        ("echo", None) => Step::Out(format!("{rest}\n").into()),
        ("err", None) => Step::Err(format!("{rest}\n").into()),
        ("sleep", None) => Step::Sleep(Duration::from_secs_f64(rest.parse().unwrap_or(0.0))),
        ("exit", None) => Step::Exit(rest.parse().unwrap_or(0)),
        ("flood", None) => Step::Out(flood(rest.parse().unwrap_or(0))),
        ("cat", None) => Step::Cat,
        ("hang", None) => Step::Hang,
        _ => Step::Out(Bytes::new()),
    }
}

/// Numbered lines, so that a test can tell which of them it got.
fn flood(bytes: usize) -> Bytes {
    let mut text = String::with_capacity(bytes + 16);
    let mut number = 0;
    while text.len() < bytes {
        text.push_str(&format!("line {number}\n"));
        number += 1;
    }
    text.truncate(bytes);
    text.into()
}
