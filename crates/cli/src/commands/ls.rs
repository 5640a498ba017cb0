//! `infield ls`: every sandbox.

use clap::Args;
use infield_domain::Result;
use infield_rest::wire::{ListSandboxes, Page, Sandbox};

use crate::args::Format;
use crate::client::{Client, Request};
use crate::output::{self, Table, state_style};

/// List sandboxes
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  infield ls
  infield ls -q --state stopped | xargs -r infield rm
  infield ls --label team=a --json")]
pub(crate) struct LsArgs {
    /// Only those in one of these states, such as `running` or `stopped`
    #[arg(short, long, value_name = "STATE", value_delimiter = ',')]
    state: Vec<String>,
    /// Only those with all of these labels
    #[arg(short, long, value_name = "KEY=VALUE", value_delimiter = ',')]
    label: Vec<String>,
    /// Accepted for habit: sandboxes in every state are listed anyway
    #[arg(short, long)]
    all: bool,
    /// Print names alone
    #[arg(short, long, conflicts_with = "json")]
    quiet: bool,
    #[command(flatten)]
    format: Format,
}

/// Lists them.
pub(crate) async fn run(client: &Client, args: LsArgs) -> Result<()> {
    let joined = |words: &[String]| (!words.is_empty()).then(|| words.join(","));
    let query = ListSandboxes {
        states: joined(&args.state),
        labels: joined(&args.label),
        ..ListSandboxes::default()
    };
    let sandboxes = list(client, query).await?;
    if args.format.json {
        return output::json(&sandboxes);
    }
    if args.quiet {
        let names: String =
            sandboxes.iter().map(|sandbox| output::clean(&sandbox.name) + "\n").collect();
        return output::say(&names);
    }
    output::say(&table(&sandboxes).render())
}

/// Every sandbox that the query finds, over all pages.
pub(crate) async fn list(client: &Client, mut query: ListSandboxes) -> Result<Vec<Sandbox>> {
    let mut sandboxes = Vec::new();
    query.limit = Some(1_000);
    loop {
        let page: Page<Sandbox> = client.json(Request::get("/v1/sandboxes").query(&query)?).await?;
        sandboxes.extend(page.items);
        match page.next {
            Some(next) => query.cursor = Some(next),
            None => return Ok(sandboxes),
        }
    }
}

fn table(sandboxes: &[Sandbox]) -> Table {
    let mut table = Table::new(&["NAME", "ID", "STATE", "LANGUAGE", "IMAGE", "CREATED", "KEPT"]);
    for sandbox in sandboxes {
        let plain = anstyle::Style::new();
        table.styled([
            (sandbox.name.clone(), plain),
            (sandbox.id.clone(), output::FAINT),
            (sandbox.state.as_str().to_owned(), state_style(sandbox.state)),
            (sandbox.language.clone(), plain),
            (sandbox.image.clone(), plain),
            (output::ago(sandbox.created_at), plain),
            (kept(sandbox), plain),
        ]);
    }
    table
}

fn kept(sandbox: &Sandbox) -> String {
    match (sandbox.expires_at, sandbox.persistent) {
        (Some(at), _) => format!("until {}", output::moment(at)),
        (None, true) => "persistent".to_owned(),
        (None, false) => "temporary".to_owned(),
    }
}
