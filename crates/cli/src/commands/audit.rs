//! `infield audit`: who did what, and whether the record was tampered with.

use clap::Args;
use infield_domain::{Error, Result};
use infield_rest::wire::{AuditQuery, AuditVerdict, Page, Record};

use crate::args::Format;
use crate::client::{Client, Request};
use crate::output::{self, BAD, GOOD, Table};

/// Show who did what and when, or check the record
///
/// Every change and every execution leaves one line, which stays when the sandbox is gone. Each
/// line is bound to the one before by a keyed hash: --verify finds one that was changed or taken
/// out.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  infield audit
  infield audit --subject sbx-… --json
  infield audit --verify")]
pub(crate) struct AuditArgs {
    /// Only what was done to this sandbox, key or image, by its id
    #[arg(long, value_name = "ID")]
    subject: Option<String>,
    /// Only what this owner did
    #[arg(long, value_name = "OWNER")]
    who: Option<String>,
    /// Lines at most
    #[arg(short = 'n', long, value_name = "NUMBER", default_value_t = 100)]
    limit: u32,
    /// Check the whole record instead; a break ends with an error
    #[arg(long, conflicts_with_all = ["subject", "who", "limit"])]
    verify: bool,
    #[command(flatten)]
    format: Format,
}

/// Does what was asked.
pub(crate) async fn run(client: &Client, args: AuditArgs) -> Result<()> {
    if args.verify {
        return verify(client, args.format).await;
    }
    let query = AuditQuery {
        subject: args.subject,
        who: args.who,
        limit: Some(args.limit),
        ..AuditQuery::default()
    };
    let page: Page<Record> = client.json(Request::get("/v1/audit").query(&query)?).await?;
    if args.format.json { output::json(&page.items) } else { output::say(&table(&page.items)) }
}

async fn verify(client: &Client, format: Format) -> Result<()> {
    let verdict: AuditVerdict = client.json(Request::get("/v1/audit/verify")).await?;
    if format.json {
        output::json(&verdict)?;
    }
    match verdict.broken_at {
        None if format.json => Ok(()),
        None => output::say(&format!(
            "{GOOD}good{GOOD:#}: {} lines, none changed or missing\n",
            verdict.records
        )),
        Some(at) => Err(Error::conflict(format!("the audit record is broken at line {at}"))
            .with_hint("compare it with a backup; somebody changed the data directory")),
    }
}

fn table(records: &[Record]) -> String {
    let mut table = Table::new(&["LINE", "WHEN", "WHO", "ACTION", "SUBJECT", "OUTCOME", "DETAIL"]);
    for record in records {
        let plain = anstyle::Style::new();
        let outcome = if record.outcome == "ok" { GOOD } else { BAD };
        table.styled([
            (record.sequence.to_string(), plain),
            (output::moment(record.at), plain),
            (record.who.clone(), plain),
            (record.action.clone(), plain),
            (record.subject.clone(), plain),
            (record.outcome.clone(), outcome),
            (record.detail.clone(), plain),
        ]);
    }
    table.render()
}
