//! What stands in front of a member: pax records and GNU's long names.

/// What was said about the next member.
#[derive(Debug, Default)]
pub(super) struct Extension {
    pub(super) name: Option<Vec<u8>>,
    pub(super) link: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
    pub(super) user: Option<u64>,
    pub(super) group: Option<u64>,
    pub(super) modified: Option<i64>,
    pub(super) attributes: Vec<(Vec<u8>, Vec<u8>)>,
    /// GNU's records about sparse files.
    pub(super) sparse: SparseRecords,
    any: bool,
}

/// GNU's records about sparse files, in the three forms that there are.
#[derive(Debug, Default)]
pub(super) struct SparseRecords {
    /// 1.0: the map stands in front of the content.
    pub(super) has_map_in_content: bool,
    /// 0.1: the map is a record.
    pub(super) map: Option<Vec<u8>>,
    /// 0.0: each part is a record; no archiver has made it for many years.
    pub(super) is_oldest: bool,
    pub(super) real_size: Option<u64>,
    has_name: bool,
}

impl Extension {
    pub(super) fn is_empty(&self) -> bool {
        !self.any && self.name.is_none() && self.link.is_none()
    }

    /// Reads records `LENGTH KEY=VALUE\n`; later ones win.
    pub(super) fn read_records(&mut self, mut bytes: &[u8]) -> Result<(), &'static str> {
        self.any = true;
        while !bytes.is_empty() {
            let (key, value, rest) = record(bytes).ok_or("its pax records are broken")?;
            self.read_record(key, value)?;
            bytes = rest;
        }
        Ok(())
    }

    fn read_record(&mut self, key: &[u8], value: &[u8]) -> Result<(), &'static str> {
        const NUMBER: &str = "a number in its pax records is none";
        match key {
            // Beside the record for the real name, `path` has one made up for old unpackers.
            b"path" if self.sparse.has_name => {}
            b"path" => self.name = Some(value.to_vec()),
            b"GNU.sparse.name" => {
                self.name = Some(value.to_vec());
                self.sparse.has_name = true;
            }
            b"linkpath" => self.link = Some(value.to_vec()),
            b"size" => self.size = Some(number(value).ok_or(NUMBER)?),
            b"uid" => self.user = Some(number(value).ok_or(NUMBER)?),
            b"gid" => self.group = Some(number(value).ok_or(NUMBER)?),
            b"mtime" => self.modified = Some(seconds(value).ok_or(NUMBER)?),
            b"GNU.sparse.major" => self.sparse.has_map_in_content = value == b"1",
            b"GNU.sparse.map" => self.sparse.map = Some(value.to_vec()),
            b"GNU.sparse.offset" | b"GNU.sparse.numbytes" => self.sparse.is_oldest = true,
            b"GNU.sparse.realsize" | b"GNU.sparse.size" => {
                self.sparse.real_size = Some(number(value).ok_or(NUMBER)?);
            }
            _ => {
                if let Some(name) = key.strip_prefix(b"SCHILY.xattr.") {
                    self.attributes.push((name.to_vec(), value.to_vec()));
                }
            }
        }
        Ok(())
    }
}

/// Splits off the first record: key, value and what comes behind.
fn record(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = bytes.iter().take(20).position(|byte| *byte == b' ')?;
    let length = usize::try_from(number(&bytes[..space])?).ok()?;
    let record = bytes.get(space + 1..length)?;
    let record = record.strip_suffix(b"\n")?;
    let equals = record.iter().position(|byte| *byte == b'=')?;
    Some((&record[..equals], &record[equals + 1..], &bytes[length..]))
}

/// A decimal number without sign.
pub(super) fn number(bytes: &[u8]) -> Option<u64> {
    if !bytes.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(bytes).ok()?.parse().ok()
}

/// The whole seconds of a time that may have a sign and a fraction.
fn seconds(bytes: &[u8]) -> Option<i64> {
    let whole = bytes.split(|byte| *byte == b'.').next()?;
    std::str::from_utf8(whole).ok()?.parse().ok()
}
