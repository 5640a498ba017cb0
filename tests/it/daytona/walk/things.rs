//! What an organization has, by the words that stand for it in the rows.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use infield_tests::Server;

use super::settled;
use crate::rest::client::Reply;

/// Values for the parts of a path that stand for nobody's thing.
const PLAIN: &[(&str, &str)] =
    &[("interval", "5"), ("ttlMinutes", "50"), ("isPublic", "false"), ("port", "3000")];

/// What the things of an organization are called. The word itself is in every one that has a name.
#[derive(Clone)]
pub(super) struct Things {
    key: Option<String>,
    word: String,
    values: BTreeMap<&'static str, String>,
}

impl Things {
    /// Those of a new organization, which has a key so far.
    pub(super) fn of(server: &Server, word: &str) -> Result<Self> {
        let team = format!("{word}-team");
        server.home.run(&["org", "create", &team])?;
        let key = server.key_with(&format!("{word}-key"), &["--org", &team])?;
        let named = [("organizationId", team.as_str()), ("mark", word)];
        let values = named.map(|(name, value)| (name, value.to_owned())).into();
        Ok(Self { key: Some(key), word: word.to_owned(), values })
    }

    /// A caller without a key.
    pub(super) fn nobody() -> Self {
        Self { key: None, word: String::new(), values: BTreeMap::new() }
    }

    /// Things like these that nobody has.
    pub(super) fn unknown(like: &Self) -> Self {
        let word: String = like.word.chars().rev().collect();
        let other = |value: &String| match value.split_once('-') {
            _ if value.contains(&like.word) => value.replace(&like.word, &word),
            Some((kind, rest)) => format!("{kind}-{}", turned(rest)),
            None => turned(value),
        };
        let values = like.values.iter().map(|(name, value)| (*name, other(value))).collect();
        Self { key: None, word, values }
    }

    /// The same, whose sandbox is asked for by its name.
    pub(super) fn named(&self) -> Self {
        let mut named = self.clone();
        named.values.insert("sandboxIdOrName", format!("{}-box", self.word));
        named
    }

    /// The same in the sandbox of another.
    pub(super) fn within(&self, other: &Self) -> Self {
        let mut within = self.clone();
        for name in ["sandboxId", "sandboxIdOrName"] {
            within.values.extend(other.values.get(name).map(|id| (name, id.clone())));
        }
        within
    }

    pub(super) fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// Keeps what an answer says, by the places where it says it.
    pub(super) fn keep(
        &mut self,
        places: &[(&'static str, &'static str)],
        reply: &Reply,
    ) -> Result<()> {
        for (pointer, name) in places {
            let body = reply.json();
            let value = body.pointer(pointer).and_then(|value| value.as_str());
            let value = value.with_context(|| format!("{body} has no text at `{pointer}`"))?;
            self.values.insert(name, value.to_owned());
        }
        Ok(())
    }

    /// A text with everything in braces replaced by what it stands for. What does not exist yet,
    /// because no route makes it, is called `none`.
    pub(super) fn fill(&self, text: &str) -> String {
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            filled.push_str(before);
            match after.split_once('}') {
                Some((name, after)) if !name.is_empty() && is_word(name) => {
                    let plain = PLAIN.iter().find(|(plain, _)| *plain == name);
                    let plain = plain.map(|(_, value)| *value);
                    let value = self.values.get(name).map(String::as_str).or(plain);
                    filled.push_str(value.unwrap_or("none"));
                    rest = after;
                }
                Some(_) | None => {
                    filled.push('{');
                    rest = after;
                }
            }
        }
        filled.push_str(rest);
        filled
    }

    /// The first of these things that an answer tells and that the request did not say itself.
    pub(super) fn is_told(&self, reply: &Reply, said: &str) -> Option<String> {
        let mut text = String::from_utf8_lossy(&reply.body).into_owned();
        for (_, value) in &reply.headers {
            text.push('\n');
            text.push_str(value);
        }
        // Longest first, because the word is part of the others.
        let marked = said.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '-');
        let mut marked: Vec<_> =
            marked.filter(|part| self.marks().any(|mark| part.contains(mark))).collect();
        marked.sort_by_key(|part| std::cmp::Reverse(part.len()));
        for part in marked {
            text = text.replace(part, "");
        }
        self.marks().find(|mark| text.contains(*mark)).map(str::to_owned)
    }

    /// What gives one of these things away: the word, and ids, which are longer than words.
    fn marks(&self) -> impl Iterator<Item = &str> {
        let ids = self.values.values().filter(|value| value.len() >= 12);
        ids.map(String::as_str).chain([self.word.as_str()])
    }

    /// An answer, without the values of these things in it.
    pub(super) fn forget(&self, reply: &Reply) -> String {
        let mut text = settled(reply);
        let mut values: Vec<_> = self.values.iter().collect();
        values.sort_by_key(|(_, value)| std::cmp::Reverse(value.len()));
        for (name, value) in values {
            text = text.replace(value.as_str(), &format!("({name})"));
        }
        text.replace(self.word.as_str(), "(mark)").replace("sandboxIdOrName", "sandboxId")
    }
}

/// Another text of the same kind.
fn turned(text: &str) -> String {
    let turn = |letter: char| match letter {
        'a'..='e' => char::from(letter as u8 + 1),
        'f' => 'a',
        '0'..='8' => char::from(letter as u8 + 1),
        '9' => '0',
        other => other,
    };
    text.chars().map(turn).collect()
}

fn is_word(name: &str) -> bool {
    name.chars().all(|letter| letter.is_ascii_alphabetic())
}
