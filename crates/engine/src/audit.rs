//! Reading the audit trail.

use infield_domain::audit::Record;
use infield_domain::sandbox::Millis;
use infield_domain::{Error, Permission, Principal, Result};
use infield_store::{AuditFilter, AuditPick};

use crate::{Engine, Numbered, Page};

/// Records of one page.
const MOST_LISTED: u32 = 1_000;

/// Which records to list. The newest come first.
#[derive(Clone, Debug)]
pub struct ListAudit {
    /// Only those on this subject, such as a sandbox id.
    pub subject: Option<String>,
    /// Only those of this owner.
    pub who: Option<String>,
    /// Only those of this action.
    pub action: Option<String>,
    /// Records at most, 1 to 1,000.
    pub limit: u32,
    /// Where the page before ended.
    pub cursor: Option<String>,
}

/// Which records of the caller's own name to list. The newest come first.
#[derive(Clone, Debug)]
pub struct ListOwnAudit {
    /// Not before this moment.
    pub from: Millis,
    /// Not after this one.
    pub to: Millis,
    /// Only those of this action.
    pub action: Option<String>,
    /// Only those on this subject, such as a sandbox id.
    pub subject: Option<String>,
    /// Which page, from 1.
    pub page: u32,
    /// Records of a page, 1 to 1,000.
    pub limit: u32,
}

impl ListOwnAudit {
    /// The first page of everything.
    pub fn all() -> Self {
        let to = Millis::MAX;
        Self { from: 0, to, action: None, subject: None, page: 1, limit: 100 }
    }
}

/// Whether the trail is whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditVerdict {
    /// How many records there are.
    pub records: u64,
    /// The first record that was changed, or stands where one was taken out.
    pub broken_at: Option<u64>,
}

impl Engine {
    /// Lists records. Needs `admin`.
    pub async fn list_audit(&self, who: &Principal, list: ListAudit) -> Result<Page<Record>> {
        who.require(Permission::Admin)?;
        let before = match list.cursor.as_deref().map(str::parse) {
            None => u64::MAX,
            Some(Ok(before)) => before,
            Some(Err(_)) => {
                return Err(Error::invalid("this is no cursor of the audit trail")
                    .with_hint("leave the cursor out to begin anew"));
            }
        };
        let limit = list.limit.clamp(1, MOST_LISTED);
        let ListAudit { subject, who, action, .. } = list;
        let filter = AuditFilter { subject, who, action, before, limit: limit + 1 };
        let mut items = self.records().call(move |store| store.audit(&filter)).await?;
        let more = items.len() > limit as usize;
        items.truncate(limit as usize);
        let last = items.last().filter(|_| more);
        let next_cursor = last.map(|record| record.sequence.to_string());
        Ok(Page { items, next_cursor })
    }

    /// Lists what was done under the caller's own name, by any key. Needs `read`.
    pub async fn list_own_audit(
        &self,
        who: &Principal,
        list: ListOwnAudit,
    ) -> Result<Numbered<Record>> {
        who.require(Permission::Read)?;
        let limit = list.limit.clamp(1, MOST_LISTED);
        let ListOwnAudit { from, to, action, subject, page, .. } = list;
        let skip = u64::from(page.max(1) - 1) * u64::from(limit);
        let who = who.owner.clone();
        let pick = AuditPick { who, from, to, action, subject, skip, limit };
        let (items, total) = self.records().call(move |store| store.audit_of(&pick)).await?;
        Ok(Numbered { items, total: usize::try_from(total).unwrap_or(usize::MAX) })
    }

    /// Recomputes the whole chain. Needs `admin`.
    pub async fn verify_audit(&self, who: &Principal) -> Result<AuditVerdict> {
        who.require(Permission::Admin)?;
        let verdict = self.records().call(|store| store.verify_audit()).await?;
        Ok(AuditVerdict { records: verdict.records, broken_at: verdict.broken_at })
    }
}
