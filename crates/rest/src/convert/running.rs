//! Executions and their output.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use infield_domain::command::{OnDisconnect, Stdin};
use infield_domain::{Error, ExecutionId, Result};
use infield_engine::{
    Attach, CommandLine, DEFAULT_MAX_CHARS, ExecutionRecord, FOREGROUND_MS, Outcome, Output,
    OutputRequest, PlacedFile, RunCode, RunCommand, RunOptions, Status, Target, TimeLimit,
};

use super::{deadlines, parse, parse_some, shown};
use crate::wire::{self, Content};

/// Bytes of one piece of kept output.
const OUTPUT_BYTES: u64 = 1 << 20;

/// How a caller wants to hear of an execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// One JSON answer.
    Answer,
    /// Frames.
    Stream,
}

/// What to run, as one of the engine's two use cases.
pub(crate) enum Work {
    /// Code in a language.
    Code(RunCode),
    /// A command.
    Command(RunCommand),
}

/// How to gather a JSON answer.
pub(crate) struct Gather {
    pub(crate) foreground_ms: u64,
    pub(crate) max_chars: usize,
}

/// What to run, and how to gather what comes of it.
pub(crate) fn work(wish: wire::Execute, target: Target, mode: Mode) -> Result<(Work, Gather)> {
    let gather = Gather {
        foreground_ms: wish.foreground_ms.unwrap_or(FOREGROUND_MS).min(FOREGROUND_MS),
        max_chars: wish
            .max_chars
            .map_or(DEFAULT_MAX_CHARS, |chars| usize::try_from(chars).unwrap_or(usize::MAX)),
    };
    let wire::Execute { code, language, arguments, command, argv, .. } = &wish;
    let given = [code.is_some(), command.is_some(), argv.is_some()];
    if given.into_iter().filter(|given| *given).count() != 1 {
        return Err(Error::invalid("an execution has one of `code`, `command` and `argv`")
            .with_hint("send `{\"command\": \"ls -l\"}`, for example"));
    }
    if code.is_none() && (language.is_some() || !arguments.is_empty()) {
        return Err(Error::invalid("`language` and `arguments` go with `code` alone")
            .with_hint("leave them out, or send `code`"));
    }
    let language = parse_some("language", language.as_ref())?;
    let (code, command, argv) = (wish.code.clone(), wish.command.clone(), wish.argv.clone());
    let arguments = wish.arguments.clone();
    let options = options(wish, mode)?;
    let work = match (code, command, argv) {
        (Some(code), _, _) => Work::Code(RunCode { target, code, language, arguments, options }),
        (None, Some(line), _) => {
            Work::Command(RunCommand { target, command: CommandLine::Shell(line), options })
        }
        (None, None, argv) => {
            let command = CommandLine::Argv(argv.unwrap_or_default());
            Work::Command(RunCommand { target, command, options })
        }
    };
    Ok((work, gather))
}

fn options(wish: wire::Execute, mode: Mode) -> Result<RunOptions> {
    let stdin = stdin(wish.stdin)?;
    if mode == Mode::Answer && (stdin == Stdin::Stream || wish.terminal.is_some()) {
        return Err(Error::invalid("a terminal and streamed input need a stream")
            .with_hint(format!("send `Connection: upgrade` and `Upgrade: {}`", wire::UPGRADE)));
    }
    let standard = match mode {
        Mode::Answer => OnDisconnect::Continue,
        Mode::Stream => OnDisconnect::Kill,
    };
    Ok(RunOptions {
        working_directory: parse_some("working_directory", wish.working_directory.as_ref())?,
        environment: wish.environment,
        user: wish.user,
        stdin,
        terminal: wish.terminal,
        time_limit: match wish.timeout_ms {
            None => TimeLimit::Standard,
            Some(0) => TimeLimit::Never,
            Some(timeout_ms) => TimeLimit::After(timeout_ms),
        },
        on_disconnect: wish.on_disconnect.unwrap_or(standard),
        files: wish.files.into_iter().map(placed_file).collect::<Result<_>>()?,
    })
}

fn stdin(stdin: Option<wire::Stdin>) -> Result<Stdin> {
    match stdin {
        None | Some(wire::Stdin::Empty) => Ok(Stdin::Empty),
        Some(wire::Stdin::Content(content)) => content.into_bytes().map(Stdin::Bytes),
        Some(wire::Stdin::Stream) => Ok(Stdin::Stream),
    }
}

fn placed_file(file: wire::InlineFile) -> Result<PlacedFile> {
    let path = parse("files.path", &file.path)?;
    Ok(PlacedFile { path, content: file.content.into_bytes()? })
}

/// What came of a run.
pub(crate) fn outcome(outcome: Outcome) -> wire::RunAnswer {
    let plot = |plot: infield_engine::Plot| wire::Plot {
        path: plot.path,
        media_type: plot.mime_type.to_owned(),
        base64: STANDARD.encode(&plot.data),
    };
    wire::RunAnswer {
        execution_id: outcome.execution_id.into(),
        sandbox_id: outcome.sandbox.id.into(),
        sandbox_name: outcome.sandbox.spec.name.into(),
        temporary: outcome.temporary,
        status: match outcome.status {
            Status::Running => wire::RunStatus::Running,
            Status::Finished => wire::RunStatus::Finished,
        },
        ending: outcome.ending,
        elapsed_ms: outcome.elapsed_ms,
        stdout: shown(outcome.stdout),
        stderr: shown(outcome.stderr),
        plots: outcome.plots.into_iter().map(plot).collect(),
        refusals: outcome.refusals,
        deadlines: deadlines(outcome.deadlines),
    }
}

/// Which command to follow.
pub(crate) fn attach(execution: ExecutionId, wish: wire::Attach) -> Attach {
    let wire::Attach { stdout_offset, stderr_offset } = wish;
    Attach { execution, stdout_offset, stderr_offset }
}

/// Which part of the kept output to read.
pub(crate) fn output_query(execution: ExecutionId, query: wire::OutputQuery) -> OutputRequest {
    OutputRequest {
        execution,
        stream: query.stream,
        offset: query.offset,
        limit: query.limit.min(OUTPUT_BYTES),
        wait_ms: query.wait_ms,
        stop: false,
    }
}

/// Part of the kept output.
pub(crate) fn output(output: Output) -> wire::OutputPage {
    wire::OutputPage {
        sandbox_id: output.sandbox_id.into(),
        execution: output.execution,
        offset: output.offset,
        next_offset: output.next_offset,
        total: output.total,
        content: Content::of(&output.data),
    }
}

/// A command and the sandbox that has it.
pub(crate) fn execution_record(record: ExecutionRecord) -> wire::ExecutionRecord {
    wire::ExecutionRecord { sandbox_id: record.sandbox_id.into(), execution: record.execution }
}
