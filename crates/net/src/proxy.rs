//! What clients say to the proxy of a sandbox, and what they are answered.
//!
//! Three ways lead through it: CONNECT (RFC 9110, 9.3.6), requests of plain HTTP in absolute form
//! (RFC 9112, 3.2.2), and SOCKS 5 without authentication (RFC 1928). They say where a connection
//! goes and nothing more: what is behind a tunnel is looked at like any other connection, and a
//! request is read anew by [`crate::web`]. What is not understood is refused, never guessed at.

pub(crate) mod socks;

use std::net::{IpAddr, Ipv6Addr};

use infield_domain::network::DomainName;

use crate::refusal::Refusal;

/// Bytes of a head at most.
const MOST: usize = 16 << 10;

const ENDED: &[u8] = b"\r\n\r\n";

/// Where a connection is to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A name.
    Name(DomainName),
    /// An address.
    Address(IpAddr),
}

/// How a client asks for its connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// By its destination alone: it knows of nobody between.
    Steered,
    /// By requests of HTTP, the first of which is for this host.
    Request(String),
    /// By CONNECT.
    Tunnel,
    /// By SOCKS 5.
    Socks,
}

/// What a client asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) place: Place,
    pub(crate) port: u16,
    pub(crate) manner: Manner,
    /// Bytes that were for the proxy alone.
    pub(crate) taken: usize,
}

/// What first bytes are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// A head of HTTP.
    Wanted(Wanted),
    /// The first word of SOCKS, of so many bytes. It is answered with [`socks::WELCOME`].
    Greeting(usize),
    /// Nothing that is served, for this reason.
    Wrong(&'static str),
}

/// Reads first bytes; none where more are needed. More of them never change what was said once.
pub(crate) fn look(bytes: &[u8]) -> Option<Said> {
    match bytes.first()? {
        5 => socks::greeting(bytes),
        byte if byte.is_ascii_alphabetic() => {
            http(bytes).map(|wanted| wanted.map_or_else(Said::Wrong, Said::Wanted))
        }
        _ => Some(Said::Wrong("it speaks neither HTTP nor SOCKS 5 to the proxy")),
    }
}

type Read<T> = Result<T, &'static str>;

fn http(bytes: &[u8]) -> Option<Read<Wanted>> {
    let head = bytes.get(..MOST).unwrap_or(bytes);
    let is_cut = bytes.len() >= MOST;
    let Some(end) = head.iter().position(|byte| *byte == b'\n') else {
        return is_cut.then_some(Err("the first line of its request is too long"));
    };
    let [method, target] = match words(head.get(..end).unwrap_or_default()) {
        Ok(words) => words,
        Err(why) => return Some(Err(why)),
    };
    if !method.eq_ignore_ascii_case("CONNECT") {
        return Some(absolute(target));
    }
    let (place, port) = match authority(target, None) {
        Ok(found) => found,
        Err(why) => return Some(Err(why)),
    };
    // Its head is for us alone. What it says besides its target changes nothing.
    let Some(length) = head.windows(ENDED.len()).position(|part| part == ENDED) else {
        return is_cut.then_some(Err("the head of its request is too long"));
    };
    Some(Ok(Wanted { place, port, manner: Manner::Tunnel, taken: length + ENDED.len() }))
}

/// The method and the target of a first line. It is written in one way only.
fn words(line: &[u8]) -> Read<[&str; 2]> {
    let wrong = "its request is malformed";
    let line = line.strip_suffix(b"\r").ok_or(wrong)?;
    let line = std::str::from_utf8(line).map_err(|_| wrong)?;
    if !line.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) {
        return Err(wrong);
    }
    let mut words = line.split(' ');
    match (words.next(), words.next(), words.next(), words.next()) {
        (Some(method), Some(target), Some("HTTP/1.1" | "HTTP/1.0"), None) => Ok([method, target]),
        _ => Err(wrong),
    }
}

/// What a request of plain HTTP is for. It goes on as it came.
fn absolute(target: &str) -> Read<Wanted> {
    let scheme = target.get(..7).unwrap_or_default();
    if !scheme.eq_ignore_ascii_case("http://") {
        return Err(match target.starts_with('/') {
            true => "this is a proxy, and its request names no host; see the variable `http_proxy`",
            false => "its request is for no `http://`; anything else goes by CONNECT",
        });
    }
    let rest = target.get(7..).unwrap_or_default();
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let text = rest.get(..end).unwrap_or_default();
    let (place, port) = authority(text, Some(80))?;
    let host = text.strip_suffix(&format!(":{port}")).unwrap_or(text);
    let host = host.strip_suffix(':').unwrap_or(host).to_owned();
    Ok(Wanted { place, port, manner: Manner::Request(host), taken: 0 })
}

/// A host with a port, or with that which goes without saying.
fn authority(text: &str, standard: Option<u16>) -> Read<(Place, u16)> {
    let wrong = "its request names no host and port that could be read";
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']').ok_or(wrong)?;
            let address: Ipv6Addr = host.parse().map_err(|_| wrong)?;
            (Place::Address(IpAddr::V6(address)), rest)
        }
        None => {
            let end = text.find(':').unwrap_or(text.len());
            let (host, rest) = text.split_at(end);
            (place(host).ok_or(wrong)?, rest)
        }
    };
    let port = match (port.strip_prefix(':'), standard) {
        (Some(""), Some(standard)) => standard,
        (Some(digits), _) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            digits.parse().map_err(|_| wrong)?
        }
        (None, Some(standard)) if port.is_empty() => standard,
        _ => return Err(wrong),
    };
    if port == 0 { Err(wrong) } else { Ok((host, port)) }
}

/// A name, or an address of version 4. A name never reads as an address.
fn place(host: &str) -> Option<Place> {
    let address = host.parse().ok().map(|four| Place::Address(IpAddr::V4(four)));
    address.or_else(|| host.parse().ok().map(Place::Name))
}

impl Manner {
    /// What a client hears when its connection is made.
    pub(crate) fn granted(&self) -> &'static [u8] {
        match self {
            Self::Steered | Self::Request(_) => b"",
            Self::Tunnel => b"HTTP/1.1 200 Connection established\r\n\r\n",
            Self::Socks => socks::GRANTED,
        }
    }

    /// What it hears when its connection may not be.
    pub(crate) fn refused(&self, refusal: &Refusal) -> Vec<u8> {
        match self {
            Self::Steered => Vec::new(),
            Self::Request(_) | Self::Tunnel => answer(403, &refusal.to_string()),
            Self::Socks => socks::REFUSED.to_vec(),
        }
    }

    /// What it hears when nobody is reached.
    pub(crate) fn unreachable(&self, text: &str) -> Vec<u8> {
        match self {
            Self::Steered => Vec::new(),
            Self::Request(_) | Self::Tunnel => answer(502, text),
            Self::Socks => socks::UNREACHABLE.to_vec(),
        }
    }
}

/// What a client hears that was not understood.
pub(crate) fn complaint(first: &[u8], why: &str) -> Vec<u8> {
    match first.first() {
        Some(byte) if byte.is_ascii_alphabetic() => answer(400, &format!("infield: {why}")),
        Some(5) => socks::NO_METHOD.to_vec(),
        _ => Vec::new(),
    }
}

/// An answer of HTTP. Many clients show nothing but its first line, so that has the sentence, too.
fn answer(status: u16, text: &str) -> Vec<u8> {
    let plain =
        |letter: char| if letter == ' ' || letter.is_ascii_graphic() { letter } else { '?' };
    let phrase: String = text.chars().map(plain).collect();
    let length = text.len() + 1;
    let mut answer = format!("HTTP/1.1 {status} {phrase}\r\n");
    answer.push_str("Content-Type: text/plain; charset=utf-8\r\n");
    answer.push_str(&format!("Content-Length: {length}\r\nConnection: close\r\n\r\n{text}\n"));
    answer.into_bytes()
}

#[cfg(test)]
mod tests;
