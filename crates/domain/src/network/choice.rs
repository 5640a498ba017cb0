//! What somebody asks for: a word, and rules besides.

use super::{MOST_RULES, Policy, Rule};
use crate::{Error, Result};

/// A network that was asked for. Nothing in it means the server's setting.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    base: Option<Policy>,
    rules: Vec<Rule>,
}

impl Choice {
    /// Reads what a user wrote: a word such as `limited`, and what to allow and to deny besides,
    /// such as `pypi.org:443`.
    pub fn parse(word: Option<&str>, allow: &[String], deny: &[String]) -> Result<Self> {
        let base = word.map(str::parse::<Policy>).transpose()?;
        let allow = allow.iter().map(|target| ("allow", target));
        let all = allow.chain(deny.iter().map(|target| ("deny", target)));
        let rules = all.map(|(effect, target)| format!("{effect} {target}").parse());
        Ok(Self { base, rules: rules.collect::<Result<_>>()? })
    }

    /// This policy and nothing besides.
    pub fn of(policy: Policy) -> Self {
        Self { base: Some(policy), rules: Vec::new() }
    }

    /// The policy that is meant: `standard` is the server's setting, `limited` its preset.
    pub fn settle(self, standard: &Policy, limited: &[Rule]) -> Result<Policy> {
        let base = self.base.unwrap_or_else(|| standard.clone());
        if self.rules.is_empty() {
            return Ok(base);
        }
        let mut rules = match base {
            Policy::None => Vec::new(),
            Policy::Limited => limited.to_vec(),
            Policy::Public => ["allow 0.0.0.0/0", "allow [::]/0"]
                .map(|rule| rule.parse().expect("every address is a block"))
                .to_vec(),
            Policy::Custom(rules) => rules,
        };
        rules.extend(self.rules);
        if rules.len() > MOST_RULES {
            return Err(Error::invalid(format!("a network has up to {MOST_RULES} rules"))
                .with_hint("use wildcards such as `*.example.org`, or larger blocks"));
        }
        Ok(Policy::Custom(rules))
    }
}

#[cfg(test)]
mod tests;
