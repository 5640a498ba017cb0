//! `infield run`: one program in a sandbox of its own, which goes with it.
//!
//! The shortest way there is: one request, one connection, no thread. What it costs beyond the
//! sandbox itself is measured by `infield bench`.

use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use infield_domain::language::Language;
use infield_domain::{Error, Result};
use infield_rest::wire::{Content, Execute, InlineFile, Run, Stdin};
use rustix::fs::FileType;

use super::{block_on, client};
use crate::args::Global;
use crate::args::sandbox::{EnvironmentOptions, SandboxOptions};
use crate::args::value;
use crate::client::{Request, Starts};
use crate::error;
use crate::follow::{Input, follow};

/// Bytes of a file that travels inside a request.
const FILE_BYTES: u64 = 8 << 20;

/// Major and minor number of `/dev/null`, null(4).
const NULL_DEVICE: (u32, u32) = (1, 3);

/// Run a program in a throw-away sandbox
///
/// The program's input, output and exit code are yours; its files, processes and network are the
/// sandbox's, and gone when it ends. The language follows from the file's name or its first line,
/// or from `--language`. Everything after the file or the code is an argument of the program.
///
/// Ctrl-C is forwarded to the program; a second one ends it and the sandbox.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  infield run script.py input.csv < data     with an argument and standard input
  infield run -c 'print(6 * 7)'              code from the command line; Python by default
  infield run -l bash -c 'id; hostname'
  curl -s example.org/x.js | infield run -l js -
  infield run --file data.csv --timeout 30s --memory 256m plot.py

Exit codes:
  the program's own; 124 when --timeout ended it; 125 when infield itself failed")]
pub(crate) struct RunArgs {
    /// The program's text
    #[arg(short, long, value_name = "CODE")]
    code: Option<String>,
    /// The language: python, javascript, typescript, bash, c or go
    #[arg(short, long, value_name = "LANGUAGE")]
    language: Option<String>,
    /// A file to bring along, into the working directory or to the path after the colon
    #[arg(short, long, value_name = "FILE[:PATH]")]
    file: Vec<String>,
    /// Where the program starts; `/workspace` by default
    #[arg(short, long, value_name = "PATH")]
    workdir: Option<String>,
    /// End the program after this long, such as `30s`
    #[arg(short, long, value_name = "DURATION", value_parser = value::duration_ms)]
    timeout: Option<u64>,
    #[command(flatten)]
    environment: EnvironmentOptions,
    #[command(flatten)]
    sandbox: SandboxOptions,
    /// The file to run, or `-` for standard input; then the program's arguments
    #[arg(
        value_name = "FILE|-",
        trailing_var_arg = true,
        allow_hyphen_values = true,
        required_unless_present = "code"
    )]
    program: Vec<String>,
}

/// Runs it. Failures of infield end with a code that programs seldom use.
pub(crate) fn run(global: &Global, args: RunArgs) -> Result<ExitCode> {
    match follow_run(global, args) {
        Ok(code) => Ok(code),
        Err(failure) => {
            error::report(&failure);
            Ok(ExitCode::from(error::RUN_FAILED))
        }
    }
}

fn follow_run(global: &Global, args: RunArgs) -> Result<ExitCode> {
    let (request, input) = into_request(args, own_input())?;
    let client = client(global, Starts::Daemon)?;
    block_on(async {
        let connection = client.upgrade(Request::post("/v1/run", &request)?).await?;
        Ok(follow(connection, input).await?.exit_code())
    })
}

/// What was typed, as a request, and whether our own standard input, `own`, belongs to the program.
fn into_request(args: RunArgs, own: Input) -> Result<(Run, Input)> {
    let mut words = args.program.into_iter();
    let (code, guess, input) = match args.code {
        Some(code) => (code, None, own),
        None => {
            let file = words.next().ok_or_else(|| Error::invalid("there is nothing to run"))?;
            if file == "-" {
                (read_stdin()?, None, Input::None)
            } else {
                let code = read_text(Path::new(&file))?;
                let guess = guess_language(Path::new(&file), &code);
                (code, guess, own)
            }
        }
    };
    let language = match args.language {
        Some(word) => Some(word.parse::<Language>()?),
        None => guess,
    };
    let environment = args.environment.read()?;
    let execution = Execute {
        code: Some(code),
        language: language.map(|language| language.as_str().to_owned()),
        arguments: words.collect(),
        files: args.file.iter().map(|word| read_file(word)).collect::<Result<_>>()?,
        stdin: Some(if input == Input::Stdin { Stdin::Stream } else { Stdin::Empty }),
        environment,
        working_directory: args.workdir,
        timeout_ms: args.timeout,
        ..Execute::default()
    };
    Ok((Run { sandbox: args.sandbox.into_request(), execution }, input))
}

/// Our standard input, unless nothing will ever come from it: the null device, which daemons and
/// schedulers give. Code for a program without input of its own takes one step instead of three.
fn own_input() -> Input {
    let stdin = rustix::fs::fstat(rustix::stdio::stdin());
    let is_null = stdin.is_ok_and(|stat| {
        let device = (rustix::fs::major(stat.st_rdev), rustix::fs::minor(stat.st_rdev));
        FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice && device == NULL_DEVICE
    });
    if is_null { Input::None } else { Input::Stdin }
}

/// The language that a file's name or its first line tells.
fn guess_language(file: &Path, code: &str) -> Option<Language> {
    let by_name = file.extension().and_then(|extension| match extension.to_str()? {
        "mjs" | "cjs" => Some(Language::JavaScript),
        "mts" | "cts" => Some(Language::TypeScript),
        other => other.parse().ok(),
    });
    by_name.or_else(|| {
        let line = code.lines().next()?.strip_prefix("#!")?;
        let mut words = line.split_whitespace().map(|word| word.rsplit('/').next().unwrap_or(word));
        let program = words.find(|word| *word != "env" && !word.starts_with('-'))?;
        program
            .trim_end_matches(|letter: char| letter.is_ascii_digit() || letter == '.')
            .parse()
            .ok()
    })
}

fn read_stdin() -> Result<String> {
    if std::io::stdin().is_terminal() {
        crate::output::complain("infield: reading the program from the terminal, Ctrl-D ends it\n");
    }
    let mut code = String::new();
    std::io::stdin().read_to_string(&mut code).map_err(|source| {
        Error::invalid(format!("cannot read the program from standard input: {source}"))
    })?;
    Ok(code)
}

fn read_text(file: &Path) -> Result<String> {
    let bytes = read_bytes(file)?;
    String::from_utf8(bytes).map_err(|_| {
        Error::invalid(format!("`{}` is not text in UTF-8", file.display()))
            .with_hint("bring a binary along with `--file` and start it with `-l bash -c ./NAME`")
    })
}

fn read_bytes(file: &Path) -> Result<Vec<u8>> {
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            Error::not_found(format!("there is no file `{}`", file.display()))
        }
        _ => Error::invalid(format!("cannot read `{}`: {error}", file.display())),
    };
    let mut bytes = Vec::new();
    let opened = std::fs::File::open(file).map_err(failed)?;
    opened.take(FILE_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > FILE_BYTES {
        return Err(Error::invalid(format!(
            "`{}` is larger than the {} MiB that a throw-away sandbox takes",
            file.display(),
            FILE_BYTES >> 20
        ))
        .with_hint(
            "make a sandbox with `infield create`, and use `infield cp` and `infield exec`",
        ));
    }
    Ok(bytes)
}

/// Reads `FILE[:PATH]`. A file whose name has a colon is written `./a:b:PATH`.
fn read_file(word: &str) -> Result<InlineFile> {
    let (source, target) = match word.rsplit_once(':') {
        Some((source, target)) if !source.is_empty() && !target.is_empty() => {
            (PathBuf::from(source), target.to_owned())
        }
        Some(_) | None => {
            let source = PathBuf::from(word);
            let name = source.file_name().and_then(|name| name.to_str()).ok_or_else(|| {
                Error::invalid(format!("`{word}` names no file"))
                    .with_hint("write it as `FILE:PATH`")
            })?;
            let name = name.to_owned();
            (source, name)
        }
    };
    Ok(InlineFile { path: target, content: Content::of(&read_bytes(&source)?) })
}

#[cfg(test)]
mod tests;
