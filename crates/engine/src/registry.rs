//! The living sandboxes, by id, name and request key.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use infield_domain::sandbox::Sandbox;
use infield_domain::{Error, Kind, Principal, Result, SandboxId, SandboxName};

use crate::driver::Seat;

/// Sandboxes that an error names at most.
const NAMED_IN_ERRORS: usize = 8;

/// How the refusal of a sandbox that the caller does not have begins.
const UNKNOWN: &str = "there is no sandbox";

/// Whether the sandbox itself was not found, and not something inside.
pub fn is_unknown_sandbox(error: &Error) -> bool {
    error.kind() == Kind::NotFound && error.message().starts_with(UNKNOWN)
}

#[derive(Default)]
struct Seats {
    by_id: HashMap<SandboxId, Arc<Seat>>,
    /// Owners that do not see each other may have the same names.
    by_name: HashMap<SandboxName, Vec<SandboxId>>,
    by_request: HashMap<(String, String), SandboxId>,
}

/// Every living sandbox.
#[derive(Default)]
pub(crate) struct Registry {
    seats: Mutex<Seats>,
}

/// Why a sandbox found no place.
pub(crate) enum Taken {
    /// The same owner made this one by the same request key.
    SameRequest(Arc<Seat>),
    /// This one has the name.
    Name(Arc<Seat>),
    /// So many are there already.
    Full(u32),
}

impl Registry {
    /// Gives a new sandbox its place, in one step with looking whether the name is free: whether no
    /// sandbox has it that whoever makes this one sees.
    pub(crate) fn insert(
        &self,
        seat: &Arc<Seat>,
        most: u32,
        sees: impl Fn(&str) -> bool,
    ) -> std::result::Result<(), Taken> {
        let sandbox = seat.sandbox();
        let request = request(&sandbox);
        self.with(|seats| {
            let same = request.as_ref().and_then(|request| seats.by_request.get(request));
            if let Some(found) = same.and_then(|id| seats.by_id.get(id)) {
                return Err(Taken::SameRequest(found.clone()));
            }
            if let Some(found) = seats.named(&sandbox.spec.name).find(|named| sees(&named.owner)) {
                return Err(Taken::Name(found.clone()));
            }
            if seats.by_id.len() >= most as usize {
                return Err(Taken::Full(most));
            }
            seats.by_id.insert(seat.id.clone(), seat.clone());
            seats.by_name.entry(sandbox.spec.name.clone()).or_default().push(seat.id.clone());
            if let Some(request) = request {
                seats.by_request.insert(request, seat.id.clone());
            }
            Ok(())
        })
    }

    /// Takes a sandbox out; its name is free again.
    pub(crate) fn remove(&self, seat: &Seat) {
        let sandbox = seat.sandbox();
        self.with(|seats| {
            seats.by_id.remove(&seat.id);
            if let Some(named) = seats.by_name.get_mut(&sandbox.spec.name) {
                named.retain(|id| *id != seat.id);
                if named.is_empty() {
                    seats.by_name.remove(&sandbox.spec.name);
                }
            }
            if let Some(request) = request(&sandbox)
                && seats.by_request.get(&request) == Some(&seat.id)
            {
                seats.by_request.remove(&request);
            }
        });
    }

    /// Every living sandbox, in no order.
    pub(crate) fn all(&self) -> Vec<Arc<Seat>> {
        self.with(|seats| seats.by_id.values().cloned().collect())
    }

    /// A living sandbox by its id.
    pub(crate) fn by_id(&self, id: &SandboxId) -> Option<Arc<Seat>> {
        self.with(|seats| seats.by_id.get(id).cloned())
    }

    /// A living sandbox by id or name, if the caller may see it. Of several that have the name, the
    /// caller's own is meant.
    pub(crate) fn find(&self, who: &Principal, reference: &str) -> Result<Arc<Seat>> {
        let mut found: Vec<_> = self.with(|seats| match reference.parse::<SandboxId>() {
            Ok(id) => seats.by_id.get(&id).cloned().into_iter().collect(),
            Err(_) => match reference.parse::<SandboxName>() {
                Ok(name) => seats.named(&name).cloned().collect(),
                Err(_) => Vec::new(),
            },
        });
        found.retain(|seat| who.sees(&seat.owner));
        let own = found.iter().find(|seat| seat.owner == who.owner);
        match (own, found.as_slice()) {
            (Some(seat), _) | (None, [seat]) => Ok(seat.clone()),
            (None, []) => Err(self.missing(who, reference)),
            (None, several) => Err(ambiguous(reference, several)),
        }
    }

    /// Says that there is no such sandbox, and which there are.
    pub(crate) fn missing(&self, who: &Principal, reference: &str) -> Error {
        let shown: String = reference.chars().filter(|c| !c.is_control()).take(80).collect();
        let mut seen: Vec<_> = self.all();
        seen.retain(|seat| who.sees(&seat.owner) && !seat.single_use);
        seen.sort_by_key(|seat| std::cmp::Reverse(seat.sandbox().created_at));
        let names: Vec<_> = seen
            .iter()
            .take(NAMED_IN_ERRORS)
            .map(|seat| {
                let sandbox = seat.sandbox();
                format!("{} ({}, {})", sandbox.spec.name, sandbox.id, sandbox.state.as_str())
            })
            .collect();
        let error = Error::not_found(format!("{UNKNOWN} `{shown}`"));
        if names.is_empty() {
            return error.with_hint("there are none yet: make one with create_sandbox");
        }
        let more = seen.len().saturating_sub(NAMED_IN_ERRORS);
        let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
        error.with_hint(format!(
            "existing: {}{rest}; see list_sandboxes, or make one with create_sandbox",
            names.join(", ")
        ))
    }

    fn with<T>(&self, look: impl FnOnce(&mut Seats) -> T) -> T {
        look(&mut self.seats.lock().expect("no holder of this lock panics"))
    }
}

impl Seats {
    /// The living sandboxes of this name.
    fn named(&self, name: &SandboxName) -> impl Iterator<Item = &Arc<Seat>> {
        let ids = self.by_name.get(name).into_iter().flatten();
        ids.filter_map(|id| self.by_id.get(id))
    }
}

fn ambiguous(name: &str, seats: &[Arc<Seat>]) -> Error {
    let ids: Vec<_> = seats.iter().take(NAMED_IN_ERRORS).map(|seat| seat.id.as_str()).collect();
    Error::conflict(format!("{} owners have a sandbox `{name}`", seats.len()))
        .with_hint(format!("say which by its id: {}", ids.join(", ")))
}

fn request(sandbox: &Sandbox) -> Option<(String, String)> {
    sandbox.request_key.clone().map(|key| (sandbox.owner.clone(), key))
}
