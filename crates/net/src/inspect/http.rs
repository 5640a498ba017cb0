//! Whether a client's first bytes could be a request of HTTP/1.

/// Bytes of each part of a first line that are looked at. Nobody else has lines of that length.
const MOST: usize = 8 << 10;
/// Methods that no other protocol begins with.
const METHODS: &[&[u8]] = &[
    b"GET",
    b"HEAD",
    b"POST",
    b"PUT",
    b"DELETE",
    b"CONNECT",
    b"OPTIONS",
    b"TRACE",
    b"PATCH",
    b"PRI",
    b"PROPFIND",
];

/// What the first bytes of a client are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// Too few to say.
    More,
    /// What a server of HTTP would try to read as a request.
    Request,
    /// Anything else.
    Other,
}

/// Looks at first bytes. More of them never change what was said once, except for
/// [`Line::More`].
pub(super) fn look(bytes: &[u8]) -> Line {
    // Servers pass over empty lines before a request (RFC 9112, 2.2).
    let blank = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    if blank > MOST {
        return Line::Request;
    }
    let line = bytes.get(blank..).unwrap_or_default();
    let word = line.iter().take_while(|byte| is_token(**byte)).count();
    let (method, rest) = line.split_at(word);
    match rest.first() {
        _ if word > MOST => Line::Request,
        None => Line::More,
        Some(b' ' | b'\t') if METHODS.iter().any(|known| method.eq_ignore_ascii_case(known)) => {
            Line::Request
        }
        Some(b' ' | b'\t') if word > 0 => by_target(rest),
        Some(_) => Line::Other,
    }
}

/// Decides by what follows a word that could be a method: a request's line says `HTTP/`.
fn by_target(rest: &[u8]) -> Line {
    let blank = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let target = rest.get(blank..).unwrap_or_default();
    match target.first() {
        _ if blank > MOST => return Line::Request,
        None => return Line::More,
        Some(b'/' | b'*' | b'h' | b'H') => {}
        Some(_) => return Line::Other,
    }
    let ends = |byte: &u8| byte.is_ascii_control() && *byte != b'\t';
    let end = target.iter().take(MOST).position(ends);
    let line = target.get(..end.unwrap_or(target.len()).min(MOST)).unwrap_or(target);
    if line.windows(5).any(|part| part.eq_ignore_ascii_case(b"HTTP/")) {
        return Line::Request;
    }
    match end {
        Some(_) => Line::Other,
        None if target.len() >= MOST => Line::Request,
        None => Line::More,
    }
}

/// Whether a byte may be a part of a method (RFC 9110, 5.6.2).
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
