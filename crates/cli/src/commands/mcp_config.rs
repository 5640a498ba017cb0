//! `infield mcp-config`: the block that makes an MCP client start infield.
//!
//! Prints it, or puts it into the client's own file. That file belongs to its user: it is edited
//! in place as text, so that comments, order and foreign keys stay as they are; the file of
//! before is kept beside it; and a file that is not understood is left alone.

mod jsonc;

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use infield_domain::{Error, Result};
use serde_json::{Value, json};

use crate::output;

#[cfg(test)]
mod tests;

/// Show or install the configuration that makes an MCP client use infield
///
/// Without --write the block is printed on standard output, and on standard error where it
/// belongs. With --write it is merged into the client's file: nothing else in it changes, also no
/// comment, and the file of before is kept beside it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  infield mcp-config claude-code --write             this project's .mcp.json
  infield mcp-config cursor --write --global         for every project
  infield mcp-config vscode --allow-dir .            lets the agent copy files from and to here
  infield mcp-config generic --http http://127.0.0.1:3986/mcp")]
pub(crate) struct McpConfigArgs {
    /// The client
    #[arg(value_enum, value_name = "CLIENT")]
    client: ClientName,
    /// What the client calls infield
    #[arg(long, value_name = "NAME", default_value = "sandbox")]
    name: String,
    /// A folder of this machine whose files the agent may bring in and out
    #[arg(long, value_name = "DIR", conflicts_with = "http")]
    allow_dir: Vec<PathBuf>,
    /// Connect to a running `infield serve --listen` instead of starting `infield mcp`
    #[arg(long, value_name = "URL")]
    http: Option<String>,
    /// Merge it into the client's file
    #[arg(short, long)]
    write: bool,
    /// The client's file for every project, instead of the one of this project
    #[arg(short, long)]
    global: bool,
    /// Another file to merge it into
    #[arg(long, value_name = "FILE", requires = "write", conflicts_with = "global")]
    file: Option<PathBuf>,
}

/// Clients whose form is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ClientName {
    ClaudeCode,
    Cursor,
    Vscode,
    Generic,
}

/// For what a client's file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    /// One project.
    Project,
    /// Everything that the user does.
    User,
}

impl ClientName {
    /// The key below which its file has the servers.
    fn section(self) -> &'static str {
        match self {
            Self::Vscode => "servers",
            Self::ClaudeCode | Self::Cursor | Self::Generic => "mcpServers",
        }
    }

    /// Its file, relative to the project or to the user's home; none where there is none.
    fn file(self, scope: Scope) -> Option<&'static str> {
        match (self, scope) {
            (Self::ClaudeCode, Scope::Project) => Some(".mcp.json"),
            (Self::ClaudeCode, Scope::User) => Some(".claude.json"),
            (Self::Cursor, _) => Some(".cursor/mcp.json"),
            (Self::Vscode, Scope::Project) => Some(".vscode/mcp.json"),
            (Self::Vscode, Scope::User) => Some(".config/Code/User/mcp.json"),
            (Self::Generic, _) => None,
        }
    }
}

/// Prints or merges it.
pub(crate) fn run(args: McpConfigArgs) -> Result<ExitCode> {
    let entry = entry(&args)?;
    if !args.write {
        let mut whole = json!({ args.client.section(): { args.name.as_str(): entry } });
        if args.client == ClientName::Vscode && args.http.is_some() {
            whole["inputs"] = json!([key_input()]);
        }
        if let Ok(file) = target(&args) {
            let shown = file.display();
            output::complain(&format!(
                "infield: this belongs into `{shown}`; --write puts it there\n"
            ));
        }
        output::json(&whole)?;
        return Ok(ExitCode::SUCCESS);
    }
    let file = target(&args)?;
    let before = read(&file)?;
    let text = before.as_deref().unwrap_or("{}\n");
    let mut after = merge(text, args.client.section(), &args.name, &entry, &file)?;
    if args.client == ClientName::Vscode && args.http.is_some() {
        output::complain(
            "infield: add the key as an input `infield-key`, or write it into the file\n",
        );
    }
    if !after.ends_with('\n') {
        after.push('\n');
    }
    if before.as_deref() == Some(after.as_str()) {
        output::complain(&format!("infield: `{}` has it already\n", file.display()));
        return Ok(ExitCode::SUCCESS);
    }
    let kept = before.as_ref().map(|_| keep_copy(&file)).transpose()?;
    replace(&file, &after)?;
    let mut said = format!("{}\n", file.display());
    if let Some(kept) = kept {
        said = format!("{said}infield: the file of before is `{}`\n", kept.display());
    }
    output::complain(&format!("infield: wrote {said}"));
    Ok(ExitCode::SUCCESS)
}

/// What stands below the client's name for us.
fn entry(args: &McpConfigArgs) -> Result<Value> {
    let typed = args.client == ClientName::Vscode || args.client == ClientName::ClaudeCode;
    let mut entry = serde_json::Map::new();
    if let Some(url) = &args.http {
        let key = match args.client {
            ClientName::Vscode => "${input:infield-key}",
            ClientName::Cursor => "${env:INFIELD_KEY}",
            ClientName::ClaudeCode | ClientName::Generic => "${INFIELD_KEY}",
        };
        if typed {
            entry.insert("type".to_owned(), json!("http"));
        }
        entry.insert("url".to_owned(), json!(url));
        entry.insert("headers".to_owned(), json!({ "Authorization": format!("Bearer {key}") }));
        return Ok(entry.into());
    }
    let mut words = vec!["mcp".to_owned()];
    for folder in &args.allow_dir {
        let folder = std::path::absolute(folder).map_err(|source| {
            Error::invalid(format!("`{}` is no folder", folder.display())).with_source(source)
        })?;
        words.extend(["--allow-dir".to_owned(), folder.display().to_string()]);
    }
    if typed {
        entry.insert("type".to_owned(), json!("stdio"));
    }
    entry.insert("command".to_owned(), json!(program()));
    entry.insert("args".to_owned(), json!(words));
    Ok(entry.into())
}

fn key_input() -> Value {
    json!({
        "type": "promptString",
        "id": "infield-key",
        "description": "Key for infield (infield key create)",
        "password": true,
    })
}

/// How a client starts us: by name when the search path finds this very file, else by its path.
fn program() -> String {
    let Ok(own) = std::env::current_exe() else { return "infield".to_owned() };
    let search = std::env::var_os("PATH").unwrap_or_default();
    let mut found = std::env::split_paths(&search).map(|folder| folder.join("infield"));
    let first = found.find(|path| path.is_file()).and_then(|path| path.canonicalize().ok());
    if first.as_ref() == own.canonicalize().ok().as_ref() && first.is_some() {
        return "infield".to_owned();
    }
    own.display().to_string()
}

/// The file to merge into. A link is followed, so that it stays a link.
fn target(args: &McpConfigArgs) -> Result<PathBuf> {
    let scope = if args.global { Scope::User } else { Scope::Project };
    let file = match (&args.file, args.client.file(scope)) {
        (Some(file), _) => file.clone(),
        (None, Some(name)) if scope == Scope::User => std::env::home_dir()
            .ok_or_else(|| {
                Error::invalid("no home folder is known").with_hint("name the file with `--file`")
            })?
            .join(name),
        (None, Some(name)) => PathBuf::from(name),
        (None, None) => {
            return Err(Error::invalid("a generic client has no file that is known")
                .with_hint("name it with `--file FILE`, or leave `--write` out"));
        }
    };
    Ok(file.canonicalize().unwrap_or(file))
}

fn read(file: &Path) -> Result<Option<String>> {
    match std::fs::read_to_string(file) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::invalid(format!("cannot read `{}`: {error}", file.display()))),
    }
}

fn merge(text: &str, section: &str, name: &str, entry: &Value, file: &Path) -> Result<String> {
    let text = if text.trim().is_empty() { "{}\n" } else { text };
    jsonc::put(text, &[section, name], entry).map_err(|wrong| {
        Error::invalid(format!("`{}` is not understood: {wrong}", file.display()))
            .with_hint("mend the file, or put the block in by hand; nothing was changed")
    })
}

/// Copies the file beside itself under a name that is free.
fn keep_copy(file: &Path) -> Result<PathBuf> {
    let failed = |error: std::io::Error| {
        Error::unavailable(format!("cannot keep a copy of `{}`: {error}", file.display()))
    };
    for number in 0..1_000_u32 {
        let mut name = file.as_os_str().to_owned();
        name.push(if number == 0 { ".bak".to_owned() } else { format!(".bak{number}") });
        let copy = PathBuf::from(name);
        // The file may hold keys: its copy is never open to more people, not even for a moment.
        let mut options = std::fs::OpenOptions::new();
        match options.write(true).create_new(true).mode(0o600).open(&copy) {
            Ok(_) => {
                std::fs::copy(file, &copy).map_err(failed)?;
                return Ok(copy);
            }
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(failed(error)),
        }
    }
    Err(Error::conflict(format!("there are 1000 copies beside `{}`", file.display())))
}

/// Writes the file by one rename, with the mode of before, so that nobody reads half of it.
fn replace(file: &Path, text: &str) -> Result<()> {
    let failed = |error: std::io::Error| {
        Error::unavailable(format!("cannot write `{}`: {error}", file.display()))
    };
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(failed)?;
    let mut name = file.as_os_str().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let fresh = PathBuf::from(name);
    let write = || -> std::io::Result<()> {
        let mut made = std::fs::File::create_new(&fresh)?;
        if let Ok(before) = std::fs::metadata(file) {
            made.set_permissions(before.permissions())?;
        }
        made.write_all(text.as_bytes())?;
        made.sync_all()?;
        std::fs::rename(&fresh, file)
    };
    write().map_err(|error| {
        drop(std::fs::remove_file(&fresh));
        failed(error)
    })
}
