//! Reading the audit trail.

use infield_domain::audit::Record;
use infield_domain::{Error, Principal, Result};

use crate::{Engine, Page};

/// Which records to list. The newest come first.
#[derive(Clone, Debug)]
pub struct ListAudit {
    /// Only those on this subject, such as a sandbox id.
    pub subject: Option<String>,
    /// Only those of this owner.
    pub who: Option<String>,
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
        let _ = (who, list);
        Err(Error::internal("not built yet"))
    }

    /// Recomputes the whole chain. Needs `admin`.
    pub async fn verify_audit(&self, who: &Principal) -> Result<AuditVerdict> {
        let _ = who;
        Err(Error::internal("not built yet"))
    }
}
