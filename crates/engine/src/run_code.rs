//! Running code in one of the languages of the table.
//!
//! Code reaches its program on standard input, in one step, or in a private file when the
//! program has input of its own or must be compiled. It is never part of a shell line.

use std::sync::Arc;

use bytes::Bytes;
use infield_domain::command::{Command, OnDisconnect, ProcessEvent, Stdin, Stream};
use infield_domain::files::{Write, WriteMode};
use infield_domain::guest::Guest;
use infield_domain::language::{Language, Runner};
use infield_domain::{Error, GuestPath, Principal, Result};

use crate::lease::Lease;
use crate::run::{About, Attempt, Prepared, Program, Start, once};
use crate::{Engine, Run, RunOptions, Target, names};

/// The engine's own start of Python programs.
///
/// Every one of them waits for it to be compiled, 8 µs for a line and 5 for a comment. So what not
/// every program needs is text to it until it is needed.
///
/// `compile` first makes every class of `ast`, which takes longer than all the rest, and `exec` does
/// not. So the code is taken out of an `exec` that ends before its first instruction and that knows
/// no names, should it not end. What is wrong with the code, or is warned of, is left to `compile`,
/// which gives it its file name.
const PRELUDE: &str = include_str!("toolbox/prelude.py");
/// What gives tracebacks the user's lines.
const REPORT: &str = include_str!("toolbox/report.py");
/// The wait for the import of matplotlib, in programs that import anything.
const WATCH: &str = include_str!("toolbox/watch.py");
/// What that import brings with it: figures that are shown or left open are saved as PNG.
const PLOTS: &str = include_str!("toolbox/plots.py");
/// The longest code, in bytes.
const MOST_CODE: usize = 4 << 20;
/// The first Node that strips types by itself.
const STRIPS_TYPES: (u32, u32) = (22, 18);
/// How long `node --version` may take, in milliseconds.
const VERSION_LIMIT_MS: u64 = 10_000;

/// Code to run.
#[derive(Clone, Debug)]
pub struct RunCode {
    /// Where.
    pub target: Target,
    /// What.
    pub code: String,
    /// In which language; the sandbox's own when there is none.
    pub language: Option<Language>,
    /// What the program finds as its arguments.
    pub arguments: Vec<String>,
    /// How.
    pub options: RunOptions,
}

/// The part of a [`RunCode`] that makes the program.
pub(crate) struct Code {
    pub(crate) text: String,
    pub(crate) language: Option<Language>,
    pub(crate) arguments: Vec<String>,
}

impl Engine {
    /// Starts a program. Needs `execute`, and `manage` for a temporary sandbox.
    pub async fn run_code(&self, who: &Principal, run: RunCode) -> Result<Run> {
        if run.code.len() > MOST_CODE {
            return Err(Error::invalid(format!(
                "the code has {} bytes; {MOST_CODE} fit",
                run.code.len()
            ))
            .with_hint("write it to files in the sandbox and run those"));
        }
        let word = run.language.map_or("code", Language::as_str);
        let first = run.code.lines().find(|line| !line.trim().is_empty()).unwrap_or("");
        let shown = format!("{word}: {}", first.trim());
        let code = Code { text: run.code, language: run.language, arguments: run.arguments };
        let (target, options) = (run.target, run.options);
        let program = Program::Code(code);
        let action = "execution.start";
        self.start(who, Start { target, program, options, action, shown }).await
    }
}

/// Makes everything ready that the language needs.
pub(crate) async fn prepare(
    about: &About<'_>,
    lease: &Arc<Lease>,
    code: Code,
    stdin: Stdin,
) -> Result<Prepared> {
    let language = code.language.unwrap_or(about.spec.language);
    let runner = language.runner();
    let missing = (
        format!("the image `{}` cannot run {}", about.spec.image, language.as_str()),
        runner.missing.to_owned(),
    );
    let folder: GuestPath = format!("/tmp/.infield/{}", about.id).parse()?;
    let mut plots = None;
    if language == Language::Python && code.text.contains("import") {
        // It stays, unlike the private folder: answers name the figures, for a later look.
        plots = Some(format!("/tmp/figures/{}", about.id).parse()?);
    }
    let mut prepared = Prepared { attempts: Vec::new(), plots, missing };
    let file: GuestPath = format!("{folder}/{}", runner.file).parse()?;
    if let (Some(line), Stdin::Empty) = (runner.from_stdin, &stdin) {
        let stdin = Stdin::Bytes(Bytes::from(code.text));
        let prelude = prelude(None, prepared.plots.as_ref());
        let attempt = |program: &&str| {
            let mut argv = filled(line, program, &folder, &file, &prelude);
            argv.extend_from_slice(&code.arguments);
            Attempt { argv, stdin: stdin.clone() }
        };
        prepared.attempts = runner.programs.iter().map(attempt).collect();
        return Ok(prepared);
    }
    let guest = &*about.handle.guest;
    let Some(programs) = programs(guest, about, runner).await? else {
        let (message, hint) = prepared.missing;
        return Err(Error::unsupported(message).with_hint(hint));
    };
    lease.owes_folder(folder.clone());
    let write = Write { path: file.clone(), mode: WriteMode::New, permissions: Some(0o644) };
    guest.write(write, once(Bytes::from(code.text))).await?;
    let prelude = prelude(Some(&file), prepared.plots.as_ref());
    let attempt = |program: &String| {
        let mut argv = filled(runner.from_file, program, &folder, &file, &prelude);
        argv.extend_from_slice(&code.arguments);
        Attempt { argv, stdin: stdin.clone() }
    };
    prepared.attempts = programs.iter().map(attempt).collect();
    Ok(prepared)
}

fn filled(
    line: &[&str],
    program: &str,
    folder: &GuestPath,
    file: &GuestPath,
    prelude: &str,
) -> Vec<String> {
    let fill = |part: &&str| match *part {
        "{program}" => program.to_owned(),
        "{file}" => file.to_string(),
        "{folder}" => folder.to_string(),
        "{prelude}" => prelude.to_owned(),
        other => other.to_owned(),
    };
    line.iter().map(fill).collect()
}

/// The start of a program that is read from a file, or else from standard input.
fn prelude(file: Option<&GuestPath>, figures: Option<&GuestPath>) -> String {
    // The texts hold neither `'''` nor a backslash, as a test shows, and the paths are ours.
    let watch = figures
        .map(|folder| format!("{WATCH}_watch('{folder}', r'''{PLOTS}''')\n"))
        .unwrap_or_default();
    let file = file.map_or("0".to_owned(), |path| format!("'{path}'"));
    format!("{watch}{PRELUDE}exec(_start({file}, r'''{REPORT}'''))")
}

/// The programs to try. One that is started itself is found by its start, which saves asking for
/// it; one that a shell starts is not.
async fn programs(
    guest: &dyn Guest,
    about: &About<'_>,
    runner: &Runner,
) -> Result<Option<Vec<String>>> {
    if runner.from_file.first() == Some(&"{program}") {
        return Ok(Some(runner.programs.iter().map(|&program| program.to_owned()).collect()));
    }
    let Some(program) = guest.find_program(runner.programs).await? else { return Ok(None) };
    if runner.language == Language::TypeScript && program.ends_with("/node") {
        require_node(guest, about, &program).await?;
    }
    Ok(Some(vec![program]))
}

async fn require_node(guest: &dyn Guest, about: &About<'_>, program: &str) -> Result<()> {
    let version = version_of(guest, about, program).await?;
    if version >= STRIPS_TYPES {
        return Ok(());
    }
    let (major, minor) = version;
    let runner = Language::TypeScript.runner();
    Err(Error::unsupported(format!(
        "node {major}.{minor} of the image `{}` runs no TypeScript, and there is neither tsx nor \
         esbuild",
        about.spec.image
    ))
    .with_hint(runner.missing))
}

async fn version_of(guest: &dyn Guest, about: &About<'_>, program: &str) -> Result<(u32, u32)> {
    let command = Command {
        id: names::execution_id(),
        argv: vec![program.to_owned(), "--version".to_owned()],
        environment: crate::secrets::environment(&about.handle.seat.sandbox()),
        working_directory: about.spec.working_directory.clone(),
        user: about.spec.user.clone(),
        stdin: Stdin::Empty,
        terminal: None,
        timeout_ms: Some(VERSION_LIMIT_MS),
        on_disconnect: OnDisconnect::Kill,
    };
    let mut process = guest.spawn(command).await?;
    let mut text = Vec::new();
    while let Some(event) = futures_util::StreamExt::next(&mut process.events).await {
        match event? {
            ProcessEvent::Output { stream: Stream::Stdout, data, .. } if text.len() < 256 => {
                text.extend_from_slice(&data);
            }
            ProcessEvent::Output { .. } => {}
            ProcessEvent::Ended(_) => break,
        }
    }
    Ok(parse_version(&String::from_utf8_lossy(&text)))
}

/// Reads `v22.18.0`; what is not a version is older than every version.
fn parse_version(text: &str) -> (u32, u32) {
    let mut parts = text.trim().trim_start_matches('v').split('.').map(str::parse);
    match (parts.next(), parts.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => (major, minor),
        (Some(_) | None, _) => (0, 0),
    }
}

#[cfg(test)]
mod tests;
