//! Which sandboxes to list, by the query of a client.

use std::collections::BTreeMap;

use infield_daytona::NumberedPage;
use infield_domain::lifecycle::State;
use infield_domain::{Error, Result};
use infield_engine::{FindSandboxes, ListSandboxes, Order, Sort, Span, Text};

use super::changes::Switch;
use super::{CLASS, GIB, REGION, words};

#[cfg(test)]
mod tests;

/// Items of a page when nobody says otherwise, and at most.
const PAGE_ITEMS: u32 = 100;
const MOST_ITEMS: u32 = 200;

/// How a client goes through a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Numbering {
    /// By what the page before said. Prefixes are looked for.
    Cursor,
    /// By counting. Parts of words are looked for.
    Pages,
}

/// What is read out of a query.
struct Reading {
    find: FindSandboxes,
    page: usize,
    numbering: Numbering,
    /// Whether it asks for what no sandbox here can be.
    is_empty: bool,
}

/// Which sandboxes to list, and which page if pages are counted; none when no sandbox here can
/// fit. What is not known is ignored.
pub(in super::super) fn find_sandboxes(
    query: &[(String, String)],
    numbering: Numbering,
) -> Result<Option<(FindSandboxes, usize)>> {
    let limit = PAGE_ITEMS;
    let list = ListSandboxes { states: Vec::new(), labels: BTreeMap::new(), limit, cursor: None };
    let find = FindSandboxes::newest_first(list);
    let mut reading = Reading { find, page: 1, numbering, is_empty: false };
    reading.read_states(query)?;
    for (name, value) in query {
        reading.read_list(name, value)?;
        reading.read_filter(name, value)?;
    }
    let Reading { find, page, is_empty, .. } = reading;
    Ok((!is_empty).then_some((find, page)))
}

/// A page of a list that is counted.
pub(in super::super) fn numbered<T>(
    items: Vec<T>,
    total: usize,
    (page, limit): (usize, usize),
) -> NumberedPage<T> {
    NumberedPage { items, total, page, total_pages: total.div_ceil(limit) }
}

/// Everything that is said of one name: repeated, or with commas between.
fn said<'a>(query: &'a [(String, String)], name: &str) -> Option<Vec<&'a str>> {
    let said: Vec<_> = query.iter().filter(|(known, _)| known == name).collect();
    let words = said.iter().flat_map(|(_, value)| value.split(','));
    (!said.is_empty()).then(|| words.filter(|word| !word.is_empty()).collect())
}

impl Reading {
    fn read_states(&mut self, query: &[(String, String)]) -> Result<()> {
        let states = &mut self.find.list.states;
        if let Some(said) = said(query, "states") {
            states.extend(State::ALL.into_iter().filter(|state| said.contains(&words(*state).0)));
            self.is_empty |= states.is_empty();
        }
        if let Some((_, value)) = query.iter().find(|(name, _)| name == "isRecoverable") {
            let is_wanted = Switch::read("isRecoverable", value)?.is_on();
            if is_wanted && states.is_empty() && !self.is_empty {
                states.push(State::Failed);
            }
            if is_wanted {
                states.retain(|state| *state == State::Failed);
                self.is_empty |= states.is_empty();
            }
        }
        for (name, here) in [("regionIds", REGION), ("regions", REGION), ("sandboxClasses", CLASS)]
        {
            self.is_empty |= said(query, name).is_some_and(|said| !said.contains(&here));
        }
        let images = said(query, "snapshots").unwrap_or_default();
        self.find.filter.images = images.into_iter().map(str::to_owned).collect();
        Ok(())
    }

    fn read_list(&mut self, name: &str, value: &str) -> Result<()> {
        let list = &mut self.find.list;
        match name {
            "labels" => {
                list.labels = serde_json::from_str(value).map_err(|error| {
                    Error::invalid("`labels` is no JSON object of strings")
                        .with_hint("write `{\"team\": \"web\"}`")
                        .with_source(error)
                })?;
            }
            "limit" => list.limit = whole(name, value, f64::from(MOST_ITEMS))? as u32,
            "page" => self.page = whole(name, value, 1e9)? as usize,
            "cursor" => list.cursor = Some(value.to_owned()),
            "sort" => self.find.sort = sort(value)?,
            "order" => {
                self.find.order = match value {
                    "asc" => Order::Ascending,
                    "desc" => Order::Descending,
                    _ => return Err(Error::invalid("`order` is `asc` or `desc`")),
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn read_filter(&mut self, name: &str, value: &str) -> Result<()> {
        let text = |numbering| match numbering {
            Numbering::Cursor => Text::Beginning(value.to_owned()),
            Numbering::Pages => Text::Part(value.to_owned()),
        };
        let filter = &mut self.find.filter;
        match name {
            "id" => filter.id = Some(text(self.numbering)),
            "name" => filter.name = Some(text(self.numbering)),
            "isPublic" => filter.previews = Some(Switch::read(name, value)?.access()),
            "minCpu" => filter.cpu_millis.least = Some(least(name, value, 1_000)?),
            "maxCpu" => filter.cpu_millis.most = Some(most(name, value, 1_000)?),
            "minMemoryGiB" => filter.memory_bytes.least = Some(least(name, value, GIB)?),
            "maxMemoryGiB" => filter.memory_bytes.most = Some(most(name, value, GIB)?),
            "minDiskGiB" => filter.disk_bytes.least = Some(least(name, value, GIB)?),
            "maxDiskGiB" => filter.disk_bytes.most = Some(most(name, value, GIB)?),
            "createdAtAfter" => after(&mut filter.created_at, name, value)?,
            "createdAtBefore" => before(&mut filter.created_at, name, value)?,
            "lastEventAfter" => after(&mut filter.active_at, name, value)?,
            "lastEventBefore" => before(&mut filter.active_at, name, value)?,
            "autoDestroyAtAfter" => after(&mut filter.expires_at, name, value)?,
            "autoDestroyAtBefore" => before(&mut filter.expires_at, name, value)?,
            _ => {}
        }
        Ok(())
    }
}

fn sort(word: &str) -> Result<Sort> {
    match word {
        "createdAt" => Ok(Sort::CreatedAt),
        "updatedAt" => Ok(Sort::ChangedAt),
        "lastActivityAt" => Ok(Sort::ActiveAt),
        "name" => Ok(Sort::Name),
        "cpu" => Ok(Sort::Cpu),
        "memoryGib" => Ok(Sort::Memory),
        "diskGib" => Ok(Sort::Disk),
        _ => Err(Error::invalid("this server does not sort by that").with_hint(
            "sort by `createdAt`, `updatedAt`, `lastActivityAt`, `name`, `cpu`, `memoryGib` or \
             `diskGib`",
        )),
    }
}

/// A whole number from 1 on. Clients write it in either way, `5` or `5.0`.
pub(super) fn whole(name: &str, value: &str, most: f64) -> Result<u64> {
    let number = value.parse::<f64>().ok().filter(|n| (1.0..=most).contains(n));
    let number = number.ok_or_else(|| Error::invalid(format!("`{name}` is 1 to {most}")))?;
    Ok(number as u64)
}

/// Sizes are shown rounded up, and compared as they are shown.
fn least(name: &str, value: &str, unit: u64) -> Result<u64> {
    Ok((whole(name, value, 65_536.0)? - 1) * unit + 1)
}

fn most(name: &str, value: &str, unit: u64) -> Result<u64> {
    Ok(whole(name, value, 65_536.0)? * unit)
}

fn after(span: &mut Span, name: &str, value: &str) -> Result<()> {
    span.least = Some(super::moment(name, value)?.saturating_add(1));
    Ok(())
}

fn before(span: &mut Span, name: &str, value: &str) -> Result<()> {
    span.most = Some(super::moment(name, value)?.saturating_sub(1));
    Ok(())
}
