//! Wire to domain and back, by plain functions. Everything is parsed here, once, into types that
//! cannot be wrong; errors name the field.

mod files;
mod keys;
mod ports;
mod running;
mod sandboxes;
mod secrets;
mod volumes;

use std::fmt::Display;
use std::str::FromStr;

use infield_domain::{Error, Result};
use infield_engine::{Page, Shown};

use crate::wire;

pub(crate) use files::{edit, git, git_answer, list, move_file, search, write};
pub(crate) use keys::{audit_query, create_key, key, key_made};
pub(crate) use ports::{link_preview, port, port_link};
pub(crate) use running::{
    Mode, Work, attach, execution_record, outcome, output, output_query, work,
};
pub(crate) use sandboxes::{
    ceilings, create_sandbox, deadlines, inspection, list_sandboxes, network, network_name, prune,
    pruned, sandbox,
};
pub(crate) use secrets::{secret, set_secret, wanted_secrets};
pub(crate) use volumes::{create_volume, volume, volume_inspection};

#[cfg(test)]
mod tests;

/// Items of a page when nobody says otherwise.
const PAGE_ITEMS: u32 = 100;

/// Parses a field; its error names the field.
fn parse<T>(field: &str, text: &str) -> Result<T>
where
    T: FromStr<Err = Error>,
{
    text.parse().map_err(|error| named(field, &error))
}

/// Parses a field that may be missing.
fn parse_some<T>(field: &str, text: Option<&String>) -> Result<Option<T>>
where
    T: FromStr<Err = Error>,
{
    text.map(|text| parse(field, text)).transpose()
}

/// The same error, naming the field.
fn named(field: &str, error: &Error) -> Error {
    let named = Error::new(error.kind(), format!("`{field}`: {}", error.message()));
    match error.hint() {
        Some(hint) => named.with_hint(hint),
        None => named,
    }
}

/// Refuses a word that is none of `known`.
fn unknown(field: &str, given: &str, known: &[impl Display]) -> Error {
    let known: Vec<String> = known.iter().map(ToString::to_string).collect();
    let shown = crate::hint::shown(given);
    Error::invalid(format!("`{field}`: there is no `{shown}`"))
        .with_hint(format!("use one of {}", known.join(", ")))
}

/// A page of converted items.
pub(crate) fn page<T, W>(page: Page<T>, convert: impl Fn(T) -> W) -> wire::Page<W> {
    wire::Page { items: page.items.into_iter().map(convert).collect(), next: page.next_cursor }
}

/// A list that has no second page.
pub(crate) fn whole<T, W>(items: Vec<T>, convert: impl Fn(T) -> W) -> wire::Page<W> {
    wire::Page { items: items.into_iter().map(convert).collect(), next: None }
}

fn shown(shown: Shown) -> wire::Shown {
    wire::Shown { text: shown.text, total_bytes: shown.total_bytes, truncated: shown.truncated }
}
