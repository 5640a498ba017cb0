//! What stands before and after every use case: permission, ownership, the audit trail.
//!
//! A caller who may not see a sandbox is told that there is none. Each mutation and each
//! execution leaves a record, also the one that was refused.

use infield_domain::principal::Credential;
use infield_domain::{Error, Principal, Result};
use infield_store::NewRecord;

use crate::Engine;

/// Characters of a command that the trail keeps.
pub(crate) const DETAIL_CHARS: usize = 200;

impl Engine {
    /// Leaves a record of what a caller did or was refused.
    pub(crate) fn note(
        &self,
        who: &Principal,
        action: &'static str,
        subject: &str,
        detail: &str,
        result: std::result::Result<(), &Error>,
    ) {
        let outcome = match result {
            Ok(()) => "ok",
            Err(error) => error.kind().as_str(),
        };
        self.note_outcome(who, action, subject, detail, outcome);
    }

    /// Leaves a record with an outcome of its own, such as an exit code.
    pub(crate) fn note_outcome(
        &self,
        who: &Principal,
        action: &'static str,
        subject: &str,
        detail: &str,
        outcome: &str,
    ) {
        let record = NewRecord {
            at: self.now(),
            who: who.owner.clone(),
            credential: credential_word(&who.credential),
            action: action.to_owned(),
            subject: clipped(subject),
            detail: clipped(detail),
            outcome: outcome.to_owned(),
            request_id: clipped(&who.request_id),
        };
        self.records().post("audit", move |store| store.append_audit(record).map(drop));
    }

    /// Leaves a record of what infield itself did.
    pub(crate) fn note_system(&self, action: &'static str, subject: &str, detail: &str) {
        self.note(&Principal::system(), action, subject, detail, Ok(()));
    }

    /// Leaves the record of a use case and hands its result on.
    pub(crate) fn noted<T>(
        &self,
        who: &Principal,
        (action, subject, detail): (&'static str, &str, &str),
        result: Result<T>,
    ) -> Result<T> {
        self.note(who, action, subject, detail, result.as_ref().map(|_| ()));
        result
    }

    /// The same for a use case inside a sandbox that the caller named: the record has its id,
    /// because a name is given away again after the sandbox.
    pub(crate) fn noted_inside<T>(
        &self,
        who: &Principal,
        (action, reference, detail): (&'static str, &str, &str),
        result: Result<T>,
    ) -> Result<T> {
        let seat = self.registry().find(who, reference);
        let subject = seat.map_or_else(|_| reference.to_owned(), |seat| seat.id.to_string());
        self.noted(who, (action, &subject, detail), result)
    }
}

/// Text of a caller or a guest, made fit for one line of the trail.
pub(crate) fn clipped(text: &str) -> String {
    let safe = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter });
    safe.take(DETAIL_CHARS).collect()
}

fn credential_word(credential: &Credential) -> String {
    match credential {
        Credential::Socket => "socket".to_owned(),
        Credential::Key { id } => format!("key:{id}"),
        Credential::Ssh { id } => format!("ssh:{id}"),
        Credential::None => "none".to_owned(),
        Credential::System => "system".to_owned(),
    }
}
