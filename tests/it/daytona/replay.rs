//! Requests of clients that cannot be installed here: the SDKs for Go, Ruby and Java, and Daytona's
//! command line. The tables in `replays/` are written from the specifications, from the contract and
//! from what the libraries beneath those clients are known to send; each says what it knows. They are
//! sent byte for byte over a socket, and the answers are held against what the tables expect and
//! against the specifications.
//!
//! A block of a table begins with `=== TITLE`, then comes the request, whose lines end in CRLF, and
//! then what is expected, each in a line after `? `: `=> STATUS`, `/POINTER = JSON`,
//! `/POINTER -> NAME` keeps a text for later blocks, `~ TEXT` is in the body. `{NAME}` stands for what
//! was kept, `{length}` for the bytes of the body.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail, ensure};
use infield_rest::{API_LATER, TOOLBOX_LATER};
use infield_tests::Server;
use serde_json::Value;
use tokio::net::TcpStream;

use super::schema;
use crate::rest::client::{Client, Reply};

/// The tables, by the clients that they are of.
const TABLES: [(&str, &str); 4] = [
    ("go", include_str!("replays/go.http")),
    ("ruby", include_str!("replays/ruby.http")),
    ("java", include_str!("replays/java.http")),
    ("cli", include_str!("replays/cli.http")),
];

#[tokio::test]
async fn what_clients_send_that_are_not_here_is_answered() -> Result<()> {
    let server = Server::start(&[])?;
    let mut wrong = Vec::new();
    for (client, table) in TABLES {
        let mut replay = Replay::of(&server, client)?;
        let blocks = parse(table)?;
        ensure!(!blocks.is_empty(), "the table of {client} is empty");
        for block in blocks {
            if let Err(error) = replay.send(&block).await {
                wrong.push(format!("{client}, {}: {error:#}", block.title));
            }
        }
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

/// One request, and what is expected.
struct Block<'a> {
    title: &'a str,
    head: Vec<&'a str>,
    body: Vec<&'a str>,
    expected: Vec<&'a str>,
}

fn parse(table: &str) -> Result<Vec<Block<'_>>> {
    let mut blocks = Vec::<Block<'_>>::new();
    let mut in_body = false;
    for line in table.lines() {
        if let Some(title) = line.strip_prefix("=== ") {
            in_body = false;
            blocks.push(Block { title, head: vec![], body: vec![], expected: vec![] });
            continue;
        }
        let Some(block) = blocks.last_mut() else {
            ensure!(line.is_empty() || line.starts_with('#'), "`{line}` is before every block");
            continue;
        };
        match line.strip_prefix("? ") {
            Some(expected) => block.expected.push(expected),
            // Between two blocks.
            None if !block.expected.is_empty() => ensure!(line.is_empty(), "`{line}` is nowhere"),
            None if in_body => block.body.push(line),
            None if line.is_empty() => in_body = true,
            None => block.head.push(line),
        }
    }
    Ok(blocks)
}

/// The requests of one client on their way.
struct Replay<'a> {
    server: &'a Server,
    kept: BTreeMap<String, String>,
    /// What only routes would have told that are not built.
    absent: BTreeSet<String>,
}

impl<'a> Replay<'a> {
    fn of(server: &'a Server, client: &str) -> Result<Self> {
        let name = format!("replay-{client}");
        let key = server.key_with(&name, &["--owner", &name])?;
        let host = server.address.to_string();
        let kept = [("name", name), ("key", key), ("host", host)];
        let kept = kept.map(|(name, value)| (name.to_owned(), value)).into();
        Ok(Self { server, kept, absent: BTreeSet::new() })
    }

    async fn send(&mut self, block: &Block<'_>) -> Result<()> {
        if self.needs_what_is_absent(block) {
            self.leave_out(block);
            return Ok(());
        }
        let body = self.fill(&block.body.join("\r\n"));
        let mut request = String::new();
        for line in &block.head {
            let line = line.replace("{length}", &body.len().to_string());
            request += &format!("{}\r\n", self.fill(&line));
        }
        request += &format!("\r\n{body}");
        let mut client = Client::new(TcpStream::connect(self.server.address).await?);
        client.send(&request).await?;
        let reply = client.reply().await?;
        let first = self.fill(block.head.first().context("it has no request")?);
        let mut words = first.split(' ');
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        if is_later(method, target) {
            ensure!(reply.status == 501, "it is not built, and answers {}", reply.status);
            self.leave_out(block);
            return Ok(());
        }
        self.compare(block, &reply)?;
        schema::check(&schema::Answer {
            method,
            target,
            status: reply.status,
            content_type: reply.header("content-type"),
            body: &reply.body,
        })
    }

    fn compare(&mut self, block: &Block<'_>, reply: &Reply) -> Result<()> {
        let text = String::from_utf8_lossy(&reply.body).into_owned();
        ensure!(block.expected.iter().any(|line| line.starts_with("=> ")), "no status is expected");
        for line in &block.expected {
            let line = self.fill(line);
            if let Some(status) = line.strip_prefix("=> ") {
                let fits = status == reply.status.to_string();
                ensure!(fits, "{} in place of {status}: {text}", reply.status);
            } else if let Some(part) = line.strip_prefix("~ ") {
                ensure!(text.contains(part), "`{part}` is not in {text}");
            } else if let Some((pointer, name)) = line.split_once(" -> ") {
                let body = reply.json();
                let value = body.pointer(pointer).and_then(Value::as_str);
                let value = value.with_context(|| format!("no text at {pointer} in {text}"))?;
                self.kept.insert(name.to_owned(), value.to_owned());
            } else if let Some((pointer, value)) = line.split_once(" = ") {
                let (body, value) = (reply.json(), serde_json::from_str::<Value>(value)?);
                let found = body.pointer(pointer);
                ensure!(found == Some(&value), "{pointer} is not {value} in {text}");
            } else {
                bail!("`{line}` is no expectation");
            }
        }
        Ok(())
    }

    fn fill(&self, text: &str) -> String {
        let replace = |text: String, (name, value): (&String, &String)| {
            text.replace(&format!("{{{name}}}"), value)
        };
        self.kept.iter().fold(text.to_owned(), replace)
    }

    /// Whether it is about something that no route has made.
    fn needs_what_is_absent(&self, block: &Block<'_>) -> bool {
        let names: Vec<_> = self.absent.iter().map(|name| format!("{{{name}}}")).collect();
        let mut lines = block.head.iter().chain(&block.body);
        lines.any(|line| names.iter().any(|name| line.contains(name)))
    }

    fn leave_out(&mut self, block: &Block<'_>) {
        let told = block.expected.iter().filter_map(|line| line.split_once(" -> "));
        self.absent.extend(told.map(|(_, name)| name.to_owned()));
    }
}

/// Whether a route is specified and answers 501.
fn is_later(method: &str, target: &str) -> bool {
    let path = target.split('?').next().unwrap_or_default();
    let (table, below) = match path.strip_prefix("/api") {
        Some(below) => (API_LATER, below),
        None => {
            let below = path
                .strip_prefix("/toolbox/")
                .and_then(|path| path.find('/').map(|at| &path[at..]));
            (TOOLBOX_LATER, below.unwrap_or_default())
        }
    };
    table.iter().any(|(known, pattern)| {
        let same = |(pattern, part): (&str, &str)| pattern.starts_with('{') || pattern == part;
        *known == method
            && pattern.split('/').count() == below.split('/').count()
            && pattern.split('/').zip(below.split('/')).all(same)
    })
}
