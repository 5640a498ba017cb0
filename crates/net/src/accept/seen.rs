//! What of a connection is looked at, and whether it still fits the rules.

use std::sync::Arc;

use infield_domain::network::Policy;

use super::Shared;
use super::dial::reason;
use super::entry::Entry;
use crate::defence::Defence;
use crate::sandbox::Rules;

/// What is done with the bytes of a client.
#[derive(Clone, Copy)]
pub(super) struct Seen {
    /// They are looked at.
    pub(super) is_inspected: bool,
    /// If they are TLS, it is opened.
    pub(super) is_opened: bool,
}

/// Whether TLS of this connection is opened, because a secret names its host.
pub(super) fn is_opened(rules: &Rules, entry: &Entry) -> bool {
    entry.asked.name.as_ref().is_some_and(|name| rules.unseals(name))
}

/// Whether a connection by a name is looked at: because the policy goes by names, or a secret.
pub(super) fn is_inspected(rules: &Rules, entry: &Entry) -> bool {
    let may_stray = entry.asked.port == 80 && !rules.secrets.is_empty();
    if entry.asked.name.is_some() && (may_stray || is_opened(rules, entry)) {
        return true;
    }
    match rules.policy {
        Policy::Limited | Policy::Custom(_) => entry.asked.name.is_some(),
        Policy::None | Policy::Public => false,
    }
}

/// Ends when the rules that are in force no longer fit the connection.
pub(super) async fn until_unfit(shared: &Shared, entry: &Entry, seen: Seen) -> String {
    let mut changes = shared.sandbox.rules.subscribe();
    loop {
        let rules = Arc::clone(&changes.borrow_and_update());
        let kept = |_: &String| rules.without.keeps(Defence::Cut);
        if let Some(why) = unfit(entry, seen, &rules).filter(kept) {
            return why;
        }
        if changes.changed().await.is_err() {
            // The sandbox goes, and this task with it.
            std::future::pending::<()>().await;
        }
    }
}

fn unfit(entry: &Entry, seen: Seen, rules: &Rules) -> Option<String> {
    let address = entry.reached()?;
    let verdict = rules.decide(entry.asked.name.as_ref(), address, entry.asked.port);
    if !verdict.is_allowed() {
        return Some(format!("the policy changed: {}", reason(&verdict, address)));
    }
    if is_opened(rules, entry) != seen.is_opened {
        return Some("the secrets of the sandbox changed".to_owned());
    }
    let is_unseen = is_inspected(rules, entry) && !seen.is_inspected;
    is_unseen.then(|| "the policy changed, and nobody looked at its first bytes".to_owned())
}
