//! Two organizations see nothing of each other: every route of both APIs is asked for the things of
//! one with the key of the other, and with the right key as control.
//!
//! [`rows`] says for each route what the right key gets. A route without a row fails by its name,
//! and so does a row without a route. What the right key gets is held against the specifications as
//! well, so that each route's answer has been seen once.

mod rows;
mod things;

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail, ensure};
use infield_rest::{API_LATER, API_ROUTES, TOOLBOX_LATER, TOOLBOX_ROUTES};
use infield_tests::Server;
use serde_json::Value;
use tokio::net::TcpStream;

use self::rows::{Control, ROWS, Request, Row, Sends};
use self::things::Things;
use super::schema;
use crate::rest::client::{Client, Reply};

/// Routes that answer without a key, each with the reason.
const OPEN: &[(&str, &str, &str)] =
    &[("GET", "/api/socket.io/", "the key comes in the first packet of the connection")];

/// Routes that newer SDKs ask for and the specifications lack, so that no table has them until they
/// are built.
const NEWER: &[(&str, &str)] =
    &[("GET", "/api/socket.io/"), ("GET", "/toolbox/{sandboxId}/process/pty/create-connect")];

#[tokio::test]
async fn organizations_see_nothing_of_each_other_on_any_route() -> Result<()> {
    every_route_has_a_row()?;
    let server = Server::start(&[])?;
    let owner = Things::of(&server, "amberfield")?;
    let stranger = Things::of(&server, "basaltrock")?;
    let mut walk = Walk { server, owner, stranger };
    let mut wrong = Vec::new();
    for (method, path) in later() {
        if let Err(error) = walk.is_not_built((method, &path)).await {
            wrong.push(format!("{method} {path}: {error:#}"));
        }
    }
    for row in ROWS {
        if let Err(error) = walk.take(row).await {
            wrong.push(format!("{} {}: {error:#}", row.method, row.target()));
        }
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

/// All routes that are built, whole paths.
fn built() -> BTreeSet<(&'static str, String)> {
    let tables = [("/api", API_ROUTES), ("/toolbox/{sandboxId}", TOOLBOX_ROUTES)];
    let routes = tables.into_iter().flat_map(|(base, tables)| {
        let routes = tables.iter().copied().flatten();
        routes.map(move |route| (route.method, format!("{base}{}", route.path)))
    });
    routes.collect()
}

/// All that are specified and answer 501.
fn later() -> BTreeSet<(&'static str, String)> {
    let tables = [("/api", API_LATER), ("/toolbox/{sandboxId}", TOOLBOX_LATER)];
    let routes = tables.into_iter().flat_map(|(base, table)| {
        table.iter().map(move |(method, path)| (*method, format!("{base}{path}")))
    });
    routes.collect()
}

fn every_route_has_a_row() -> Result<()> {
    let (built, later) = (built(), later());
    let rows: BTreeSet<_> = ROWS.iter().map(|row| (row.method, row.path.to_owned())).collect();
    let missing: Vec<_> = built.difference(&rows).collect();
    ensure!(missing.is_empty(), "add rows to `rows.rs` for what has none: {missing:?}");
    let is_newer = |row: &(&str, String)| NEWER.contains(&(row.0, row.1.as_str()));
    let is_known = |row: &(&'static str, String)| built.contains(row) || later.contains(row);
    let stale: Vec<_> = rows.iter().filter(|row| !is_known(row) && !is_newer(row)).collect();
    ensure!(stale.is_empty(), "these rows are about no route: {stale:?}");
    Ok(())
}

/// The two organizations on their way.
struct Walk {
    server: Server,
    owner: Things,
    stranger: Things,
}

/// What was asked, and what came.
struct Asked {
    target: String,
    said: String,
    reply: Reply,
}

impl Walk {
    async fn take(&mut self, row: &Row) -> Result<()> {
        if !built().contains(&(row.method, row.path.to_owned())) {
            return Ok(());
        }
        self.wants_a_key(row).await?;
        match row.control {
            Control::Hidden(status) => {
                self.hides(row).await?;
                self.serves_owner(row, status).await?;
            }
            Control::Lacking => {
                self.hides(row).await?;
                let wrong = self.ask(&row.request(), &self.stranger, &self.owner).await?;
                let right = self.serves_owner(row, 404).await?;
                let said = |answer: &Asked| self.owner.forget(&answer.reply);
                ensure!(said(&wrong) != said(&right), "both keys got {}", show(&right));
            }
            Control::Own(status) => {
                let answer = self.ask(&row.request(), &self.stranger, &self.owner).await?;
                ensure!(answer.reply.status == status, "the wrong key got {}", show(&answer));
                self.tells_nothing(&answer)?;
                let answer = self.serves_owner(row, status).await?;
                let told = self.owner.is_told(&answer.reply, "");
                ensure!(
                    told.is_some(),
                    "the right key is told nothing of its own: {}",
                    show(&answer)
                );
            }
            Control::Name { status, taken } => self.names_apart(row, status, taken).await?,
            Control::Prepare(status) => {
                for is_owner in [false, true] {
                    let who = if is_owner { &self.owner } else { &self.stranger };
                    let answer = self.ask(&row.request(), who, who).await?;
                    ensure!(answer.reply.status == status, "preparing: {}", show(&answer));
                    let who = if is_owner { &mut self.owner } else { &mut self.stranger };
                    who.keep(row.keeps, &answer.reply)?;
                }
            }
            Control::Nobodys(status, reason) => {
                self.serves_owner(row, status).await.context(reason)?;
                let answer = self.ask(&row.request(), &self.stranger, &self.owner).await?;
                self.tells_nothing(&answer)?;
            }
        }
        Ok(())
    }

    /// Both keys are told that it is not there yet, and nothing else.
    async fn is_not_built(&self, (method, path): (&str, &str)) -> Result<()> {
        let request = Request { method, target: path.to_owned(), sends: Sends::Nothing };
        for (who, status) in [(&Things::nobody(), 401), (&self.stranger, 501), (&self.owner, 501)] {
            let answer = self.ask(&request, who, &self.owner).await?;
            ensure!(answer.reply.status == status, "it is not built: {}", show(&answer));
        }
        Ok(())
    }

    async fn wants_a_key(&self, row: &Row) -> Result<()> {
        let path = row.path;
        if OPEN.iter().any(|(method, open, _)| (*method, *open) == (row.method, path)) {
            return Ok(());
        }
        let answer = self.ask(&row.request(), &Things::nobody(), &self.owner).await?;
        // A web page can send a form, so one without a key is refused as such.
        let refused = if row.sends.is_form() { 400 } else { 401 };
        ensure!(answer.reply.status == refused, "without a key: {}", show(&answer));
        self.tells_nothing(&answer)
    }

    /// Whatever way the owner's things are named, the stranger gets what is said of things that
    /// are nowhere.
    async fn hides(&self, row: &Row) -> Result<()> {
        let unknown = Things::unknown(&self.owner);
        let mut ways = vec![(self.owner.clone(), unknown.clone())];
        if row.path.contains("{sandboxIdOrName}") {
            ways.push((self.owner.named(), unknown.named()));
        }
        if row.has_inner_thing() {
            // Things of the owner's sandbox, asked for in the stranger's own one.
            ways.push((self.owner.within(&self.stranger), unknown.within(&self.stranger)));
        }
        for (way, unknown) in ways {
            let answer = self.ask(&row.request(), &self.stranger, &way).await?;
            ensure!(answer.reply.status == 404, "the wrong key got {}", show(&answer));
            self.tells_nothing(&answer)?;
            let nowhere = self.ask(&row.request(), &self.stranger, &unknown).await?;
            let (here, nowhere) = (way.forget(&answer.reply), unknown.forget(&nowhere.reply));
            ensure!(here == nowhere, "what is hidden and what is nowhere differ: {here} {nowhere}");
        }
        Ok(())
    }

    /// A name is free for the stranger although the owner has it.
    async fn names_apart(&self, row: &Row, status: u16, taken: u16) -> Result<()> {
        self.serves_owner(row, status).await?;
        let answer = self.ask(&row.request(), &self.stranger, &self.owner).await?;
        ensure!(answer.reply.status == status, "the wrong key got {}", show(&answer));
        self.tells_nothing(&answer)?;
        let again = self.ask(&row.request(), &self.owner, &self.owner).await?;
        ensure!(again.reply.status == taken, "the name is not taken: {}", show(&again));
        Ok(())
    }

    async fn serves_owner(&self, row: &Row, status: u16) -> Result<Asked> {
        let answer = self.ask(&row.request(), &self.owner, &self.owner).await?;
        ensure!(answer.reply.status == status, "the right key got {}", show(&answer));
        schema::check(&schema::Answer {
            method: row.method,
            target: &answer.target,
            status,
            content_type: answer.reply.header("content-type"),
            body: &answer.reply.body,
        })?;
        Ok(answer)
    }

    fn tells_nothing(&self, answer: &Asked) -> Result<()> {
        match self.owner.is_told(&answer.reply, &answer.said) {
            Some(told) => bail!("the wrong key is told `{told}`: {}", show(answer)),
            None => Ok(()),
        }
    }

    /// Sends a request about somebody's things with somebody's key.
    async fn ask(&self, request: &Request<'_>, who: &Things, whose: &Things) -> Result<Asked> {
        let target = whose.fill(&request.target);
        let (kind, body) = request.sends.body(whose);
        let (method, address) = (request.method, self.server.address);
        let mut head = format!("{method} {target} HTTP/1.1\nHost: {address}\n");
        if let Some(key) = who.key() {
            head += &format!("Authorization: Bearer {key}\n");
            head += &format!("X-Daytona-Organization-ID: {}\n", whose.fill("{organizationId}"));
        }
        head += "X-Daytona-SDK-Version: 0.226.1\n";
        head += match request.sends {
            Sends::Socket => {
                "Connection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Version: 13\n\
                 Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\n"
            }
            Sends::Nothing | Sends::Json(_) | Sends::File(_) | Sends::Files { .. } => {
                "Connection: close\n"
            }
        };
        head += &format!("Content-Type: {kind}\nContent-Length: {}", body.len());
        let mut client = Client::new(TcpStream::connect(self.server.address).await?);
        let reply = client.ask(&head, &body).await?;
        Ok(Asked { said: format!("{target}\n{body}"), target, reply })
    }
}

fn show(answer: &Asked) -> String {
    let body = String::from_utf8_lossy(&answer.reply.body);
    format!("{} for {}: {}", answer.reply.status, answer.said, body)
}

/// The body of an answer, without what differs from moment to moment.
fn settled(reply: &Reply) -> String {
    let Ok(mut body) = serde_json::from_slice::<Value>(&reply.body) else {
        return String::from_utf8_lossy(&reply.body).into_owned();
    };
    if let Some(object) = body.as_object_mut() {
        object.remove("timestamp");
        object.remove("path");
    }
    format!("{} {body}", reply.status)
}
