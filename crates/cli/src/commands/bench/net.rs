//! `infield bench net`: what the network of a sandbox costs, beside the same without it.
//!
//! Client and server are this binary. The server that stands for the world outside is in a network
//! namespace of its own, joined to the host by a pair of interfaces; the client runs on the host,
//! over loopback and over that pair, and in a sandbox. The three take turns in each round. What TLS
//! costs when it is opened for a secret is measured by a daemon of its own.

mod crowd;
mod figures;
mod inside;
mod opened;
mod outside;
mod peer;
mod places;
mod process;
mod server;

use std::io;
use std::process::ExitCode;
use std::time::Instant;

use clap::{Args, ValueEnum};
use infield_domain::{Error, Result};
use infield_rest::wire::{CreateSandbox, Sandbox};

use super::measure::Series;
use super::{PAUSE, progress};
use crate::args::{Format, Global};
use crate::client::{Client, Request, Starts};
use crate::commands::info::path;
use crate::commands::{block_on, client};
use crate::output;

use figures::{Creation, Figures, Samples, Subject};
use places::{Place, Places};

/// The first argument that makes this binary a client or server of the bench.
pub(crate) const PEER: &str = "__bench-peer";
/// The second one: what it is, where it is no plain client.
const SERVER: &str = "serve";
const TLS_SERVER: &str = "serve-tls";
const TLS_PEER: &str = "tls";
const TLS_DIRECT: &str = "tls-direct";
const DAEMON: &str = "daemon";

/// Measure what the network of a sandbox costs on this machine
///
/// Needs root, iproute2 and util-linux: a server in a network namespace of its own, at an address
/// of a block for documents, stands for the world outside. Nothing leaves the machine. TLS that is
/// opened for a secret is measured with a daemon of its own, which knows that server's name and
/// authority, and goes with the bench. TLS that is opened for
/// a secret is measured with a daemon of its own, which knows that server's name and authority, and goes
/// with the bench.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  infield bench net
  infield bench net --rounds 9 --held 1000 --json > figures.json")]
pub(crate) struct NetArgs {
    /// How often each figure is taken
    #[arg(short = 'n', long, value_name = "NUMBER", default_value_t = 5)]
    rounds: u32,
    /// How long each stream runs, in milliseconds
    #[arg(long, value_name = "NUMBER", default_value_t = 1_000)]
    stream_ms: u64,
    /// Connections with slow readers, for memory; 0 for none
    #[arg(long, value_name = "NUMBER", default_value_t = 5_000)]
    held: u32,
    /// Sandboxes to create of each kind, for the cost of a network; 0 for none
    #[arg(long, value_name = "NUMBER", default_value_t = 30)]
    creations: u32,
    /// Measure this part alone
    #[arg(long, value_name = "PART")]
    only: Option<Part>,
    #[command(flatten)]
    format: Format,
}

/// A part of what is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// What any connection costs, and a sandbox with a network
    Plain,
    /// TLS that is opened for a secret
    Opened,
}

/// Runs as a client or server of the bench.
pub(crate) fn run_peer() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(2).collect();
    let done = match words.split_first() {
        Some((kind, rest)) => run_as(kind, rest, &words),
        None => Err(io::ErrorKind::InvalidInput.into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::complain(&format!("a process of the bench failed: {error}\n"));
            ExitCode::FAILURE
        }
    }
}

fn run_as(kind: &str, rest: &[String], words: &[String]) -> io::Result<()> {
    match kind {
        SERVER => server::run(rest),
        TLS_SERVER => opened::run_server(rest),
        TLS_PEER => opened::run_peer(rest),
        TLS_DIRECT => opened::run_direct(rest),
        DAEMON => opened::run_daemon(rest),
        _ => peer::run(words),
    }
}

/// Measures, and shows the figures.
pub(super) fn run(global: &Global, args: &NetArgs) -> Result<ExitCode> {
    if args.rounds == 0 {
        return Err(Error::invalid("no round gives no figure").with_hint("say `--rounds 5`"));
    }
    let figures = block_on(measure_all(global, args))?;
    if args.format.json {
        output::json(&figures)?;
    } else {
        output::say(&figures.render())?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn measure_all(global: &Global, args: &NetArgs) -> Result<Figures> {
    let mut figures = Figures::new(args.rounds);
    if args.only != Some(Part::Opened) {
        measure_plain(global, args, &mut figures).await?;
    }
    if args.only != Some(Part::Plain) {
        figures.opened = Some(opened::measure(args).await?.into());
    }
    progress("");
    Ok(figures)
}

async fn measure_plain(global: &Global, args: &NetArgs, figures: &mut Figures) -> Result<()> {
    let client = client(global, Starts::Daemon)?;
    client.greet().await?;
    let places = Places::open(&client, args.held).await?;
    let measured = take_turns(&places, args, figures).await;
    // The sandbox goes also when a round failed.
    let closed = places.close().await;
    measured?;
    closed?;
    if args.creations > 0 {
        progress("creation");
        figures.creation = Some(creation(&client, args.creations).await?);
    }
    Ok(())
}

async fn take_turns(places: &Places, args: &NetArgs, figures: &mut Figures) -> Result<()> {
    let mut all = Subject::ALL.map(|subject| (subject, Samples::default()));
    for round in 1..=args.rounds {
        progress(&format!("round {round} of {}", args.rounds));
        for (subject, samples) in &mut all {
            let work = subject.work(args.stream_ms);
            let [loopback, direct, sandbox] =
                [Place::Loopback, Place::Direct, Place::Sandbox].map(async |place| {
                    tokio::time::sleep(PAUSE).await;
                    places.measure(place, work).await
                });
            samples.push([loopback.await?, direct.await?, sandbox.await?]);
        }
    }
    figures.take(&all);
    if args.held > 0 {
        progress(&format!("{} slow readers", args.held));
        figures.memory = Some(crowd::memory(places, args.held).await?);
    }
    Ok(())
}

/// Creates sandboxes with the preset and with none in turn. What the launcher prepares is for a
/// sandbox like the one before, so each is created after another one of its kind.
async fn creation(client: &Client, count: u32) -> Result<Creation> {
    let mut limited = Series::new();
    let mut none = Series::new();
    for _ in 0..count {
        for (word, series) in [("limited", &mut limited), ("none", &mut none)] {
            create(client, word).await?;
            series.push(create(client, word).await?);
        }
    }
    Ok(Creation::new(limited.quantile(0.5), none.quantile(0.5)))
}

async fn create(client: &Client, network: &str) -> Result<std::time::Duration> {
    let wish = CreateSandbox { network: Some(network.to_owned()), ..CreateSandbox::default() };
    tokio::time::sleep(PAUSE).await;
    let start = Instant::now();
    let made: Sandbox = client.json(Request::post("/v1/sandboxes", &wish)?).await?;
    let took = start.elapsed();
    let _gone: Sandbox = client.json(Request::delete(path(&made.id))).await?;
    Ok(took)
}
