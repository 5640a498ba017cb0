//! `infield secret`: values that sandboxes can use and never have.

use std::io::{IsTerminal as _, Read as _};
use std::path::PathBuf;

use clap::{Args, Subcommand};
use infield_domain::{Error, Result};
use infield_rest::wire::{GiveSecrets, Page, Sandbox, Secret};
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use serde::Serialize;
use zeroize::Zeroizing;

use crate::args::Format;
use crate::client::{Client, Request, segment};
use crate::output::{self, Table};

/// Set, list, give and remove secrets: values that sandboxes can use and never have
///
/// A sandbox made with `--secret NAME` has a placeholder in the variable NAME. In its requests to
/// the hosts that the secret names, over TLS, the placeholder becomes the value on the way out; in
/// their answers the value becomes the placeholder again. A placeholder that leaves for another host
/// is refused.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  infield secret set GITHUB_TOKEN --host api.github.com --host github.com < token.txt
  infield secret set OPENAI_API_KEY --host api.openai.com --from-env OPENAI_API_KEY
  infield create --name web --secret GITHUB_TOKEN --secret DB_KEY=API_KEY
  infield secret give web GITHUB_TOKEN    # and nothing else, as it runs
  infield secret rm GITHUB_TOKEN")]
pub(crate) struct SecretArgs {
    #[command(subcommand)]
    command: SecretCommand,
}

#[derive(Debug, Subcommand)]
enum SecretCommand {
    /// Make a secret, or give one another value and other hosts; reads the value from standard
    /// input
    Set(SetArgs),
    /// List secrets; never their values
    #[command(alias = "list")]
    Ls(Format),
    /// Give a sandbox these secrets and no others, also while it runs; commands that start later
    /// have their variables
    Give(GiveArgs),
    /// Remove secrets; sandboxes that run can use them no more
    #[command(alias = "remove", alias = "delete")]
    Rm(RmArgs),
}

#[derive(Debug, Args)]
struct SetArgs {
    /// What to call it: a letter, then letters, digits, `_` and `-`
    #[arg(value_name = "NAME")]
    name: String,
    /// A host that the value is for, such as `api.example.org` or `*.example.org`; can be repeated
    #[arg(long, value_name = "HOST", required = true)]
    host: Vec<String>,
    /// Take the value from this variable of yours
    #[arg(long, value_name = "VARIABLE", conflicts_with = "file")]
    from_env: Option<String>,
    /// Take the value from a file; a line's end at its end is left out
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Whose sandboxes may use it; yours by default
    #[arg(long, value_name = "OWNER")]
    owner: Option<String>,
    /// What it is, in a line
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    #[command(flatten)]
    format: Format,
}

#[derive(Debug, Args)]
struct GiveArgs {
    /// The sandbox: a name or an id
    #[arg(value_name = "SANDBOX")]
    sandbox: String,
    /// Secrets, each in the variable of its name or in another one; none takes all away
    #[arg(value_name = "NAME[=VARIABLE]")]
    secrets: Vec<String>,
    #[command(flatten)]
    format: Format,
}

#[derive(Debug, Args)]
struct RmArgs {
    /// Names, or ids
    #[arg(value_name = "NAME", required = true)]
    names: Vec<String>,
    #[command(flatten)]
    format: Format,
}

/// What is sent.
#[derive(Serialize)]
struct Set<'a> {
    hosts: &'a [String],
    value: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
}

/// Does what was asked.
pub(crate) async fn run(client: &Client, args: SecretArgs) -> Result<()> {
    match args.command {
        SecretCommand::Set(args) => set(client, args).await,
        SecretCommand::Ls(format) => list(client, format).await,
        SecretCommand::Give(args) => give(client, args).await,
        SecretCommand::Rm(args) => remove(client, args).await,
    }
}

async fn set(client: &Client, args: SetArgs) -> Result<()> {
    let value = value(&args)?;
    let (owner, description) = (args.owner.as_deref(), args.description.as_deref());
    let set = Set { hosts: &args.host, value: &value, owner, description };
    let target = format!("/v1/secrets/{}", segment(&args.name));
    let secret: Secret = client.json(Request::put_json(target, &set)?).await?;
    if args.format.json {
        return output::json(&secret);
    }
    output::say(&format!("{}\n", output::clean(&secret.name)))
}

fn value(args: &SetArgs) -> Result<Zeroizing<String>> {
    let unread = |what: String| {
        move |error: std::io::Error| {
            Error::invalid(format!("the value cannot be read from {what}: {error}"))
        }
    };
    let text = match (&args.from_env, &args.file) {
        (Some(name), _) => std::env::var(name).map_err(|_| {
            Error::invalid(format!("the variable `{name}` is not there, or is no text"))
        })?,
        (None, Some(path)) => {
            std::fs::read_to_string(path).map_err(unread(format!("`{}`", path.display())))?
        }
        (None, None) => from_standard_input().map_err(unread("standard input".to_owned()))?,
    };
    let text = Zeroizing::new(text);
    let line = text.strip_suffix('\n').unwrap_or(&text);
    Ok(Zeroizing::new(line.strip_suffix('\r').unwrap_or(line).to_owned()))
}

/// Reads all of it; from a terminal one line, which is not shown.
fn from_standard_input() -> std::io::Result<String> {
    let mut text = String::new();
    let input = std::io::stdin();
    if !input.is_terminal() {
        input.lock().read_to_string(&mut text)?;
        return Ok(text);
    }
    output::complain("infield: type the value and press Enter; it is not shown\n");
    let before = tcgetattr(&input)?;
    let mut silent = before.clone();
    silent.local_modes.remove(LocalModes::ECHO);
    tcsetattr(&input, OptionalActions::Flush, &silent)?;
    let read = input.read_line(&mut text);
    tcsetattr(&input, OptionalActions::Flush, &before)?;
    read.map(|_| text)
}

async fn list(client: &Client, format: Format) -> Result<()> {
    let page: Page<Secret> = client.json(Request::get("/v1/secrets")).await?;
    if format.json {
        return output::json(&page.items);
    }
    let mut table = Table::new(&["NAME", "OWNER", "HOSTS", "SET"]);
    for secret in page.items {
        let set = output::ago(secret.changed_at);
        table.row([secret.name, secret.owner, secret.hosts.join(","), set]);
    }
    output::say(&table.render())
}

async fn give(client: &Client, args: GiveArgs) -> Result<()> {
    let target = format!("/v1/sandboxes/{}/secrets", segment(&args.sandbox));
    let give = GiveSecrets { secrets: args.secrets };
    let sandbox: Sandbox = client.json(Request::put_json(target, &give)?).await?;
    if args.format.json {
        return output::json(&sandbox);
    }
    output::say(&format!("{}\n", output::clean(&sandbox.name)))
}

async fn remove(client: &Client, args: RmArgs) -> Result<()> {
    let mut removed = Vec::new();
    for name in &args.names {
        let request = Request::delete(format!("/v1/secrets/{}", segment(name)));
        let secret: Secret = client.json(request).await?;
        if !args.format.json {
            output::say(&format!("{}\n", output::clean(&secret.name)))?;
        }
        removed.push(secret);
    }
    if args.format.json { output::json(&removed) } else { Ok(()) }
}
