//! `infield bench api`: what Daytona's API costs, beside the engine and beside the host itself.
//!
//! The API is met as the SDKs meet it: over TCP, with a key. What it is compared with takes turns
//! with it in each round: the engine's own work over the daemon's socket, and the same bytes moved
//! and written by this process without a sandbox.

mod door;
mod figures;
mod floor;
mod socket;

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use infield_domain::{Error, Result};

use super::measure::Series;
use super::{PAUSE, progress};
use crate::args::{Format, Global};
use crate::client::Starts;
use crate::commands::{block_on, client};
use crate::output;

use door::Door;
use figures::Figures;
use floor::Floor;

/// Bytes of each small file.
const SMALL_BYTES: usize = 100;

/// Measure what Daytona's API costs on this machine
///
/// Needs a daemon that listens. The key, and the sandbox that files go into, are made and removed
/// by the bench. What is compared is taken in turn, after a rest of 60 ms each.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  infield serve --listen 127.0.0.1:3986 &
  infield bench api
  infield bench api --rounds 20 --json > figures.json")]
pub(crate) struct ApiArgs {
    /// How often each figure is taken
    #[arg(short = 'n', long, value_name = "NUMBER", default_value_t = 10)]
    rounds: u32,
    /// Where this daemon listens
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:3986")]
    http: String,
    /// MiB of the file that goes up and down
    #[arg(long, value_name = "NUMBER", default_value_t = 256)]
    file_mib: u64,
    /// Small files that go up and down in one call
    #[arg(long, value_name = "NUMBER", default_value_t = 10_000)]
    files: u32,
    /// Sandboxes that do not exist, asked for at once
    #[arg(long, value_name = "NUMBER", default_value_t = 200)]
    unknown: u32,
    #[command(flatten)]
    format: Format,
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Subject {
    EngineCreates,
    ApiCreates,
    Unknown,
    FileIsWritten,
    FileUp,
    FileIsRead,
    FileDown,
    FilesAreWritten,
    FilesUp,
    FilesDown,
    LogLine,
    Echo,
}

impl Subject {
    /// Every one, each beside what it is compared with.
    const ALL: [Self; 12] = [
        Self::EngineCreates,
        Self::ApiCreates,
        Self::Unknown,
        Self::FileIsWritten,
        Self::FileUp,
        Self::FileIsRead,
        Self::FileDown,
        Self::FilesAreWritten,
        Self::FilesUp,
        Self::FilesDown,
        Self::LogLine,
        Self::Echo,
    ];
}

/// Measures, and shows the figures.
pub(super) fn run(global: &Global, args: &ApiArgs) -> Result<ExitCode> {
    if args.rounds == 0 || args.file_mib == 0 || args.files == 0 || args.unknown == 0 {
        return Err(Error::invalid("nothing done no times gives no figure")
            .with_hint("give every number as 1 or more"));
    }
    let figures = block_on(measure_all(global, args))?;
    if args.format.json {
        output::json(&figures)?;
    } else {
        output::say(&figures.render())?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn measure_all(global: &Global, args: &ApiArgs) -> Result<Figures> {
    let client = client(global, Starts::Daemon)?;
    client.greet().await?;
    let floor = Floor::open(args.file_mib << 20, args.files)?;
    let door = Door::open(client, args).await?;
    let measured = take_turns(&door, &floor, args).await;
    // The sandbox and the key go also when a round failed.
    let closed = door.close().await;
    let all = measured?;
    closed?;
    progress("");
    Ok(Figures::new(args, &all))
}

async fn take_turns(door: &Door, floor: &Floor, args: &ApiArgs) -> Result<Vec<(Subject, Series)>> {
    let mut all: Vec<_> = Subject::ALL.map(|subject| (subject, Series::new())).into();
    for round in 0..=args.rounds {
        progress(&format!("round {round} of {}", args.rounds));
        for (subject, samples) in &mut all {
            tokio::time::sleep(PAUSE).await;
            let took = measure(*subject, door, floor).await?;
            // The first round fills caches and is not counted.
            if round > 0 {
                samples.push(took);
            }
        }
    }
    Ok(all)
}

async fn measure(subject: Subject, door: &Door, floor: &Floor) -> Result<Duration> {
    match subject {
        Subject::EngineCreates => door.engine_creates().await,
        Subject::ApiCreates => door.api_creates().await,
        Subject::Unknown => door.ask_for_unknown().await,
        Subject::FileIsWritten => floor.file_is_written().await,
        Subject::FileUp => door.file_up().await,
        Subject::FileIsRead => floor.file_is_read().await,
        Subject::FileDown => door.file_down().await,
        Subject::FilesAreWritten => floor.files_are_written().await,
        Subject::FilesUp => door.files_up().await,
        Subject::FilesDown => door.files_down().await,
        Subject::LogLine => socket::log_line(door).await,
        Subject::Echo => socket::echo(door).await,
    }
}
