//! What a name in a question stands for, before any policy is asked.

use std::net::IpAddr;

use hickory_proto::rr::Name;
use infield_domain::network::{DomainName, sandbox_called};

/// Ends of names, those of sandboxes apart, that nobody outside answers for: they are the host's own network's (`local`, RFC
/// 6762; `internal`, ICANN 2024), another system's (`onion`, RFC 7686; `alt`, RFC 9476), or nobody's
/// (`invalid`, RFC 6761), or lead from addresses to names (`arpa`).
const NOT_OUTSIDE: [&str; 6] = ["local", "internal", "onion", "alt", "invalid", "arpa"];

/// What a name stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    /// The root of all names.
    Root,
    /// The sandbox itself (RFC 6761).
    Localhost,
    /// An address whose name is asked for.
    Address(IpAddr),
    /// Another sandbox, if there is one.
    Sandbox(DomainName),
    /// Something that could be outside.
    Name(DomainName),
    /// Nothing that could be.
    Nothing,
}

/// Tells what a name stands for.
pub(super) fn subject(name: &Name) -> Subject {
    if name.is_root() {
        return Subject::Root;
    }
    let Some(known) = domain_name(name) else { return Subject::Nothing };
    let last = known.as_str().rsplit('.').next().unwrap_or_default();
    match last {
        "localhost" => Subject::Localhost,
        // It leads from addresses to names, and homes have names of their own there (RFC 8375).
        "arpa" => address(name).map_or(Subject::Nothing, Subject::Address),
        _ if sandbox_called(&known).is_some() => Subject::Sandbox(known),
        _ if NOT_OUTSIDE.contains(&last) => Subject::Nothing,
        _ => Subject::Name(known),
    }
}

/// The name, if it is one of a host.
fn domain_name(name: &Name) -> Option<DomainName> {
    let labels: Vec<_> = name.iter().map(std::str::from_utf8).collect::<Result<_, _>>().ok()?;
    // On the wire a label may hold a dot, which would pass for the end of it here.
    let is_plain = !labels.iter().any(|label| label.contains('.'));
    is_plain.then(|| labels.join("."))?.parse().ok()
}

/// The address that a name below `arpa` spells out, if it is a whole one.
fn address(name: &Name) -> Option<IpAddr> {
    let block = name.parse_arpa_name().ok()?;
    (block.prefix_len() == block.max_prefix_len()).then(|| block.addr())
}

#[cfg(test)]
mod tests;
