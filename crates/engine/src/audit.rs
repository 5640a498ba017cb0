//! Reading the audit trail.

use infield_domain::audit::Record;
use infield_domain::{Error, Permission, Principal, Result};
use infield_store::AuditFilter;

use crate::{Engine, Page};

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

    /// Recomputes the whole chain. Needs `admin`.
    pub async fn verify_audit(&self, who: &Principal) -> Result<AuditVerdict> {
        who.require(Permission::Admin)?;
        let verdict = self.records().call(|store| store.verify_audit()).await?;
        Ok(AuditVerdict { records: verdict.records, broken_at: verdict.broken_at })
    }
}
