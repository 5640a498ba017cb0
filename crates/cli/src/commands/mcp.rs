//! `infield mcp`: the front of an MCP client.
//!
//! Says one hello and is a byte pipe between standard streams and the daemon from then on. It
//! keeps no state: a client that starts it anew for each call finds its sandboxes. With
//! `--allow-dir` it also serves a second connection, over which the daemon asks for trees of
//! these folders: the daemon runs as another account and never opens a path of the host. Nothing
//! but the protocol is ever written to standard output.

use std::future::pending;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use infield_domain::language::Language;
use infield_domain::{Error, Result};
use infield_rest::wire::{McpDefaults, McpHello};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use super::{block_on, client};
use crate::args::Global;
use crate::client::{Request, Starts};
use crate::error;
use crate::folders::Allowed;
use crate::stdio::Stdio;

/// How long answers that are under way may take after the client closed its side, from one piece
/// to the next.
const LAST_WORDS: Duration = Duration::from_secs(50);

/// Bytes that are carried at once.
const PIECE_BYTES: usize = 64 * 1024;

/// Serve one MCP client on standard input and output
///
/// This is what an MCP client starts; `infield mcp-config` writes its configuration. The daemon
/// does the work, and the sandboxes live on when the client ends.
#[derive(Debug, Args)]
pub(crate) struct McpArgs {
    /// A folder of this machine whose files the client may bring in and out
    #[arg(long, value_name = "DIR")]
    allow_dir: Vec<PathBuf>,
    /// Owner of what the client makes
    #[arg(long, value_name = "NAME", default_value = "mcp")]
    owner: String,
    /// The sandbox that is used when a call names none
    #[arg(long, value_name = "SANDBOX")]
    sandbox: Option<String>,
    /// The image of new sandboxes
    #[arg(long, value_name = "IMAGE")]
    image: Option<String>,
    /// The language of code that does not say
    #[arg(long, value_name = "LANGUAGE")]
    language: Option<Language>,
    /// Make new sandboxes persistent
    #[arg(long)]
    persistent: bool,
}

/// Serves until the client closes its side.
pub(crate) fn run(global: &Global, args: McpArgs) -> Result<ExitCode> {
    let client = client(global, Starts::Daemon)?.named(&args.owner)?;
    let allowed = Allowed::open(&args.allow_dir)?;
    let hello = hello(args, &allowed)?;
    block_on(async {
        let pipe = client.upgrade(Request::post("/v1/mcp", &hello)?).await?;
        if allowed.is_empty() {
            return carry(pipe.bytes()).await;
        }
        let folders = async {
            if let Err(error) = allowed.serve(client.clone(), hello.session.clone()).await {
                // The client works on without folders; standard error is its log.
                error::report(&error);
            }
            pending().await
        };
        tokio::select! {
            carried = carry(pipe.bytes()) => carried,
            ended = folders => ended,
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

fn hello(args: McpArgs, allowed: &Allowed) -> Result<McpHello> {
    let working_directory =
        std::env::current_dir().ok().and_then(|path| path.into_os_string().into_string().ok());
    Ok(McpHello {
        session: session_word()?,
        folders: allowed.names(),
        working_directory,
        defaults: McpDefaults {
            sandbox: args.sandbox,
            image: args.image,
            language: args.language.map(|language| language.as_str().to_owned()),
            persistent: args.persistent.then_some(true),
            foreground_ms: None,
        },
    })
}

/// A word that nobody guesses.
fn session_word() -> Result<String> {
    let mut random = [0_u8; 16];
    getrandom::fill(&mut random)
        .map_err(|source| Error::internal("no random bytes").with_source(source))?;
    Ok(random.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Carries bytes both ways until both sides are done.
async fn carry(pipe: impl AsyncRead + AsyncWrite + Unpin) -> Result<()> {
    let broken = |source| Error::unavailable("a standard stream is broken").with_source(source);
    let (stdin, stdout) = (Stdio::input().map_err(broken)?, Stdio::output().map_err(broken)?);
    let (mut answers, mut requests) = tokio::io::split(pipe);
    let down = async {
        let mut buffer = vec![0; PIECE_BYTES];
        loop {
            match answers.read(&mut buffer).await {
                Ok(0) | Err(_) => return Ok(false),
                Ok(length) => stdout.write_all(&buffer[..length]).await?,
            }
        }
    };
    tokio::pin!(down);
    let up = async {
        loop {
            let bytes = stdin.read().await?;
            if bytes.is_empty() {
                return requests.shutdown().await;
            }
            requests.write_all(&bytes).await?;
            requests.flush().await?;
        }
    };
    let ended: std::io::Result<bool> = tokio::select! {
        ended = &mut down => ended,
        sent = up => sent.map(|()| true),
    };
    match ended {
        // The client is done; answers to what it asked last may still be on their way.
        Ok(true) => match timeout(LAST_WORDS, down).await {
            Ok(Ok(_)) | Err(_) => Ok(()),
            Ok(Err(error)) => Err(broken(error)),
        },
        Ok(false) => Err(Error::unavailable("the daemon ended")
            .with_hint("start `infield mcp` again; the sandboxes live on")),
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(broken(error)),
    }
}

#[cfg(test)]
mod tests;
