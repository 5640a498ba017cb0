//! What a TLS client says first: is it for that name?
//!
//! Reads no more than the ClientHello (RFC 8446, 4.1.2) in its records, and is stricter than any
//! server: what two readers could understand differently is refused.

use std::ops::RangeInclusive;

/// Bytes of a ClientHello at most, with the headers of its records.
pub(super) const MOST: usize = 16 << 10;

/// Bytes of records without meaning between two hellos at most.
const MOST_PASSED: usize = 256;

const HANDSHAKE: u8 = 0x16;
const CHANGE_CIPHER_SPEC: u8 = 0x14;
const ALERT: u8 = 0x15;
const CLIENT_HELLO: u8 = 1;
const SERVER_NAME: u16 = 0;
const EARLY_DATA: u16 = 42;
/// RFC 9849, and the drafts before it that counted up to this number.
const ENCRYPTED_CLIENT_HELLO: RangeInclusive<u16> = 0xfe08..=0xfe0d;
/// Earlier drafts (draft-ietf-tls-esni-01 to 07), which some servers still understand.
const ENCRYPTED_NAME: [u16; 2] = [0xffce, 0xff02];
const HOST_NAME: u8 = 0;

/// Why a hello is refused that does not say its name in the clear.
pub(super) const HIDDEN: &str = "it hides its host (encrypted client hello)";
const BROKEN: &str = "its TLS hello is malformed";

/// What the first bytes of a client are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hello<'a> {
    /// Too few to say.
    More,
    /// No TLS.
    Other,
    /// TLS, and refused.
    Refused(&'static str),
    /// A sound ClientHello without any of what hides a name. The name is as it was sent.
    Sound(&'a [u8]),
}

/// Whether first bytes are those of a TLS record, or of an SSL 2 hello.
fn is_tls(bytes: &[u8]) -> bool {
    match bytes {
        // Servers drop warnings that come before the hello, so each type of record counts, and
        // some look at half of the version alone.
        [0x14..=0x18, version, ..] => *version < 0x10,
        _ => is_old(bytes),
    }
}

/// Whether it is an SSL 2 hello, which some servers take for one of TLS (RFC 5246, E.2).
fn is_old(bytes: &[u8]) -> bool {
    matches!(
        bytes,
        [0x80..=0xff, _, CLIENT_HELLO, 3, ..] | [0x80..=0xff, _, CLIENT_HELLO, 0, 2, ..]
    )
}

/// Looks at the first bytes of a client. More of them never change what was said once, except
/// for [`Hello::More`]. `hello` is lent for the ClientHello when it came in pieces.
pub(super) fn look<'a>(bytes: &'a [u8], hello: &'a mut Vec<u8>) -> Hello<'a> {
    match bytes {
        [] | [0x14..=0x18] => return Hello::More,
        [0x80..=0xff] | [0x80..=0xff, _] | [0x80..=0xff, _, CLIENT_HELLO] => return Hello::More,
        [0x80..=0xff, _, CLIENT_HELLO, 0] => return Hello::More,
        _ if is_old(bytes) => return Hello::Refused("it begins with an SSL 2 hello"),
        [HANDSHAKE, 3, ..] => {}
        _ if is_tls(bytes) => return Hello::Refused("it begins with no TLS hello"),
        _ => return Hello::Other,
    }
    match gather(bytes, hello) {
        Gathered::More => Hello::More,
        Gathered::Refused(why) => Hello::Refused(why),
        Gathered::Whole(_) => server_name(hello).unwrap_or_else(Hello::Refused),
    }
}

/// Looks at what follows a sound hello. A server may ask for a second one, and some go by the
/// name in that (RFC 8446, 4.1.2): so it is held to the same. [`Hello::Other`] when there is none.
pub(super) fn look_again<'a>(bytes: &[u8], hello: &'a mut Vec<u8>) -> Hello<'a> {
    let mut rest = bytes.get(end(bytes)..).unwrap_or_default();
    let mut passed = 0;
    let kind = loop {
        let Some((&[kind, _, _, high, low], after)) = rest.split_first_chunk::<5>() else {
            return Hello::More;
        };
        let length = usize::from(u16::from_be_bytes([high, low]));
        match kind {
            _ if length == 0 => return Hello::Refused("it sends empty records"),
            CHANGE_CIPHER_SPEC | ALERT if length > MOST_PASSED || passed > MOST_PASSED => {
                return Hello::Refused("it says too much before it goes on");
            }
            // Servers pass over these (RFC 8446, 5 and D.4).
            CHANGE_CIPHER_SPEC | ALERT => {
                passed += 5 + length;
                rest = after.get(length..).unwrap_or_default();
            }
            HANDSHAKE => break after.first(),
            _ => return Hello::Other,
        }
    };
    match kind {
        None => Hello::More,
        Some(&CLIENT_HELLO) => match gather(rest, hello) {
            Gathered::More => Hello::More,
            Gathered::Whole(_) => match server_name(hello) {
                // It may be encrypted, and look like this by chance. No server takes it.
                Err(BROKEN) => Hello::Other,
                Err(why) => Hello::Refused(why),
                Ok(sound) => sound,
            },
            Gathered::Refused(_) => Hello::Other,
        },
        Some(_) => Hello::Other,
    }
}

/// Where the first hello ends.
pub(super) fn end(bytes: &[u8]) -> usize {
    match gather(bytes, &mut Vec::new()) {
        Gathered::Whole(end) => end,
        Gathered::More | Gathered::Refused(_) => bytes.len(),
    }
}

enum Gathered {
    More,
    Refused(&'static str),
    /// It ends after so many bytes.
    Whole(usize),
}

/// Gathers the body of the first handshake message from its records.
fn gather(mut bytes: &[u8], hello: &mut Vec<u8>) -> Gathered {
    hello.clear();
    let mut used = 0;
    loop {
        let Some((&[kind, major, _, high, low], rest)) = bytes.split_first_chunk::<5>() else {
            return Gathered::More;
        };
        let length = usize::from(u16::from_be_bytes([high, low]));
        used += 5 + length;
        if kind != HANDSHAKE || major != 3 || length == 0 {
            return Gathered::Refused("its TLS hello is broken up by something else");
        }
        if used > MOST {
            return Gathered::Refused("its TLS hello is too long");
        }
        // The type is checked with the first byte, so that nobody waits for what is no hello.
        hello.extend_from_slice(rest.get(..length).unwrap_or(rest));
        if hello.first().is_some_and(|kind| *kind != CLIENT_HELLO) {
            return Gathered::Refused("it begins with no TLS hello");
        }
        if let Some(&[_, high, middle, low]) = hello.first_chunk::<4>() {
            let body = usize::try_from(u32::from_be_bytes([0, high, middle, low]));
            let whole = body.unwrap_or(usize::MAX).saturating_add(4);
            if whole > MOST {
                return Gathered::Refused("its TLS hello is too long");
            }
            if rest.len() >= length && hello.len() > whole {
                return Gathered::Refused("its TLS hello is not alone in its record");
            }
            if rest.len() >= length && hello.len() == whole {
                hello.drain(..4);
                return Gathered::Whole(used);
            }
        }
        let Some(next) = rest.get(length..) else { return Gathered::More };
        bytes = next;
    }
}

/// Takes a hello apart and finds the one name in it.
fn server_name(hello: &[u8]) -> Result<Hello<'_>, &'static str> {
    let mut hello = Reader(hello);
    hello.take(2 + 32).ok_or(BROKEN)?;
    hello.vector::<1>().filter(|session| session.len() <= 32).ok_or(BROKEN)?;
    hello.vector::<2>().filter(|suites| suites.len() % 2 == 0).ok_or(BROKEN)?;
    hello.vector::<1>().ok_or(BROKEN)?;
    let mut extensions = Reader(hello.vector::<2>().ok_or("it names no host (no SNI)")?);
    if !hello.0.is_empty() {
        return Err(BROKEN);
    }
    let mut name = None;
    while !extensions.0.is_empty() {
        let kind = extensions.number().ok_or(BROKEN)?;
        let body = extensions.vector::<2>().ok_or(BROKEN)?;
        match kind {
            SERVER_NAME if name.is_some() => return Err("it names its host twice"),
            SERVER_NAME => name = Some(only_host(body)?),
            // With it, any number of records may come before a second hello.
            EARLY_DATA => return Err("it sends before its server answered (early data)"),
            _ if ENCRYPTED_CLIENT_HELLO.contains(&kind) || ENCRYPTED_NAME.contains(&kind) => {
                return Err(HIDDEN);
            }
            _ => {}
        }
    }
    name.map(Hello::Sound).ok_or("it names no host (no SNI)")
}

/// The one name of a server_name extension (RFC 6066, 3).
fn only_host(extension: &[u8]) -> Result<&[u8], &'static str> {
    let mut outer = Reader(extension);
    let mut list = Reader(outer.vector::<2>().ok_or("its SNI is malformed")?);
    let kind = list.take(1).ok_or("its SNI is malformed")?;
    let name = list.vector::<2>().ok_or("its SNI is malformed")?;
    let is_alone = list.0.is_empty() && outer.0.is_empty() && kind == [HOST_NAME];
    if is_alone && !name.is_empty() { Ok(name) } else { Err("its SNI is not one host") }
}

/// The rest of what is read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u16> {
        let (bytes, rest) = self.0.split_first_chunk::<2>()?;
        self.0 = rest;
        Some(u16::from_be_bytes(*bytes))
    }

    /// A vector whose length is in its first `WIDTH` bytes.
    fn vector<const WIDTH: usize>(&mut self) -> Option<&'a [u8]> {
        let length = self.take(WIDTH)?;
        self.take(length.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)))
    }
}
