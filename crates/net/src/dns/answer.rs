//! What a question of a sandbox is answered.
//!
//! | the name | is answered | somebody outside is asked |
//! | --- | --- | --- |
//! | `localhost`, and below | the loopback addresses | never |
//! | an address of ours, backwards | the name that it stands for | never |
//! | a sandbox that this one may reach | addresses that stand for it | never |
//! | another one below `infield.internal`, or in a network | the same, and connections are refused | never |
//! | nothing outside (`question`) | that it does not exist | never |
//! | any, under `none` | that it is refused | never |
//! | one that the policy does not resolve | addresses that stand for it | never |
//! | one that it does | the same, if the name exists | for A and AAAA |
//!
//! A name that the policy does not resolve has addresses too, so that the connection to them is
//! refused with words and not by silence. Both families always: which one the connection takes
//! outside is not the program's matter. Every other type has no data, and nobody is asked: a text
//! record carries more out and in than an address, and an HTTPS record has keys (RFC 9460) with
//! which a program hides the name that it connects to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::atomic::Ordering;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::rdata::PTR;
use hickory_proto::rr::{DNSClass, Name, RData, RecordType};
use infield_domain::network::{
    DomainName, Effect, Pattern, Policy, Rule, Target, is_in_zone, sandbox_called,
};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use super::limits::Admission;
use super::message::{self, Answer, Asked, Received, Transport};
use super::question::{Subject, subject};
use crate::defence::Defence;
use crate::names::Meaning;
use crate::peers::Found;
use crate::sandbox::{Rules, Sandbox};
use crate::upstream::{LookupFailure, Upstream};

/// Codes of RFC 8914.
mod because {
    pub(super) const OTHER: u16 = 0;
    pub(super) const BLOCKED: u16 = 15;
    pub(super) const NETWORK_ERROR: u16 = 23;
}

/// What is to be done about a message.
#[derive(Debug)]
pub(super) enum Step {
    /// Nothing.
    Nothing,
    /// Nothing, and no other one is to be read for a while.
    Pause,
    /// This is answered.
    Reply(Vec<u8>),
    /// Somebody outside is to be asked.
    LookUp(LookUp),
}

/// What somebody outside is to be asked.
#[derive(Debug)]
pub(super) enum LookUp {
    /// Whether this name exists.
    Existence(Existence),
    /// What the sandbox asked, as it is: where walls are left out.
    #[cfg(feature = "weaken")]
    Passed(Vec<u8>),
}

/// A question after a name's existence.
#[derive(Debug)]
pub(super) struct Existence {
    asked: Asked,
    transport: Transport,
    name: DomainName,
    _place: Option<OwnedSemaphorePermit>,
}

/// What is known of a question without asking anybody.
enum Known {
    All(Answer),
    /// All but whether this name exists.
    ButExistence(DomainName, Option<OwnedSemaphorePermit>),
}

/// Takes a message as far as it goes without waiting.
pub(super) fn begin(bytes: &[u8], transport: Transport, sandbox: &Sandbox) -> Step {
    let now = Instant::now();
    let without = sandbox.rules().without;
    let admission = match without.keeps(Defence::Rate) {
        true => sandbox.lookups.admit(now),
        false => Admission::Answered,
    };
    if admission == Admission::Ignored {
        count_refusal(sandbox);
        return Step::Pause;
    }
    #[cfg(feature = "weaken")]
    if is_passed(bytes, without) {
        return Step::LookUp(LookUp::Passed(bytes.to_vec()));
    }
    let asked = match message::read(bytes) {
        Received::Noise => return Step::Nothing,
        Received::Fault(reply) => return Step::Reply(reply),
        Received::Asked(asked) => asked,
    };
    let known = match admission {
        Admission::Refused => Known::All(refused(because::OTHER, "too many look-ups a second")),
        Admission::Answered | Admission::Ignored => known(&asked, sandbox, now),
    };
    match known {
        Known::All(answer) => {
            if answer.code == ResponseCode::Refused {
                count_refusal(sandbox);
            }
            asked.reply(&answer, transport).map_or(Step::Nothing, Step::Reply)
        }
        Known::ButExistence(name, place) => {
            let existence = Existence { asked, transport, name, _place: place };
            Step::LookUp(LookUp::Existence(existence))
        }
    }
}

/// Whether a question goes out as it is, since the walls are left out that it would not pass.
#[cfg(feature = "weaken")]
fn is_passed(bytes: &[u8], without: crate::defence::Without) -> bool {
    let is_odd = || match message::read(bytes) {
        Received::Asked(asked) => {
            !matches!(asked.query.query_type, RecordType::A | RecordType::AAAA)
        }
        Received::Noise | Received::Fault(_) => false,
    };
    !without.keeps(Defence::Questions) || !without.keeps(Defence::Types) && is_odd()
}

impl LookUp {
    /// Asks outside, and writes the answer.
    pub(super) async fn finish(self, sandbox: &Sandbox, upstream: &Upstream) -> Option<Vec<u8>> {
        match self {
            Self::Existence(existence) => existence.finish(sandbox, upstream).await,
            #[cfg(feature = "weaken")]
            Self::Passed(question) => upstream.pass(&question).await,
        }
    }
}

impl Existence {
    async fn finish(self, sandbox: &Sandbox, upstream: &Upstream) -> Option<Vec<u8>> {
        let answer = match upstream.addresses(&self.name).await {
            Ok(addresses) if addresses.is_empty() => Answer::with(Vec::new()),
            Ok(_) => stand_in(&self.name, self.asked.query.query_type, sandbox),
            Err(LookupFailure::NoSuchName) => Answer::error(ResponseCode::NXDomain),
            Err(LookupFailure::NoAnswer) => Answer {
                reason: Some((because::NETWORK_ERROR, "no resolver of the host answered")),
                ..Answer::error(ResponseCode::ServFail)
            },
        };
        self.asked.reply(&answer, self.transport)
    }
}

fn known(asked: &Asked, sandbox: &Sandbox, now: Instant) -> Known {
    let kind = asked.query.query_type;
    if asked.query.query_class != DNSClass::IN {
        return Known::All(Answer::error(ResponseCode::Refused));
    }
    match subject(&asked.query.name) {
        Subject::Root => Known::All(Answer::with(Vec::new())),
        Subject::Localhost => Known::All(localhost(kind)),
        Subject::Address(address) => Known::All(backwards(address, kind, sandbox)),
        Subject::Nothing => Known::All(Answer::error(ResponseCode::NXDomain)),
        Subject::Sandbox(name) => Known::All(about_sandbox(&name, kind, sandbox)),
        Subject::Name(name) => about(name, kind, sandbox, now),
    }
}

fn localhost(kind: RecordType) -> Answer {
    Answer::with(match kind {
        RecordType::A => vec![RData::A(Ipv4Addr::LOCALHOST.into())],
        RecordType::AAAA => vec![RData::AAAA(Ipv6Addr::LOCALHOST.into())],
        _ => Vec::new(),
    })
}

/// The name of an address, if it stands for one.
fn backwards(address: IpAddr, kind: RecordType, sandbox: &Sandbox) -> Answer {
    let name = match sandbox.names.meaning(address) {
        Meaning::Name(name) => Some(name.to_string()),
        Meaning::Address(itself) if itself.is_loopback() => Some("localhost".to_owned()),
        Meaning::Address(_) | Meaning::Nothing => None,
    };
    let name = name.and_then(|name| Name::from_ascii(format!("{name}.")).ok());
    match (name, kind) {
        (None, _) => Answer::error(ResponseCode::NXDomain),
        (Some(name), RecordType::PTR) => Answer::with(vec![RData::PTR(PTR(name))]),
        (Some(_), _) => Answer::with(Vec::new()),
    }
}

/// What the name of another sandbox stands for. Nobody learns by it which sandboxes there are.
fn about_sandbox(name: &DomainName, kind: RecordType, sandbox: &Sandbox) -> Answer {
    if sandbox.rules().policy == Policy::None {
        return refused(because::BLOCKED, "this sandbox has no network");
    }
    let called = sandbox_called(name).unwrap_or_default();
    match sandbox.peers.find(&sandbox.id, called) {
        // A sandbox in no network knows no names of one label.
        Found::Alone if !is_in_zone(name) => Answer::error(ResponseCode::NXDomain),
        Found::Member(..) | Found::Stranger | Found::Alone => stand_in(name, kind, sandbox),
    }
}

/// What the policy says of a name.
fn about(name: DomainName, kind: RecordType, sandbox: &Sandbox, now: Instant) -> Known {
    let rules = sandbox.rules();
    if rules.policy == Policy::None {
        return Known::All(refused(because::BLOCKED, "this sandbox has no network"));
    }
    if !matches!(kind, RecordType::A | RecordType::AAAA) {
        return Known::All(Answer::with(Vec::new()));
    }
    if !rules.resolves(&name) && rules.without.keeps(Defence::Names) {
        return Known::All(stand_in(&name, kind, sandbox));
    }
    match place(&rules, &name, sandbox, now) {
        Ok(place) => Known::ButExistence(name, place),
        Err(why) => Known::All(refused(because::OTHER, why)),
    }
}

/// A place for the look-up of a name that the policy resolves; none where there are no bounds.
fn place(
    rules: &Rules,
    name: &DomainName,
    sandbox: &Sandbox,
    now: Instant,
) -> Result<Option<OwnedSemaphorePermit>, &'static str> {
    if !rules.without.keeps(Defence::Rate) {
        return Ok(None);
    }
    if !is_free(rules, name) && !sandbox.lookups.admit_name(name, now) {
        return Err("too many different names in one minute");
    }
    sandbox.lookups.place().map(Some).ok_or("too many look-ups at once")
}

/// A place for the look-up of a name that nobody asked the resolver for, as if somebody did.
pub(crate) fn admit(
    sandbox: &Sandbox,
    name: &DomainName,
) -> Result<Option<OwnedSemaphorePermit>, &'static str> {
    let (rules, now) = (sandbox.rules(), Instant::now());
    let is_bounded = rules.without.keeps(Defence::Rate);
    if is_bounded && sandbox.lookups.admit(now) != Admission::Answered {
        return Err("too many look-ups a second");
    }
    place(&rules, name, sandbox, now)
}

/// Whether looking a name up tells nobody what the policy does not tell anyway: it opens every
/// public address, or spells this name out.
fn is_free(rules: &Rules, name: &DomainName) -> bool {
    let spells_out = |rule: &Rule| {
        rule.effect == Effect::Allow
            && matches!(&rule.target, Target::Name(Pattern::Exact(exact)) if exact == name)
    };
    match &rules.policy {
        Policy::None => false,
        Policy::Public => true,
        Policy::Limited => rules.limited.iter().any(spells_out),
        Policy::Custom(custom) => custom.iter().any(spells_out),
    }
}

/// The address that stands for a name in this sandbox.
fn stand_in(name: &DomainName, kind: RecordType, sandbox: &Sandbox) -> Answer {
    let (four, six) = sandbox.names.bind(name);
    Answer::with(match kind {
        RecordType::A => vec![RData::A(four.into())],
        RecordType::AAAA => vec![RData::AAAA(six.into())],
        _ => Vec::new(),
    })
}

fn refused(code: u16, text: &'static str) -> Answer {
    Answer { reason: Some((code, text)), ..Answer::error(ResponseCode::Refused) }
}

fn count_refusal(sandbox: &Sandbox) {
    sandbox.counters.refused.fetch_add(1, Ordering::Relaxed);
}
