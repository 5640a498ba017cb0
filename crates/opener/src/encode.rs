//! The forms in which a text occurs in requests and answers.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

/// Bytes of a form that is looked for at least: a shorter one is anywhere by chance.
const LEAST: usize = 8;

/// Bytes that are wiped when they go.
pub(crate) type Bytes = Zeroizing<Vec<u8>>;

/// As it is in an address or a form: what is not unreserved is escaped (RFC 3986, 2.3).
pub(crate) fn percent(text: &[u8]) -> Bytes {
    escaped(text, b"0123456789ABCDEF")
}

fn escaped(text: &[u8], digits: &[u8; 16]) -> Bytes {
    let mut out = Vec::with_capacity(3 * text.len());
    for &byte in text {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(byte);
        } else {
            out.push(b'%');
            out.extend_from_slice(&hex_of(byte, digits));
        }
    }
    Zeroizing::new(out)
}

fn hex_of(byte: u8, digits: &[u8; 16]) -> [u8; 2] {
    [digits[usize::from(byte >> 4)], digits[usize::from(byte & 15)]]
}

/// As it is in a string of JSON (RFC 8259, 7).
pub(crate) fn json(text: &[u8]) -> Bytes {
    let mut out = Vec::with_capacity(6 * text.len());
    for &byte in text {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0..0x20 => {
                out.extend_from_slice(b"\\u00");
                out.extend_from_slice(&hex_of(byte, b"0123456789abcdef"));
            }
            _ => out.push(byte),
        }
    }
    Zeroizing::new(out)
}

/// Every form in which an answer may show a text: as it is, escaped once or twice, in base64 after
/// that, in hexadecimal digits.
pub(crate) fn all(text: &[u8]) -> Vec<Bytes> {
    let hex = |digits| text.iter().flat_map(|&byte| hex_of(byte, digits)).collect::<Vec<u8>>();
    let mut forms: Vec<Bytes> =
        [b"0123456789abcdef", b"0123456789ABCDEF"].map(|digits| Zeroizing::new(hex(digits))).into();
    let once = escapes(text);
    for form in &once {
        forms.extend(escapes(form));
        for before in 0..3 {
            forms.extend(base64_after(before, form));
        }
    }
    forms.extend(once);
    forms.retain(|form| form.len() >= LEAST);
    forms.sort_by(|one, other| one.as_slice().cmp(other));
    forms.dedup();
    forms
}

/// A text as it is, and escaped in each way.
fn escapes(text: &[u8]) -> Vec<Bytes> {
    let mut form = percent(text).to_vec();
    while let Some(at) = form.windows(3).position(|part| part == b"%20") {
        form.splice(at..at + 3, [b'+']);
    }
    let mut forms = vec![
        Zeroizing::new(text.to_vec()),
        percent(text),
        escaped(text, b"0123456789abcdef"),
        Zeroizing::new(form),
        json(text),
        // Some escape the slash, too (RFC 8259, 7).
        slashed(&json(text)),
    ];
    forms.sort_by(|one, other| one.as_slice().cmp(other));
    forms.dedup();
    forms
}

fn slashed(text: &[u8]) -> Bytes {
    let escape = |&byte: &u8| if byte == b'/' { vec![b'\\', b'/'] } else { vec![byte] };
    Zeroizing::new(text.iter().flat_map(escape).collect())
}

/// The letters of base64 (RFC 4648, 4 and 5) that come of this text alone when so many bytes stand
/// before it: a letter has six bits, and those at both ends may be shared with what is beside.
fn base64_after(before: usize, text: &[u8]) -> [Bytes; 2] {
    let mut padded = Zeroizing::new(vec![0; before]);
    padded.extend_from_slice(text);
    let first = if before == 0 { 0 } else { before + 1 };
    let shared = usize::from(!padded.len().is_multiple_of(3));
    [STANDARD_NO_PAD, URL_SAFE_NO_PAD].map(|engine| {
        let letters = Zeroizing::new(engine.encode(&*padded));
        let own = letters.get(first..letters.len() - shared).unwrap_or_default();
        Zeroizing::new(own.as_bytes().to_vec())
    })
}

#[cfg(test)]
mod tests;
