//! Headers of a tar stream: ustar, with pax records for what does not fit.

#[cfg(test)]
mod tests;

use std::fmt::Write as _;

/// Bytes of a block; everything in an archive is a multiple of it.
pub(super) const BLOCK: usize = 512;

/// Bytes of a name that a ustar header has room for.
const NAME: usize = 100;

/// The largest size in eleven octal digits.
const OCTAL_SIZE: u64 = 0o777_7777_7777;

/// One member of an archive.
#[derive(Clone, Copy, Debug)]
pub(super) struct Member<'a> {
    /// Its path, for a folder with a slash at its end.
    pub(super) name: &'a [u8],
    /// What it is.
    pub(super) kind: Kind,
    /// Permission bits.
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    /// Bytes that follow.
    pub(super) size: u64,
    /// Last change, seconds since the epoch.
    pub(super) modified: i64,
    /// Where a link points.
    pub(super) target: &'a [u8],
}

/// Kinds of members, by their letters in the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    File = b'0' as isize,
    Symlink = b'2' as isize,
    Directory = b'5' as isize,
    Records = b'x' as isize,
}

/// Adds a member's headers.
pub(super) fn header(member: &Member<'_>, out: &mut Vec<u8>) {
    let mut records = Vec::new();
    if member.name.len() > NAME {
        record("path", member.name, &mut records);
    }
    if member.target.len() > NAME {
        record("linkpath", member.target, &mut records);
    }
    if member.size > OCTAL_SIZE {
        record("size", member.size.to_string().as_bytes(), &mut records);
    }
    if member.modified < 0 {
        record("mtime", member.modified.to_string().as_bytes(), &mut records);
    }
    if !records.is_empty() {
        let about = Member {
            name: b"pax/records",
            kind: Kind::Records,
            size: records.len() as u64,
            target: b"",
            mode: 0o644,
            modified: 0,
            ..*member
        };
        block(&about, out);
        out.extend_from_slice(&records);
        pad(records.len() as u64, out);
    }
    block(member, out);
}

/// Fills up to the next block after so many bytes.
pub(super) fn pad(length: u64, out: &mut Vec<u8>) {
    let over = usize::try_from(length % BLOCK as u64).unwrap_or(0);
    out.resize(out.len() + (BLOCK - over) % BLOCK, 0);
}

/// Ends an archive.
pub(super) fn end(out: &mut Vec<u8>) {
    out.resize(out.len() + 2 * BLOCK, 0);
}

/// `LENGTH KEY=VALUE\n`, where the length counts itself, pax(1).
fn record(key: &str, value: &[u8], out: &mut Vec<u8>) {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while rest + length.to_string().len() != length {
        length = rest + length.to_string().len();
    }
    out.extend_from_slice(format!("{length} {key}=").as_bytes());
    out.extend_from_slice(value);
    out.push(b'\n');
}

fn block(member: &Member<'_>, out: &mut Vec<u8>) {
    let mut header = [0; BLOCK];
    let mut put = |at: usize, bytes: &[u8]| header[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, &member.name[..member.name.len().min(NAME)]);
    put(100, &octal(u64::from(member.mode & 0o7777), 7));
    put(108, &octal(u64::from(member.uid), 7));
    put(116, &octal(u64::from(member.gid), 7));
    put(124, &octal(member.size.min(OCTAL_SIZE), 11));
    put(136, &octal(u64::try_from(member.modified).unwrap_or(0).min(OCTAL_SIZE), 11));
    put(148, b"        ");
    put(156, &[member.kind as u8]);
    put(157, &member.target[..member.target.len().min(NAME)]);
    put(257, b"ustar\x0000");
    let sum: u64 = header.iter().map(|byte| u64::from(*byte)).sum();
    header[148..155].copy_from_slice(&octal(sum, 6)[..7]);
    header[154] = 0;
    out.extend_from_slice(&header);
}

/// Octal digits and a zero byte. Ids above seven digits are cut: nobody restores owners.
fn octal(value: u64, digits: usize) -> Vec<u8> {
    let mut text = String::new();
    // Writing to a `String` cannot fail.
    let _written = write!(text, "{value:0digits$o}");
    let mut bytes = text.into_bytes();
    let over = bytes.len() - digits;
    bytes.drain(..over);
    bytes.push(0);
    bytes
}
