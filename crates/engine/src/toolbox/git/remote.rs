//! Which remotes git may speak to, and what of them may be shown.
//!
//! A sandbox without a network has its own loopback and nothing else: a remote anywhere else is
//! refused before git makes a file, with a word on why. Where there is a network, its policy
//! decides.

use infield_domain::network::Policy;
use infield_domain::{Error, Result};

/// Transports that are allowed; others, such as `ext::`, run programs.
const TRANSPORTS: [&str; 5] = ["file", "git", "http", "https", "ssh"];

/// What a remote's text says.
#[derive(Debug, PartialEq, Eq)]
enum Remote<'a> {
    /// A folder inside.
    Folder,
    /// A host, behind an allowed transport.
    Host { transport: &'a str, user: Option<&'a str>, host: &'a str },
    /// A transport that is not allowed.
    Forbidden(&'a str),
}

/// Refuses a remote that cannot be reached, that carries a credential, or that runs a program.
pub(crate) fn check(text: &str, policy: &Policy) -> Result<()> {
    if text.is_empty() || text.starts_with('-') || text.chars().any(char::is_control) {
        return Err(Error::invalid("this is no address of a repository")
            .with_hint("write it like `http://127.0.0.1:8000/repo.git` or `/srv/repo.git`"));
    }
    match parse(text) {
        Remote::Folder => Ok(()),
        Remote::Forbidden(transport) => {
            let shown: String = transport.chars().take(32).collect();
            Err(Error::denied(format!("git may not use the transport `{shown}`"))
                .with_hint(format!("use one of {}", TRANSPORTS.join(", "))))
        }
        Remote::Host { transport, user, host } => {
            let secret = match transport {
                "ssh" => user.is_some_and(|user| user.contains(':')),
                _ => user.is_some(),
            };
            if secret {
                return Err(Error::invalid("an address must not carry a credential")
                    .with_hint("leave out what stands before the `@`"));
            }
            let is_inside = *policy == Policy::None && !is_loopback(host);
            if is_inside { Err(no_network(text)) } else { Ok(()) }
        }
    }
}

/// Says that a sandbox has no network, and what to do instead.
pub(crate) fn no_network(url: &str) -> Error {
    let shown: String = without_credentials(url).chars().filter(|c| !c.is_control()).collect();
    let shown: String = shown.chars().take(200).collect();
    Error::unsupported(format!(
        "`{shown}` cannot be reached: this sandbox has no network, only its own loopback"
    ))
    .with_hint("make one with the network `limited`, or upload the repository as files")
}

/// The folder that git makes for a clone of this address, as git-clone(1) derives it.
pub(crate) fn folder_of(text: &str) -> Option<&str> {
    let text = text.trim_end_matches('/');
    let text = text.strip_suffix("/.git").unwrap_or(text);
    let last = text.rsplit(['/', ':']).next()?;
    let name = last.strip_suffix(".git").or_else(|| last.strip_suffix(".bundle")).unwrap_or(last);
    let usable = !name.is_empty() && name != "." && name != "..";
    usable.then_some(name)
}

/// Takes what stands before the `@` out of every address in a text.
pub(crate) fn without_credentials(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        clean.push_str(before);
        let ends = |c: char| c.is_whitespace() || "/'\"<>`".contains(c);
        let end = after.find(ends).unwrap_or(after.len());
        let authority = &after[..end];
        clean.push_str(authority.rsplit_once('@').map_or(authority, |(_, host)| host));
        rest = &after[end..];
    }
    clean.push_str(rest);
    clean
}

fn parse(text: &str) -> Remote<'_> {
    if let Some((transport, _)) = text.split_once("::")
        && transport.bytes().all(|byte| byte.is_ascii_alphanumeric())
    {
        return Remote::Forbidden(transport);
    }
    if let Some((transport, rest)) = text.split_once("://") {
        if !TRANSPORTS.contains(&transport) {
            return Remote::Forbidden(transport);
        }
        if transport == "file" {
            return Remote::Folder;
        }
        let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
        let (user, host) = split_user(authority);
        return Remote::Host { transport, user, host: without_port(host) };
    }
    // `host:path` is ssh, unless a slash comes before the colon; git-fetch(1), "GIT URLS".
    match text.split_once(':') {
        Some((place, _)) if !place.contains('/') && !place.is_empty() => {
            let (user, host) = split_user(place);
            Remote::Host { transport: "ssh", user, host }
        }
        Some(_) | None => Remote::Folder,
    }
}

fn split_user(authority: &str) -> (Option<&str>, &str) {
    match authority.rsplit_once('@') {
        Some((user, host)) => (Some(user), host),
        None => (None, authority),
    }
}

fn without_port(host: &str) -> &str {
    if let Some(rest) = host.strip_prefix('[') {
        return rest.split(']').next().unwrap_or(rest);
    }
    host.split(':').next().unwrap_or(host)
}

fn is_loopback(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    let name = host == "localhost" || host.ends_with(".localhost");
    name || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests;
