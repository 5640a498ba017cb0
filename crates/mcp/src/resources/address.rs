//! Addresses of resources, written and read.

/// The template of a sandbox's address.
pub(super) const SANDBOX_TEMPLATE: &str = "sandbox://{sandbox_id}";

/// The template of a file's address.
pub(super) const FILE_TEMPLATE: &str = "sandbox://{sandbox_id}/{+path}";

const SCHEME: &str = "sandbox://";

/// What an address points at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Address {
    /// The list.
    All,
    /// A sandbox by id or name.
    Sandbox(String),
    /// An absolute path in a sandbox.
    File(String, String),
}

/// Reads an address.
pub(super) fn parse(uri: &str) -> Option<Address> {
    let rest = uri.strip_prefix(SCHEME)?;
    let (reference, path) = rest.split_once('/').unwrap_or((rest, ""));
    let reference = decode(reference)?;
    match (reference.is_empty(), path.is_empty()) {
        (true, true) => Some(Address::All),
        (true, false) => None,
        (false, true) if !rest.ends_with('/') => Some(Address::Sandbox(reference)),
        (false, _) => Some(Address::File(reference, format!("/{}", decode(path)?))),
    }
}

/// The address of a sandbox.
pub(super) fn sandbox_uri(reference: &str) -> String {
    format!("{SCHEME}{}", encode(reference))
}

/// The address of a file; `path` is absolute inside.
pub(crate) fn file_uri(reference: &str, path: &str) -> String {
    format!("{SCHEME}{}/{}", encode(reference), encode(path.trim_start_matches('/')))
}

/// Percent-encodes what is neither unreserved nor a slash, RFC 3986 section 2.
fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let high = char::from(rest.next()?).to_digit(16)?;
        let low = char::from(rest.next()?).to_digit(16)?;
        bytes.push(u8::try_from(high * 16 + low).ok()?);
    }
    String::from_utf8(bytes).ok()
}
