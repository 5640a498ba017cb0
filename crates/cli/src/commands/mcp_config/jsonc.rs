//! Puts one value into a JSON text with comments, and leaves every other byte as it is.
//!
//! Understands what editors write: `//` and `/* */` comments and commas at the end. Everything is
//! checked before anything changes; nothing is ever taken out but the value that is replaced.

use serde_json::Value;

/// How deep a text may be nested.
const DEPTH: usize = 64;

/// Spaces for each level of what is put in.
const INDENT: usize = 2;

/// The text with `value` at `path`; objects on the way are made when they are missing.
pub(super) fn put(text: &str, path: &[&str], value: &Value) -> Result<String, String> {
    let root = Scan::whole(text)?;
    let start = root.value(0, DEPTH)?;
    descend(&root, start, path, value, 0)
}

fn descend(
    scan: &Scan<'_>,
    at: Span,
    path: &[&str],
    value: &Value,
    level: usize,
) -> Result<String, String> {
    let text = scan.text;
    let Some((name, rest)) = path.split_first() else {
        let shown = pretty(value, level);
        return Ok(format!("{}{shown}{}", &text[..at.start], &text[at.end..]));
    };
    let members = scan.members(at)?;
    let mut same = members.iter().filter(|member| member.name == *name);
    match (same.next(), same.next()) {
        (Some(_), Some(_)) => Err(format!("it has `{name}` twice")),
        (Some(member), None) => descend(scan, member.value, rest, value, level + 1),
        (None, _) => {
            let nested = rest.iter().rev().fold(value.clone(), |inner, name| {
                Value::Object([((*name).to_owned(), inner)].into_iter().collect())
            });
            let key = Value::String((*name).to_owned());
            let pad = " ".repeat(INDENT * (level + 1));
            let shown = pretty(&nested, level + 1);
            // In front of the first member: a comma or a comment after the last one needs no care.
            let after = match members.is_empty() {
                true if text[at.start + 1..at.end - 1].trim().is_empty() => {
                    let close = " ".repeat(INDENT * level);
                    return Ok(format!(
                        "{}{{\n{pad}{key}: {shown}\n{close}}}{}",
                        &text[..at.start],
                        &text[at.end..]
                    ));
                }
                true => "",
                false => ",",
            };
            let (before, behind) = text.split_at(at.start + 1);
            Ok(format!("{before}\n{pad}{key}: {shown}{after}{behind}"))
        }
    }
}

fn pretty(value: &Value, level: usize) -> String {
    let pad = " ".repeat(INDENT * level);
    format!("{value:#}").replace('\n', &format!("\n{pad}"))
}

#[derive(Clone, Copy)]
struct Span {
    start: usize,
    end: usize,
}

struct Member {
    name: String,
    value: Span,
}

struct Scan<'a> {
    text: &'a str,
}

impl<'a> Scan<'a> {
    /// A text that holds one value, and nothing but space and comments around it.
    fn whole(text: &'a str) -> Result<Self, String> {
        let scan = Self { text };
        let value = scan.value(0, DEPTH)?;
        match scan.skip(value.end)? {
            end if end == text.len() => Ok(scan),
            rest => Err(scan.wrong("there is more after the end", rest)),
        }
    }

    /// The value that begins at or after `at`.
    fn value(&self, at: usize, depth: usize) -> Result<Span, String> {
        let start = self.skip(at)?;
        let end = match self.byte(start) {
            Some(b'{' | b'[') => self.container(start, depth)?.1,
            Some(b'"') => self.string(start)?,
            Some(_) => self.word(start)?,
            None => return Err(self.wrong("a value is missing", start)),
        };
        Ok(Span { start, end })
    }

    /// The members of the object at `at`.
    fn members(&self, at: Span) -> Result<Vec<Member>, String> {
        if self.byte(at.start) != Some(b'{') {
            return Err(self.wrong("an object was expected", at.start));
        }
        Ok(self.container(at.start, DEPTH)?.0)
    }

    /// An object or an array: its members (an array's have no name), and where it ends.
    fn container(&self, start: usize, depth: usize) -> Result<(Vec<Member>, usize), String> {
        let depth = depth.checked_sub(1).ok_or_else(|| self.wrong("it is too deep", start))?;
        let is_object = self.byte(start) == Some(b'{');
        let close = if is_object { b'}' } else { b']' };
        let mut members = Vec::new();
        let mut at = self.skip(start + 1)?;
        while self.byte(at) != Some(close) {
            let mut name = String::new();
            if is_object {
                let end = self.string(at)?;
                name = serde_json::from_str(&self.text[at..end])
                    .map_err(|_| self.wrong("a name is malformed", at))?;
                at = self.skip(end)?;
                if self.byte(at) != Some(b':') {
                    return Err(self.wrong("a colon is missing", at));
                }
                at += 1;
            }
            let value = self.value(at, depth)?;
            members.push(Member { name, value });
            at = self.skip(value.end)?;
            match self.byte(at) {
                Some(b',') => at = self.skip(at + 1)?,
                Some(byte) if byte == close => {}
                _ => return Err(self.wrong("a comma is missing", at)),
            }
        }
        Ok((members, at + 1))
    }

    /// Where the string that begins at `start` ends.
    fn string(&self, start: usize) -> Result<usize, String> {
        if self.byte(start) != Some(b'"') {
            return Err(self.wrong("a name in quotes was expected", start));
        }
        let mut at = start + 1;
        loop {
            match self.byte(at) {
                Some(b'"') => return Ok(at + 1),
                Some(b'\\') => at += 2,
                Some(b'\n') | None => return Err(self.wrong("a string has no end", start)),
                Some(_) => at += 1,
            }
        }
    }

    /// Where the number, `true`, `false` or `null` that begins at `start` ends.
    fn word(&self, start: usize) -> Result<usize, String> {
        let rest = &self.text.as_bytes()[start..];
        let letters = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
        let length = rest.iter().take_while(|byte| letters(byte)).count();
        let word = &self.text[start..start + length];
        match serde_json::from_str::<Value>(word) {
            Ok(_) => Ok(start + length),
            Err(_) => Err(self.wrong("it is no value", start)),
        }
    }

    /// The next place that is neither space nor comment. A byte order mark counts as space.
    fn skip(&self, mut at: usize) -> Result<usize, String> {
        loop {
            let rest = self.text.get(at..).unwrap_or_default();
            if let Some(space) =
                rest.chars().next().filter(|c| c.is_whitespace() || *c == '\u{feff}')
            {
                at += space.len_utf8();
            } else if rest.starts_with("//") {
                at += rest.find('\n').unwrap_or(rest.len());
            } else if rest.starts_with("/*") {
                let end = rest.find("*/").ok_or_else(|| self.wrong("a comment has no end", at))?;
                at += end + 2;
            } else {
                return Ok(at);
            }
        }
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.text.as_bytes().get(at).copied()
    }

    fn wrong(&self, what: &str, at: usize) -> String {
        let before = self.text.get(..at).unwrap_or(self.text);
        format!("line {}: {what}", before.matches('\n').count() + 1)
    }
}
