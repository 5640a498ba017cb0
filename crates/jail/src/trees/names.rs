//! Names as an archive gives them.

use std::ffi::CString;

use super::error::{Result, TreeError};

/// What the kernel takes at most.
const LONGEST_PART: usize = 255;
const LONGEST_NAME: usize = 4000;

/// A name that stays below the folder it is used in: only ordinary parts, none of them empty,
/// `.` or `..`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    parts: Vec<CString>,
    /// Whether it started with a slash, which was taken off.
    pub(crate) was_absolute: bool,
}

impl Name {
    /// Checks a name. A leading slash is taken off, as every unpacker does, because what archives
    /// mean by it is their own root; `..` is refused, because nothing honest has it.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self> {
        if bytes.len() > LONGEST_NAME {
            return Err(TreeError::refused(bytes, "its name is longer than 4000 bytes"));
        }
        let mut parts = Vec::new();
        for part in bytes.split(|byte| *byte == b'/') {
            match part {
                b"" | b"." => continue,
                b".." => return Err(TreeError::refused(bytes, "its name leads upwards with `..`")),
                _ if part.len() > LONGEST_PART => {
                    return Err(TreeError::refused(bytes, "a part of it is longer than 255 bytes"));
                }
                _ => {}
            }
            let part = CString::new(part)
                .map_err(|_| TreeError::refused(bytes, "its name has a zero byte"))?;
            parts.push(part);
        }
        Ok(Self { parts, was_absolute: bytes.first() == Some(&b'/') })
    }

    /// The last part; none for the top itself.
    pub(crate) fn last(&self) -> Option<&CString> {
        self.parts.last()
    }

    /// The folders above the last part.
    pub(crate) fn above(&self) -> &[CString] {
        &self.parts[..self.parts.len().saturating_sub(1)]
    }

    /// The same name with another first part.
    pub(crate) fn with_root(mut self, root: &CString) -> Self {
        if let Some(first) = self.parts.first_mut() {
            first.clone_from(root);
        }
        self
    }

    pub(crate) fn parts(&self) -> &[CString] {
        &self.parts
    }
}

/// Whether a link made `depth` folders below the top stays below the top, whatever other links
/// that stay are there. Upward steps are allowed only at its start, where they leave real
/// folders: behind the name of a link they would leave the folder that the link leads to.
pub(crate) fn link_stays(target: &[u8], depth: usize) -> bool {
    let mut climbed = 0;
    let mut descends = false;
    for part in target.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." if descends => return false,
            b".." => climbed += 1,
            _ => descends = true,
        }
    }
    target.first() != Some(&b'/') && climbed <= depth
}

/// Whether a link of an image climbs above the image's root by its words. Inside a sandbox it
/// would end at the root, and anywhere else at a place that the archive has no say about. An
/// absolute link starts at the root.
pub(crate) fn link_leaves_root(target: &[u8], depth: usize) -> bool {
    let mut depth = if target.first() == Some(&b'/') { 0 } else { depth };
    for part in target.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => match depth.checked_sub(1) {
                Some(above) => depth = above,
                None => return true,
            },
            _ => depth += 1,
        }
    }
    false
}

/// Puts parts together again.
pub(crate) fn join(parts: &[CString]) -> Vec<u8> {
    parts.iter().map(|part| part.to_bytes()).collect::<Vec<_>>().join(&b'/')
}

#[cfg(test)]
mod tests;
