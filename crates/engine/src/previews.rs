//! Previews: links to ports inside, who may follow them, and the way in.
//!
//! A visitor is no principal and has no key of the API. What lets a visitor in is a token that is
//! bound to sandbox, port and generation ([`token`]), or that the port is public. Wrong tokens and
//! sandboxes that do not exist are answered alike. A pass is asked again for as long as a
//! connection lives, so that whoever ends a link ends what came through it.

mod token;
mod visit;

use std::collections::BTreeSet;
use std::num::NonZeroU16;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt as _;
use infield_domain::files::Range;
use infield_domain::guest::Guest;
use infield_domain::preview::{self, Access, PreviewName, TOKEN_QUERY};
use infield_domain::sandbox::Millis;
use infield_domain::{Error, Kind, Permission, Principal, Result};
use tokio::sync::Semaphore;

use crate::Engine;
use crate::driver::{Change, Seat};
use token::{Claim, Use};

pub use visit::{PreviewPass, Visit};

/// Connections to the ports of one sandbox at once. The agent has room for twice as many, so that
/// visitors do not keep commands out.
pub const VISITS_OF_ONE_SANDBOX: usize = 128;
/// How long a caller waits for a change.
const CHANGE_LIMIT: Duration = Duration::from_secs(10);
/// How long a look for listening ports may take, and what it may bring.
const LOOK_LIMIT: Duration = Duration::from_secs(2);
const TABLE_BYTES: u64 = 1 << 20;
/// Ports of one list.
const MOST_PORTS: usize = 256;
/// Ports that one answer of a command tells of.
const MOST_TOLD: usize = 8;
/// How long a link lives that nobody asked for.
const TOLD_MS: u64 = 24 * 3_600_000;
/// How long a visitor is remembered at most.
const COOKIE_MS: u64 = 24 * 3_600_000;
/// The longest that a link can be made to live.
const LONGEST_MS: u64 = 365 * 24 * 3_600_000;

/// What holds for visits of one sandbox while the daemon lives.
#[derive(Debug)]
pub(crate) struct Visits {
    room: Arc<Semaphore>,
    /// The listening ports that were told in some answer.
    told: Mutex<BTreeSet<NonZeroU16>>,
}

impl Default for Visits {
    fn default() -> Self {
        let room = Arc::new(Semaphore::new(VISITS_OF_ONE_SANDBOX));
        Self { room, told: Mutex::default() }
    }
}

impl Visits {
    /// Which of the ports that listen now are new since the last call.
    fn news(&self, now: BTreeSet<NonZeroU16>) -> Vec<NonZeroU16> {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let new = now.difference(&told).take(MOST_TOLD).copied().collect();
        *told = now;
        new
    }
}

/// A port of a sandbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// Its name outside.
    pub name: PreviewName,
    /// Who may visit it.
    pub access: Access,
    /// Whether somebody listens there; none when nobody looked.
    pub is_listening: Option<bool>,
    /// Where its preview is; none when this server has no previews.
    pub url: Option<String>,
}

/// How long a link lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifetime {
    /// Until the tokens of its port are ended.
    Unlimited,
    /// This long, in milliseconds.
    For(u64),
}

/// Which link to make.
#[derive(Clone, Debug)]
pub struct LinkPreview {
    /// The port.
    pub port: NonZeroU16,
    /// How long it lives.
    pub lifetime: Lifetime,
}

/// A link to a port: whoever has it may visit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreviewLink {
    /// Where it leads.
    pub name: PreviewName,
    /// Who may visit without it.
    pub access: Access,
    /// Where the preview is; none when this server has no previews.
    pub url: Option<String>,
    /// The same with the token in it, for a browser.
    pub link: Option<String>,
    /// For the header of a program's request.
    pub token: String,
    /// When it ends, if ever.
    pub expires_at: Option<Millis>,
}

/// What a visitor shows. Each may have been sent more than once; one that is right is enough.
#[derive(Clone, Debug, Default)]
pub struct Proof {
    /// Tokens, of a header or a query.
    pub tokens: Vec<String>,
    /// Cookies of ours.
    pub cookies: Vec<String>,
}

impl Engine {
    /// The ports of a sandbox that somebody listens on, and those that are public. Needs `read`.
    pub async fn list_ports(&self, who: &Principal, reference: &str) -> Result<Vec<Port>> {
        who.require(Permission::Read)?;
        let seat = self.registry().find(who, reference)?;
        let listening = match self.step_inside(&seat) {
            Some(inside) => listening(&*inside.guest).await?,
            None => BTreeSet::new(),
        };
        let public = seat.sandbox().spec.previews.public();
        let all = listening.union(&public).take(MOST_PORTS);
        Ok(all.map(|port| self.port(&seat, *port, Some(listening.contains(port)))).collect())
    }

    fn port(&self, seat: &Seat, port: NonZeroU16, is_listening: Option<bool>) -> Port {
        let name = PreviewName { port, sandbox: seat.id.clone() };
        let access = seat.sandbox().spec.previews.access(port);
        Port { access, is_listening, url: self.url(&name), name }
    }

    fn url(&self, name: &PreviewName) -> Option<String> {
        self.settings().previews.as_ref().map(|origin| format!("{}/", origin.of(name)))
    }

    /// Makes a link to a port: whoever has it may visit. Needs `execute`.
    pub fn link_preview(
        &self,
        who: &Principal,
        reference: &str,
        wish: &LinkPreview,
    ) -> Result<PreviewLink> {
        let until = match wish.lifetime {
            Lifetime::Unlimited => "until it is ended".to_owned(),
            Lifetime::For(ms) => format!("for {} s", ms / 1000),
        };
        let detail = format!("port {} {until}", wish.port);
        let made = who.require(Permission::Execute).and_then(|()| {
            let seat = self.registry().find(who, reference)?;
            self.link(&seat, wish)
        });
        self.noted_inside(who, ("preview.link", reference, &detail), made)
    }

    fn link(&self, seat: &Seat, wish: &LinkPreview) -> Result<PreviewLink> {
        let expires_at = match wish.lifetime {
            Lifetime::Unlimited => None,
            Lifetime::For(ms @ 1..=LONGEST_MS) => Some(self.now().saturating_add(ms)),
            Lifetime::For(_) => {
                return Err(Error::invalid("a link lives a millisecond to a year")
                    .with_hint("choose a time such as 8 hours"));
            }
        };
        let name = PreviewName { port: wish.port, sandbox: seat.id.clone() };
        let previews = &seat.sandbox().spec.previews;
        let claim =
            Claim { of: Use::Token, name: &name, generation: previews.generation(wish.port) };
        let token = token::write(self.preview_key(), &claim, expires_at);
        let url = self.url(&name);
        let link = url.as_ref().map(|url| format!("{url}?{TOKEN_QUERY}={token}"));
        Ok(PreviewLink { access: previews.access(wish.port), name, url, link, token, expires_at })
    }

    /// Makes a port public or private, or ends every link to it. Needs `manage`.
    pub async fn change_preview(
        &self,
        who: &Principal,
        reference: &str,
        (port, change): (NonZeroU16, preview::Change),
    ) -> Result<Port> {
        let action = match change {
            preview::Change::Access(Access::Public) => "preview.public",
            preview::Change::Access(Access::Private) => "preview.private",
            preview::Change::Expire => "preview.expire",
        };
        let found =
            who.require(Permission::Manage).and_then(|()| self.registry().find(who, reference));
        let result = match found {
            Ok(seat) => {
                let changed = seat.change(Change::Preview(port, change), CHANGE_LIMIT).await;
                changed.map(|_| seat)
            }
            Err(error) => Err(error),
        };
        let seat = self.noted_inside(who, (action, reference, &format!("port {port}")), result)?;
        Ok(self.port(&seat, port, None))
    }

    /// Connects to a port of a sandbox, which is started when it rests. Needs `execute`.
    pub async fn dial_port(
        &self,
        who: &Principal,
        reference: &str,
        port: NonZeroU16,
    ) -> Result<Visit> {
        let dialled = async {
            let inside = self.enter(who, Permission::Execute, reference).await?;
            Visit::begin(inside, port).await
        };
        let result = dialled.await;
        self.noted_inside(who, ("preview.dial", reference, &format!("port {port}")), result)
    }

    /// Whether somebody who shows this may visit a port. That there is no such sandbox and that
    /// the proof is wrong are the same answer.
    pub fn visit_preview(&self, name: &PreviewName, proof: &Proof) -> Result<PreviewPass> {
        let now = self.now();
        let seat = self.registry().by_id(&name.sandbox);
        let sandbox = seat.as_ref().map(|seat| seat.sandbox());
        let previews = sandbox.map(|sandbox| sandbox.spec.previews.clone()).unwrap_or_default();
        let generation = previews.generation(name.port);
        let key = self.preview_key();
        let check = |of: Use, texts: &[String]| {
            let claim = Claim { of, name, generation };
            let right = |text: &String| token::read(key, &claim, text);
            texts.iter().filter_map(right).find(|until| until.is_none_or(|at| at > now))
        };
        let by_token = check(Use::Token, &proof.tokens);
        let until = by_token.or_else(|| check(Use::Cookie, &proof.cookies));
        let means = match (until, previews.access(name.port)) {
            (Some(until), _) => visit::Means::Until { until, generation },
            (None, Access::Public) => visit::Means::Public,
            (None, Access::Private) => return Err(unknown()),
        };
        let seat = seat.ok_or_else(unknown)?;
        Ok(PreviewPass { engine: self.clone(), seat, name: name.clone(), means })
    }

    /// Links to the ports that somebody began to listen on since the last call; none for a caller
    /// who may not make links. The look is the guest's word and never fails a command.
    pub(crate) async fn new_previews(&self, who: &Principal, seat: &Arc<Seat>) -> Vec<PreviewLink> {
        if who.require(Permission::Execute).is_err() {
            return Vec::new();
        }
        let Some(inside) = self.step_inside(seat) else { return Vec::new() };
        let Ok(now) = listening(&*inside.guest).await else { return Vec::new() };
        let lifetime = Lifetime::For(TOLD_MS);
        let links = seat.visits.news(now).into_iter().filter_map(|port| {
            self.link_preview(who, seat.id.as_str(), &LinkPreview { port, lifetime }).ok()
        });
        links.collect()
    }
}

/// The answer to everybody who may not know more.
fn unknown() -> Error {
    Error::new(Kind::Unauthenticated, "this preview wants a link")
        .with_hint("make one with `infield port SANDBOX PORT --link`")
}

/// The ports that somebody inside listens on, of both families.
async fn listening(guest: &dyn Guest) -> Result<BTreeSet<NonZeroU16>> {
    let look = async {
        let (mut four, six) =
            futures_util::try_join!(table(guest, "/proc/net/tcp"), table(guest, "/proc/net/tcp6"))?;
        four.extend(six);
        Ok(four)
    };
    tokio::time::timeout(LOOK_LIMIT, look)
        .await
        .unwrap_or_else(|_| Err(Error::timeout("the sandbox does not tell which ports are in use")))
}

async fn table(guest: &dyn Guest, path: &str) -> Result<BTreeSet<NonZeroU16>> {
    let range = Range { offset: 0, length: Some(TABLE_BYTES) };
    let (_, mut content) = match guest.read(&path.parse()?, range).await {
        Ok(read) => read,
        // A kernel without the second family has no table of it.
        Err(error) if error.kind() == Kind::NotFound => return Ok(BTreeSet::new()),
        Err(error) => return Err(error),
    };
    let mut text = Vec::new();
    while let Some(piece) = content.next().await {
        text.extend_from_slice(&piece?);
        if text.len() as u64 > TABLE_BYTES {
            break;
        }
    }
    Ok(preview::listening(&String::from_utf8_lossy(&text)))
}

#[cfg(test)]
mod tests;
