//! SSH accesses: short-lived tokens that let a client of SSH into one sandbox.
//!
//! Whoever shows a token is the sandbox's owner there, with what running and files need and no
//! more, and nowhere else: the door acts on the sandbox of the pass alone. An access ends by time,
//! by its maker and with its sandbox, and what came by it ends then: a pass is asked again for as
//! long as a connection lives.

use std::sync::Arc;
use std::time::Duration;

use infield_domain::lifecycle::State;
use infield_domain::principal::Credential;
use infield_domain::sandbox::{Millis, Sandbox};
use infield_domain::{Error, Kind, Permission, Principal, Result, SandboxId, SshAccessId};
use infield_store::{KeyHash, SshAccessRow};

use crate::driver::Seat;
use crate::{Engine, names};

/// Letters of a token.
const TOKEN_LETTERS: usize = 52;
/// How long an access lives when nobody says otherwise, the contract's own hour, and at most.
const STANDARD_MINUTES: u64 = 60;
const LONGEST_MINUTES: u64 = 30 * 24 * 60;
/// Accesses of one sandbox that have not ended.
const MOST_ACCESSES: u32 = 32;
/// The longest sleep until an access ends; clocks are set.
const LOOK_AGAIN_MS: u64 = 60_000;

/// Where SSH clients connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SshPlace {
    /// The name or address that they write.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// Which access to make.
#[derive(Clone, Copy, Debug)]
pub struct CreateSshAccess {
    /// How long it lives; an hour when nobody says.
    pub minutes: Option<u64>,
}

/// A new access. Its token is shown this once.
#[derive(Clone, Debug)]
pub struct SshAccess {
    /// Its identity.
    pub id: SshAccessId,
    /// Into which sandbox.
    pub sandbox: SandboxId,
    /// The user name that lets in.
    pub token: String,
    /// When it was made.
    pub created_at: Millis,
    /// When it ends.
    pub expires_at: Millis,
    /// Where clients connect.
    pub place: SshPlace,
}

/// Somebody who came by an access.
#[derive(Clone)]
pub struct SshPass {
    engine: Engine,
    seat: Arc<Seat>,
    row: SshAccessRow,
    /// As whom the door acts, on this pass's sandbox alone.
    pub who: Principal,
}

impl Engine {
    /// Makes an access to a sandbox. Needs `execute`.
    pub async fn create_ssh_access(
        &self,
        who: &Principal,
        sandbox: &str,
        create: CreateSshAccess,
    ) -> Result<SshAccess> {
        let result = self.make_ssh_access(who, sandbox, create).await;
        let detail = result.as_ref().map_or(String::new(), |made| made.id.to_string());
        self.noted_inside(who, ("ssh.create", sandbox, &detail), result)
    }

    async fn make_ssh_access(
        &self,
        who: &Principal,
        sandbox: &str,
        create: CreateSshAccess,
    ) -> Result<SshAccess> {
        who.require(Permission::Execute)?;
        let id = self.registry().find(who, sandbox)?.id.clone();
        let place = self.settings().ssh.clone().ok_or_else(|| {
            Error::unsupported("this server has no gateway for SSH")
                .with_hint("start it with `infield serve --ssh ADDR:PORT`")
        })?;
        let minutes = create.minutes.unwrap_or(STANDARD_MINUTES);
        if !(1..=LONGEST_MINUTES).contains(&minutes) {
            return Err(Error::invalid(format!("an access of {minutes} minutes is out of range"))
                .with_hint(format!("choose 1 to {LONGEST_MINUTES} minutes")));
        }
        let (token, created_at) = (names::ssh_token(), self.now());
        let row = SshAccessRow {
            id: names::ssh_access_id(),
            sandbox_id: id.clone(),
            created_at,
            expires_at: created_at.saturating_add(minutes * 60_000),
        };
        let (hash, kept) = (KeyHash::of(&token), row.clone());
        let insert =
            self.records().call(move |store| store.insert_ssh_access(&kept, hash, MOST_ACCESSES));
        if !insert.await? {
            let text = format!("sandbox `{id}` has {MOST_ACCESSES} accesses already");
            return Err(Error::new(Kind::Quota, text).with_hint("revoke those that nobody uses"));
        }
        let SshAccessRow { id: access, expires_at, .. } = row;
        Ok(SshAccess { id: access, sandbox: id, token, created_at, expires_at, place })
    }

    /// Ends the access of a sandbox that has this token, or every one, with all that came by it.
    /// Needs `execute`.
    pub async fn revoke_ssh_access(
        &self,
        who: &Principal,
        sandbox: &str,
        token: Option<&str>,
    ) -> Result<Sandbox> {
        let result = async {
            who.require(Permission::Execute)?;
            let id = self.registry().find(who, sandbox)?.id.clone();
            let hash = token.map(KeyHash::of);
            let remove =
                move |store: &mut infield_store::Store| store.remove_ssh_accesses(&id, hash);
            let count = self.records().call(remove).await?;
            if count == 0 && token.is_some() {
                return Err(Error::not_found("the sandbox has no access of this token")
                    .with_hint("leave the token out to end every access"));
            }
            self.ssh_revoked().send_modify(|count| *count += 1);
            self.get_sandbox(who, sandbox).await
        };
        let detail = if token.is_some() { "one" } else { "all" };
        let result = result.await;
        self.noted_inside(who, ("ssh.revoke", sandbox, detail), result)
    }

    /// Which of the caller's sandboxes a token lets into; none when it is not good, or somebody
    /// else's. Needs `read`.
    pub async fn validate_ssh_access(
        &self,
        who: &Principal,
        token: &str,
    ) -> Result<Option<SandboxId>> {
        who.require(Permission::Read)?;
        let found = self.find_ssh_access(token).await?;
        Ok(found.filter(|(seat, _)| who.sees(&seat.owner)).map(|(_, row)| row.sandbox_id))
    }

    /// Lets in whoever shows a good token. That there is none and that it ended are the same
    /// answer.
    pub async fn admit_ssh(&self, token: &str) -> Result<SshPass> {
        let Some((seat, row)) = self.find_ssh_access(token).await? else {
            return Err(Error::new(Kind::Unauthenticated, "this access is not right, or is over")
                .with_hint("ask its owner for another one"));
        };
        let who = Principal {
            owner: seat.owner.clone(),
            credential: Credential::Ssh { id: row.id.clone() },
            permissions: vec![Permission::Read, Permission::Execute],
            sees_all: false,
            request_id: self.new_request_id(),
        };
        self.note(&who, "ssh.enter", row.sandbox_id.as_str(), "", Ok(()));
        Ok(SshPass { engine: self.clone(), seat, row, who })
    }

    async fn find_ssh_access(&self, token: &str) -> Result<Option<(Arc<Seat>, SshAccessRow)>> {
        // Only what has the shape of a token is looked up, by hash: the time it takes tells
        // nothing of any token.
        if token.len() != TOKEN_LETTERS || !token.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Ok(None);
        }
        let hash = KeyHash::of(token);
        let row = self.records().call(move |store| store.ssh_access_by_hash(hash)).await?;
        let Some(row) = row.filter(|row| row.expires_at > self.now()) else { return Ok(None) };
        Ok(self.registry().by_id(&row.sandbox_id).map(|seat| (seat, row)))
    }
}

impl SshPass {
    /// The sandbox, by its id.
    pub fn sandbox(&self) -> &SandboxId {
        &self.row.sandbox_id
    }

    /// The access.
    pub fn access(&self) -> &SshAccessId {
        &self.row.id
    }

    /// Waits until it is no longer good, however long that is.
    pub async fn ended(&self) {
        let mut changes = self.seat.watch();
        let mut revoked = self.engine.ssh_revoked().subscribe();
        while self.holds().await {
            let left = self.row.expires_at.saturating_sub(self.engine.now());
            let pause = Duration::from_millis(left.clamp(1, LOOK_AGAIN_MS));
            tokio::select! {
                changed = changes.changed() => if changed.is_err() { return },
                // The engine outlives its passes, and its sender with it.
                _ = revoked.changed() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    async fn holds(&self) -> bool {
        let gone = matches!(self.seat.sandbox().state, State::Deleting | State::Deleted);
        if gone || self.row.expires_at <= self.engine.now() {
            return false;
        }
        let id = self.row.id.clone();
        let found = self.engine.records().call(move |store| store.has_ssh_access(&id)).await;
        // A database that does not answer lets nobody stay.
        found.unwrap_or(false)
    }
}

#[cfg(test)]
mod tests;
