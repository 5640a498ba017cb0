//! `infield exec`: a command in a running sandbox.

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::Args;
use infield_domain::{Error, Kind, Result};
use infield_rest::wire::{Execute, OnDisconnect, RunAnswer, Stdin};

use super::info::path;
use super::{block_on, client};
use crate::args::Global;
use crate::args::sandbox::EnvironmentOptions;
use crate::args::value;
use crate::client::{Client, Request, Starts};
use crate::follow::{Input, follow};
use crate::{error, output, terminal};

/// Run a command in a running sandbox
///
/// The command is a program and its arguments, without a shell between. It ends when infield
/// exec ends; with `--detach` it runs on, and `infield logs` has its output.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  infield exec web ls -la
  infield exec -it web bash
  infield exec web sh -c 'make && make test'
  tar c src | infield exec -i web tar x
  id=$(infield exec -d web ./server) && infield logs -f \"$id\"

Exit codes:
  the command's own; 124 when --timeout ended it; 125 when infield itself failed;
  127 when the sandbox has no such program")]
pub(crate) struct ExecArgs {
    /// Pass standard input on
    #[arg(short, long)]
    interactive: bool,
    /// Give the command a terminal
    #[arg(short, long)]
    tty: bool,
    /// Leave it running and print its execution id
    #[arg(short, long, conflicts_with_all = ["interactive", "tty"])]
    detach: bool,
    /// Where it starts; the sandbox's working directory by default
    #[arg(short, long, value_name = "PATH")]
    workdir: Option<String>,
    /// The user inside; the sandbox's own by default
    #[arg(short, long, value_name = "USER")]
    user: Option<String>,
    /// End it after this long, such as `30s`
    #[arg(long, value_name = "DURATION", value_parser = value::duration_ms)]
    timeout: Option<u64>,
    #[command(flatten)]
    environment: EnvironmentOptions,
    /// The sandbox's name or id
    #[arg(value_name = "SANDBOX")]
    sandbox: String,
    /// The program and its arguments
    #[arg(
        value_name = "CMD",
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    command: Vec<String>,
}

/// Runs it. Failures of infield end with a code that programs seldom use.
pub(crate) fn run(global: &Global, args: ExecArgs) -> Result<ExitCode> {
    let ran = client(global, Starts::Daemon).and_then(|client| block_on(execute(&client, args)));
    Ok(ran.unwrap_or_else(|failure| {
        error::report(&failure);
        ExitCode::from(match failure.kind() {
            // The sandbox has no such program; a shell says it with this code.
            Kind::Unsupported => error::NO_PROGRAM,
            _ => error::RUN_FAILED,
        })
    }))
}

async fn execute(client: &Client, args: ExecArgs) -> Result<ExitCode> {
    if args.tty && args.interactive && !std::io::stdin().is_terminal() {
        return Err(Error::invalid("standard input is not a terminal")
            .with_hint("leave `-t` out when the input comes from a file or a pipe"));
    }
    let target = format!("{}/executions", path(&args.sandbox));
    let input = match (args.interactive, args.tty) {
        (true, true) => Input::Terminal,
        (true, false) => Input::Stdin,
        (false, _) => Input::None,
    };
    let execution = Execute {
        argv: Some(args.command),
        stdin: Some(if input == Input::None { Stdin::Empty } else { Stdin::Stream }),
        environment: args.environment.read()?,
        working_directory: args.workdir,
        user: args.user,
        terminal: args.tty.then(terminal::size),
        timeout_ms: args.timeout,
        on_disconnect: args.detach.then_some(OnDisconnect::Continue),
        foreground_ms: args.detach.then_some(0),
        ..Execute::default()
    };
    let request = Request::post(target, &execution)?;
    if args.detach {
        let answer: RunAnswer = client.json(request).await?;
        output::say(&format!("{}\n", answer.execution_id))?;
        return Ok(ExitCode::SUCCESS);
    }
    let connection = client.upgrade(request).await?;
    Ok(follow(connection, input).await?.exit_code())
}
