//! `infield bench`: what a sandbox costs on this machine, beside what the same work costs without.
//!
//! Everything that is compared is measured in turn, round after round, in one run: another load
//! of the machine then falls on all of it alike. The daemon is measured as clients meet it, over
//! its socket; nothing is warmed beyond one round that does not count.

pub(crate) mod api;
mod crowd;
mod host;
mod measure;
pub(crate) mod net;
mod report;
mod rpc;
mod subject;

use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use infield_domain::{Error, Result};

use super::{block_on, client};
use crate::args::{Format, Global};
use crate::client::{Client, Starts};
use crate::output;

use measure::Series;
use report::Report;
use subject::{Bench, Subject};

/// Before each measurement, of the host's own work too: what the one before left is cleared away by
/// then, and costs the next one nothing. That includes a sandbox, which goes after the last of its
/// output was seen, and what the launcher prepares for the next one when it was quiet for 20 ms.
const PAUSE: Duration = Duration::from_millis(60);

/// Measure what a sandbox costs on this machine
///
/// Latencies are taken in turn with the same work done on the host, in a chroot and by bwrap, and
/// shown as ratios to it. Each is taken after a rest of 60 ms, in which the daemon clears up and
/// prepares the next sandbox. What cannot be measured here is left out by name.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
#[command(after_help = "\
Examples:
  infield bench
  infield bench --rounds 200 --alive 1000 --json > figures.json
  INFIELD_KEY=… infield bench --http 127.0.0.1:3986     also over HTTP")]
pub(crate) struct BenchArgs {
    #[command(subcommand)]
    part: Option<Part>,
    /// How often each latency is taken
    #[arg(short = 'n', long, value_name = "NUMBER", default_value_t = 50)]
    rounds: u32,
    /// Idle sandboxes to keep alive at once, for memory and for the cost of one more; 0 for none
    #[arg(long, value_name = "NUMBER", default_value_t = 100)]
    alive: u32,
    /// Sandboxes to create for each creation rate; 0 for none
    #[arg(long, value_name = "NUMBER", default_value_t = 48)]
    burst: u32,
    /// Measure over HTTP too: the address of this daemon's listener
    #[arg(long, value_name = "ADDR:PORT")]
    http: Option<String>,
    /// The key for it
    #[arg(long, env = "INFIELD_KEY", hide_env_values = true, value_name = "KEY")]
    key: Option<String>,
    #[command(flatten)]
    format: Format,
}

#[derive(Debug, Subcommand)]
enum Part {
    Api(api::ApiArgs),
    Net(net::NetArgs),
}

/// Measures, and shows the figures.
pub(crate) fn run(global: &Global, args: BenchArgs) -> Result<ExitCode> {
    match &args.part {
        Some(Part::Api(args)) => return api::run(global, args),
        Some(Part::Net(args)) => return net::run(global, args),
        None => {}
    }
    if args.rounds == 0 {
        return Err(Error::invalid("no round gives no figure").with_hint("say `--rounds 50`"));
    }
    let client = client(global, Starts::Daemon)?;
    let report = block_on(measure_all(global, &client, &args))?;
    if args.format.json {
        output::json(&report)?
    } else {
        output::say(&report.render())?
    }
    Ok(ExitCode::SUCCESS)
}

async fn measure_all(global: &Global, client: &Client, args: &BenchArgs) -> Result<Report> {
    client.greet().await?;
    let mut report = Report::new(args.rounds);
    let network = args
        .http
        .as_deref()
        .map(|address| Client::over_network(address, args.key.as_deref()))
        .transpose()?;
    let mut bench = Bench::open(client.clone(), network, global.home.clone()).await?;
    let measured = take_turns(&mut bench, args.rounds, &mut report).await;
    // The sandbox goes also when a round failed.
    let closed = bench.close().await;
    measured?;
    closed?;
    if args.burst > 0 {
        for at_once in [1, 4, 16] {
            progress(&format!("creation rate, {at_once} at once"));
            report.rates.push(crowd::rate(client, args.burst, at_once).await?);
        }
    }
    if args.alive > 0 {
        progress(&format!("{} sandboxes alive", args.alive));
        report.crowd = Some(crowd::alive(client, args.alive).await?);
    }
    progress("");
    Ok(report)
}

/// Takes every subject once in each round.
async fn take_turns(bench: &mut Bench, rounds: u32, report: &mut Report) -> Result<()> {
    let mut series = Vec::new();
    for subject in Subject::ALL {
        match bench.missing(subject) {
            Some(reason) => report.left_out.push(format!("{}: {reason}", subject.title())),
            None => series.push((subject, Series::new())),
        }
    }
    for round in 0..=rounds {
        progress(&format!("round {round} of {rounds}"));
        for (subject, samples) in &mut series {
            tokio::time::sleep(PAUSE).await;
            let took = bench.measure(*subject).await?;
            // The first round fills caches and is not counted.
            if round > 0 {
                samples.push(took);
            }
        }
    }
    report.take(&series);
    Ok(())
}

/// Letters that nobody guesses.
fn random() -> Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)
        .map_err(|source| Error::internal("there is no randomness").with_source(source))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Shows how far it is, where a person looks on.
fn progress(what: &str) {
    use std::io::IsTerminal;
    if std::io::stderr().is_terminal() {
        output::complain(&format!("\r\x1b[K{what}"));
    }
}
