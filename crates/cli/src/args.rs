//! What a user may type, as clap sees it. What it means is decided in the command's own file.

#[cfg(test)]
mod reference;
pub(crate) mod sandbox;
pub(crate) mod value;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::commands::{
    archive, audit, bench, cp, create, doctor, exec, image, info, intent, key, logs, ls, mcp,
    mcp_config, net, org, pause, port, prune, rm, run, secret, serve, shutdown, start, stats, stop,
    volume,
};

/// Private computers for programs that nobody has read.
///
/// infield runs code in sandboxes on this machine: each has its own files, processes, users and
/// network, starts in milliseconds and leaves nothing behind. An agent uses it over MCP, a person
/// by the commands below.
#[derive(Debug, Parser)]
#[command(name = "infield", version, max_term_width = 100, after_long_help = MANUAL)]
pub(crate) struct Cli {
    /// What holds for every command.
    #[command(flatten)]
    pub(crate) global: Global,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

const MANUAL: &str = "\
Examples:
  infield run -c 'print(1 + 1)'              run Python in a sandbox that is gone afterwards
  infield create --name web && infield exec -it web bash
  infield cp ./src web:/workspace && infield exec web make
  infield mcp-config claude-code             connect an agent

Environment:
  INFIELD_HOME   the data directory; like --home
  NO_COLOR       no colours, whatever the terminal can do

Files:
  $XDG_DATA_HOME/infield, /var/lib/infield for root: the daemon's state and socket

Exit codes:
  0 done    1 fault of infield   2 wrong request    3 daemon unavailable   4 not found
  5 conflict   6 denied   7 limit reached   8 not supported here   9 took too long
  `run` and `exec` exit like the program that ran; with 124 when its time was over, and with 125
  when infield itself failed.";

/// What holds for every command.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// The data directory, which also chooses the daemon
    #[arg(long, global = true, env = "INFIELD_HOME", hide_env_values = true, value_name = "DIR")]
    pub(crate) home: Option<PathBuf>,
}

/// How a command answers.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Format {
    /// Answer with JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Every command, one file each.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Run(run::RunArgs),
    Create(create::CreateArgs),
    #[command(alias = "ps", alias = "list")]
    Ls(ls::LsArgs),
    #[command(alias = "inspect")]
    Info(info::InfoArgs),
    Stats(stats::StatsArgs),
    Start(start::StartArgs),
    Pause(pause::PauseArgs),
    Stop(stop::StopArgs),
    Archive(archive::ArchiveArgs),
    #[command(alias = "delete")]
    Rm(rm::RmArgs),
    Exec(exec::ExecArgs),
    Do(intent::DoArgs),
    Cp(cp::CpArgs),
    Logs(logs::LogsArgs),
    Image(image::ImageArgs),
    Key(key::KeyArgs),
    Org(org::OrgArgs),
    Audit(audit::AuditArgs),
    Net(net::NetArgs),
    Secret(secret::SecretArgs),
    Volume(volume::VolumeArgs),
    Port(port::PortArgs),
    Prune(prune::PruneArgs),
    Serve(serve::ServeArgs),
    Shutdown(shutdown::ShutdownArgs),
    Mcp(mcp::McpArgs),
    #[command(name = "mcp-config")]
    McpConfig(mcp_config::McpConfigArgs),
    Doctor(doctor::DoctorArgs),
    Bench(bench::BenchArgs),
}

/// One command alone, as a short command line has it.
#[derive(Debug, Parser)]
#[command(name = "infield")]
struct Alone<A: Args> {
    #[command(flatten)]
    global: Global,
    #[command(flatten)]
    args: A,
}

/// Reads the command line. An error, and the answer to `--help`, has been shown already and ends
/// the program with the code that is given.
pub(crate) fn parse() -> Result<Cli, ExitCode> {
    if let Some(cli) = parse_short(std::env::args_os().collect()) {
        return Ok(cli);
    }
    Cli::try_parse().map_err(|error| {
        // Like clap's own `exit`, without ending the process from below.
        drop(error.print());
        u8::try_from(error.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from)
    })
}

/// Reads the commands whose speed people feel without building all the others, which would take
/// as long as everything else that the front does. What is not understood here is read in full,
/// so that every message is the same.
fn parse_short(mut words: Vec<OsString>) -> Option<Cli> {
    match words.get(1)?.to_str()? {
        "run" => {
            words.remove(1);
            let Alone { global, args } = Alone::try_parse_from(words).ok()?;
            Some(Cli { global, command: Command::Run(args) })
        }
        "exec" => {
            words.remove(1);
            let Alone { global, args } = Alone::try_parse_from(words).ok()?;
            Some(Cli { global, command: Command::Exec(args) })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
