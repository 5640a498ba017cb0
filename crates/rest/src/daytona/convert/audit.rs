//! The audit trail.

use std::collections::BTreeMap;

use infield_daytona as wire;
use infield_domain::audit::Record;
use infield_domain::{Error, Result};
use infield_engine::{ListOwnAudit, Numbered};

use super::{moment, time};

/// Records of one page at most.
const MOST: u32 = 1_000;

/// Which records are asked for. What is not known is ignored.
pub(in super::super) fn list_own_audit(query: &[(String, String)]) -> Result<ListOwnAudit> {
    let mut list = ListOwnAudit::all();
    for (name, value) in query {
        match name.as_str() {
            "page" => list.page = number(name, value, u32::MAX)?,
            "limit" => list.limit = number(name, value, MOST)?,
            "from" => list.from = moment(name, value)?,
            "to" => list.to = moment(name, value)?,
            "action" => list.action = Some(value.clone()),
            "targetId" => list.subject = Some(value.clone()),
            _ => {}
        }
    }
    Ok(list)
}

fn number(name: &str, value: &str, most: u32) -> Result<u32> {
    let read = value.parse().ok().filter(|number| (1..=most).contains(number));
    read.ok_or_else(|| {
        Error::invalid(format!("`{name}` is out of range"))
            .with_hint(format!("give a number of 1 to {most}"))
    })
}

/// One page of records.
pub(in super::super) fn audit_page(
    found: Numbered<Record>,
    (page, limit): (u32, u32),
) -> wire::AuditPage {
    let total = u64::try_from(found.total).unwrap_or(u64::MAX);
    wire::AuditPage {
        items: found.items.into_iter().map(audit_log).collect(),
        total,
        page,
        total_pages: total.div_ceil(u64::from(limit)),
    }
}

fn audit_log(record: Record) -> wire::AuditLog {
    let known = [
        ("credential", record.credential),
        ("detail", record.detail),
        ("outcome", record.outcome.clone()),
        ("requestId", record.request_id),
    ];
    let metadata: BTreeMap<_, _> =
        known.into_iter().filter(|(_, value)| !value.is_empty()).collect();
    let target_type = record.action.split('.').next().unwrap_or_default().to_owned();
    let is_error = infield_domain::Kind::ALL.iter().any(|kind| kind.as_str() == record.outcome);
    wire::AuditLog {
        id: record.sequence.to_string(),
        actor_id: record.who.clone(),
        actor_email: String::new(),
        organization_id: record.who,
        action: record.action,
        target_type,
        target_id: Some(record.subject).filter(|subject| !subject.is_empty()),
        error_message: Some(record.outcome).filter(|_| is_error),
        metadata,
        created_at: time(record.at),
    }
}
