//! `infield logs`: the kept output of an execution.

use clap::Args;
use infield_domain::{Error, ExecutionId, Result};
use infield_rest::wire::{
    Attach, Execution, ExecutionRecord, Inspection, OutputPage, OutputQuery, Stream,
};

use super::info::path;
use crate::args::Format;
use crate::client::{Client, Request, segment};
use crate::follow::{Input, follow};
use crate::output;
use crate::stdio::Stdio;

/// Bytes that are asked for at once.
const PAGE_BYTES: u64 = 1 << 20;

/// Show the output of a command, or the commands of a sandbox
///
/// A sandbox keeps the last 16 MiB of each stream of a command, also after the command ended, for
/// as long as it runs. With a sandbox's name, its newest command is shown.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  infield logs ex-4k2m…              what it wrote so far
  infield logs -f web                follow the newest command of `web`
  infield logs --list web            the commands of `web`")]
pub(crate) struct LogsArgs {
    /// An execution's id, or a sandbox's name or id
    #[arg(value_name = "EXECUTION|SANDBOX")]
    subject: String,
    /// Go on until the command ends; its exit code is not passed on
    #[arg(short, long, conflicts_with_all = ["list", "json"])]
    follow: bool,
    /// List the commands of the sandbox instead
    #[arg(short, long)]
    list: bool,
    #[command(flatten)]
    format: Format,
}

/// Shows it.
pub(crate) async fn run(client: &Client, args: LogsArgs) -> Result<()> {
    if args.list {
        let found = executions(client, &args.subject).await?;
        return if args.format.json { output::json(&found) } else { output::say(&table(&found)) };
    }
    let id = match args.subject.parse::<ExecutionId>() {
        Ok(id) => id.to_string(),
        Err(_) => newest(client, &args.subject).await?,
    };
    if args.follow {
        let target = format!("/v1/executions/{}/attach", segment(&id));
        let connection = client.upgrade(Request::post(target, &Attach::default())?).await?;
        follow(connection, Input::None).await?;
        return Ok(());
    }
    if args.format.json {
        let target = format!("/v1/executions/{}", segment(&id));
        let record: ExecutionRecord = client.json(Request::get(target)).await?;
        return output::json(&record);
    }
    for stream in [Stream::Stdout, Stream::Stderr] {
        copy(client, &id, stream).await?;
    }
    Ok(())
}

/// What a sandbox runs and ran, the newest first.
async fn executions(client: &Client, sandbox: &str) -> Result<Vec<Execution>> {
    let target = format!("{}/inspection", path(sandbox));
    let found: Inspection = client.json(Request::get(target)).await?;
    Ok(found.executions)
}

async fn newest(client: &Client, sandbox: &str) -> Result<String> {
    let found = executions(client, sandbox).await?;
    found.first().map(|execution| execution.id.to_string()).ok_or_else(|| {
        Error::not_found(format!("the sandbox `{sandbox}` has run no command since it started"))
    })
}

async fn copy(client: &Client, id: &str, stream: Stream) -> Result<()> {
    let failed = |source| Error::internal("cannot use the standard streams").with_source(source);
    let sink = match stream {
        Stream::Stdout => Stdio::output().map_err(failed)?,
        Stream::Stderr => Stdio::errors().map_err(failed)?,
    };
    let mut query = OutputQuery { stream, limit: PAGE_BYTES, ..OutputQuery::default() };
    loop {
        let target = format!("/v1/executions/{}/output", segment(id));
        let page: OutputPage = client.json(Request::get(target).query(&query)?).await?;
        if page.offset > query.offset {
            let lost = page.offset - query.offset;
            output::complain(&format!("infield: {lost} older bytes were not kept\n"));
        }
        let bytes = page.content.into_bytes()?;
        match sink.write_all(&bytes).await {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => return Ok(()),
            Err(error) => {
                return Err(Error::unavailable(format!("cannot write the output: {error}")));
            }
        }
        if bytes.is_empty() || page.next_offset >= page.total {
            return Ok(());
        }
        query.offset = page.next_offset;
    }
}

fn table(executions: &[Execution]) -> String {
    let mut table =
        output::Table::new(&["EXECUTION", "STARTED", "STATE", "OUTPUT", "ERRORS", "COMMAND"]);
    for execution in executions {
        let state = match execution.ending {
            None => "running".to_owned(),
            Some(ending) => format!("exit {}", ending.exit_code),
        };
        table.row([
            execution.id.to_string(),
            output::ago(execution.started_at),
            state,
            output::size(execution.stdout_bytes),
            output::size(execution.stderr_bytes),
            execution.command.clone(),
        ]);
    }
    table.render()
}
