//! Scores the reading of plain language on a file of requests.
//!
//! One JSON object stands on each line: `id`, `text`, `context`, `tags`, and `expect` or
//! `clarify`. docs/intents.md says what counts as right.

mod judge;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use infield_domain::intent::{self, Scope, Understood};
use serde::Deserialize;
use serde_json::{Value, json};

/// What one request may take in a release build.
const LIMIT: Duration = Duration::from_millis(2);

#[derive(Deserialize)]
struct Line {
    id: String,
    text: String,
    #[serde(default)]
    context: Scope,
    expect: Option<Vec<Value>>,
    clarify: Option<String>,
    #[serde(default)]
    tags: Vec<String>,
}

/// Scores `file`, and writes one plan for each line to `plans`.
pub(crate) fn run(file: &Path, plans: Option<&Path>) -> Result<()> {
    let text =
        fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let (tally, written) = score(&text).with_context(|| format!("in {}", file.display()))?;
    if let Some(plans) = plans {
        fs::write(plans, written).with_context(|| format!("cannot write {}", plans.display()))?;
    }
    tally.report(file)
}

/// Reads every request, and gives what was read as lines of JSON, too.
fn score(text: &str) -> Result<(Tally, String)> {
    let mut tally = Tally::default();
    let mut written = String::new();
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let line: Line =
            serde_json::from_str(line).with_context(|| format!("line {}", number + 1))?;
        let began = Instant::now();
        let understood = intent::understand(&line.text, &line.context)?;
        tally.slowest = tally.slowest.max(began.elapsed());
        let answer = answer(&line.id, &understood);
        tally.count(&line, &understood, &answer);
        written.push_str(&answer.to_string());
        written.push('\n');
    }
    Ok((tally, written))
}

fn answer(id: &str, understood: &Understood) -> Value {
    match understood {
        Understood::Plan(steps) => json!({ "id": id, "plan": steps }),
        Understood::Ask(question) => {
            let said = format!("{}: {}", question.parameter, question.question);
            json!({ "id": id, "clarify": said })
        }
    }
}

#[derive(Default)]
struct Tally {
    right: usize,
    all: usize,
    clarify: (usize, usize),
    needless: usize,
    tags: BTreeMap<String, (usize, usize)>,
    slowest: Duration,
}

impl Tally {
    fn count(&mut self, line: &Line, understood: &Understood, answer: &Value) {
        let right = match (&line.expect, &line.clarify, understood) {
            (Some(expected), _, Understood::Plan(_)) => {
                judge::is_plan(expected, answer["plan"].as_array().map_or(&[], Vec::as_slice))
            }
            (_, Some(wanted), Understood::Ask(question)) => {
                judge::is_question(wanted, &question.parameter)
            }
            _ => false,
        };
        self.all += 1;
        self.right += usize::from(right);
        if line.clarify.is_some() {
            self.clarify.0 += usize::from(right);
            self.clarify.1 += 1;
        } else {
            self.needless += usize::from(matches!(understood, Understood::Ask(_)));
        }
        for tag in &line.tags {
            let its = self.tags.entry(tag.clone()).or_default();
            its.0 += usize::from(right);
            its.1 += 1;
        }
        if !right {
            println!(
                "wrong: {} {}\n       {answer}",
                line.id,
                line.text.replace('\n', "\n       ")
            );
        }
    }

    fn report(&self, file: &Path) -> Result<()> {
        for (tag, (right, all)) in &self.tags {
            println!("{tag:>14}  {right} of {all}");
        }
        let (asked, to_ask) = self.clarify;
        println!(
            "questions asked: {asked} of {to_ask}, and {} that were not needed",
            self.needless
        );
        println!("slowest request: {} µs", self.slowest.as_micros());
        println!("{}: {} of {} right", file.display(), self.right, self.all);
        if self.slowest > LIMIT && !cfg!(debug_assertions) {
            bail!("a request took longer than {} ms", LIMIT.as_millis());
        }
        if self.right < self.all {
            bail!("{} requests were not read right", self.all - self.right);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
