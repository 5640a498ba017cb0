//! Lists of sandboxes: which to show, in which order, page by page.

use std::collections::BTreeMap;

use infield_domain::lifecycle::State;
use infield_domain::preview::Access;
use infield_domain::sandbox::{Millis, Sandbox};
use infield_domain::{Error, Permission, Principal, Result};

use crate::Engine;
use crate::sandboxes::{masked, shown};

/// Sandboxes of one page.
const MOST_LISTED: u32 = 1_000;

/// Which sandboxes to list. The newest come first.
#[derive(Clone, Debug)]
pub struct ListSandboxes {
    /// Only these states; every state but `deleted` when empty.
    pub states: Vec<State>,
    /// Only those that carry all of these labels.
    pub labels: BTreeMap<String, String>,
    /// Sandboxes at most, 1 to 1,000.
    pub limit: u32,
    /// Where the page before ended.
    pub cursor: Option<String>,
}

/// Which sandboxes to list, and in which order.
#[derive(Clone, Debug)]
pub struct FindSandboxes {
    /// By state and labels, and how many.
    pub list: ListSandboxes,
    /// By everything else.
    pub filter: Filter,
    /// What they are ordered by.
    pub sort: Sort,
    /// Which end comes first.
    pub order: Order,
}

impl FindSandboxes {
    /// The newest first, without a further filter.
    pub fn newest_first(list: ListSandboxes) -> Self {
        Self { list, filter: Filter::default(), sort: Sort::CreatedAt, order: Order::Descending }
    }
}

/// What a sandbox must have to be listed. What is not said does not matter.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// How its id is written.
    pub id: Option<Text>,
    /// How its name is written.
    pub name: Option<Text>,
    /// One of these images.
    pub images: Vec<String>,
    /// Who may visit its ports.
    pub previews: Option<Access>,
    /// Its processor time, in thousandths of one processor.
    pub cpu_millis: Span,
    /// Its memory.
    pub memory_bytes: Span,
    /// Its disk.
    pub disk_bytes: Span,
    /// When it was made.
    pub created_at: Span,
    /// When it last worked for somebody.
    pub active_at: Span,
    /// When its time to live ends.
    pub expires_at: Span,
}

/// How a word is written, whatever the case of its letters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Text {
    /// It begins like this.
    Beginning(String),
    /// It has this somewhere.
    Part(String),
}

impl Text {
    fn fits(&self, word: &str) -> bool {
        let word = word.to_lowercase();
        match self {
            Self::Beginning(text) => word.starts_with(&text.to_lowercase()),
            Self::Part(text) => word.contains(&text.to_lowercase()),
        }
    }
}

/// A range of numbers, both ends included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// The smallest that fits.
    pub least: Option<u64>,
    /// The largest that fits.
    pub most: Option<u64>,
}

impl Span {
    fn holds(self, number: u64) -> bool {
        self.least.is_none_or(|least| number >= least)
            && self.most.is_none_or(|most| number <= most)
    }

    fn holds_some(self, number: Option<u64>) -> bool {
        number.map_or(self == Self::default(), |number| self.holds(number))
    }
}

/// What a list is ordered by; ids settle ties.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// When it was made.
    CreatedAt,
    /// When it last changed state.
    ChangedAt,
    /// When it last worked for somebody.
    ActiveAt,
    /// Its name.
    Name,
    /// Its processor time.
    Cpu,
    /// Its memory.
    Memory,
    /// Its disk.
    Disk,
}

/// Which end of a list comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The smallest.
    Ascending,
    /// The largest.
    Descending,
}

/// One page of a list.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// What it has.
    pub items: Vec<T>,
    /// Asks for the next page, when there is one.
    pub next_cursor: Option<String>,
}

/// One page of a list that is counted.
#[derive(Clone, Debug)]
pub struct Numbered<T> {
    /// What it has.
    pub items: Vec<T>,
    /// How many there are on all pages.
    pub total: usize,
}

/// What the sandboxes of one owner may use, all together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allotted {
    /// Processor time of those that run, in thousandths of one processor.
    pub cpu_millis: u64,
    /// Memory of those that run.
    pub memory_bytes: u64,
    /// Disk of all.
    pub disk_bytes: u64,
    /// Images that they can start from.
    pub images: usize,
    /// Volumes of the owner.
    pub volumes: usize,
}

/// Where a sandbox stands in a list. Places of one list are of one kind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Number(u64),
    Word(String),
}

impl Engine {
    /// Lists sandboxes that the caller may see. Needs `read`.
    pub async fn list_sandboxes(
        &self,
        who: &Principal,
        list: ListSandboxes,
    ) -> Result<Page<Sandbox>> {
        self.find_sandboxes(who, FindSandboxes::newest_first(list)).await
    }

    /// Lists sandboxes that the caller may see and that fit. Needs `read`.
    pub async fn find_sandboxes(
        &self,
        who: &Principal,
        find: FindSandboxes,
    ) -> Result<Page<Sandbox>> {
        let limit = find.list.limit.clamp(1, MOST_LISTED) as usize;
        let after = find.list.cursor.as_deref().map(|text| find.read_cursor(text)).transpose()?;
        let mut found = self.fitting(who, &find, after.as_ref(), limit).await?;
        if let Some(after) = &after {
            found.retain(|sandbox| find.compare(&find.place(sandbox), after).is_gt());
        }
        let more = found.len() > limit;
        found.truncate(limit);
        let last = found.last().filter(|_| more);
        let next_cursor = last.map(|sandbox| find.cursor(sandbox));
        Ok(Page { items: found, next_cursor })
    }

    /// Lists sandboxes by the number of the page, from 1 on. Needs `read`.
    pub async fn page_sandboxes(
        &self,
        who: &Principal,
        find: FindSandboxes,
        page: usize,
    ) -> Result<Numbered<Sandbox>> {
        let limit = find.list.limit.clamp(1, MOST_LISTED) as usize;
        let found = self.fitting(who, &find, None, usize::MAX).await?;
        let total = found.len();
        let skipped = page.saturating_sub(1).saturating_mul(limit);
        Ok(Numbered { items: found.into_iter().skip(skipped).take(limit).collect(), total })
    }

    /// What the sandboxes of the caller's own name may use. Needs `read`.
    pub async fn allotted(&self, who: &Principal) -> Result<Allotted> {
        let images = self.list_images(who).await?.len();
        let volumes = self.list_volumes(who).await?;
        let volumes = volumes.iter().filter(|volume| volume.owner == who.owner).count();
        let mut all = Allotted { images, volumes, ..Allotted::default() };
        for seat in self.registry().all().into_iter().filter(|seat| seat.owner == who.owner) {
            let sandbox = seat.sandbox();
            let resources = &sandbox.spec.resources;
            let state = sandbox.state;
            if state.is_alive() || matches!(state, State::Creating | State::Starting) {
                all.cpu_millis += u64::from(resources.cpu_millis);
                all.memory_bytes = all.memory_bytes.saturating_add(resources.memory_bytes);
            }
            all.disk_bytes = all.disk_bytes.saturating_add(resources.disk_bytes);
        }
        Ok(all)
    }

    /// Everything that fits, in its order; of deleted ones no more than a page needs.
    async fn fitting(
        &self,
        who: &Principal,
        find: &FindSandboxes,
        after: Option<&(Place, String)>,
        limit: usize,
    ) -> Result<Vec<Sandbox>> {
        who.require(Permission::Read)?;
        let mut found = self.living(who, find);
        if find.list.states.contains(&State::Deleted) {
            if limit == usize::MAX
                || (find.sort, find.order) != (Sort::CreatedAt, Order::Descending)
            {
                return Err(Error::unsupported("deleted sandboxes are listed newest first alone")
                    .with_hint("leave out the order and the number of the page"));
            }
            found.extend(self.deleted(who, find, after, limit).await?);
        }
        found.sort_by(|a, b| find.compare(&find.place(a), &find.place(b)));
        found.dedup_by(|a, b| a.id == b.id);
        Ok(found)
    }

    fn living(&self, who: &Principal, find: &FindSandboxes) -> Vec<Sandbox> {
        let seats = self.registry().all();
        let seen = seats.iter().filter(|seat| who.sees(&seat.owner));
        seen.map(|seat| shown(seat)).filter(|sandbox| find.fits(sandbox)).collect()
    }

    async fn deleted(
        &self,
        who: &Principal,
        find: &FindSandboxes,
        after: Option<&(Place, String)>,
        limit: usize,
    ) -> Result<Vec<Sandbox>> {
        let mut before = match after {
            Some((Place::Number(at), id)) => (*at, id.clone()),
            Some((Place::Word(_), _)) | None => (Millis::MAX, String::new()),
        };
        let mut found = Vec::new();
        while found.len() <= limit {
            let (at, id) = before.clone();
            let rows = self.records().call(move |s| s.deleted_sandboxes((at, &id), 500)).await?;
            let Some(last) = rows.last() else { break };
            before = (last.sandbox.created_at, last.sandbox.id.to_string());
            let seen = rows
                .iter()
                .map(|row| &row.sandbox)
                .filter(|sandbox| who.sees(&sandbox.owner) && find.fits(sandbox));
            found.extend(seen.map(masked));
        }
        Ok(found)
    }
}

impl FindSandboxes {
    fn fits(&self, sandbox: &Sandbox) -> bool {
        self.list.fits(sandbox) && self.filter.fits(sandbox)
    }

    fn place(&self, sandbox: &Sandbox) -> (Place, String) {
        let resources = &sandbox.spec.resources;
        let place = match self.sort {
            Sort::CreatedAt => Place::Number(sandbox.created_at),
            Sort::ChangedAt => Place::Number(sandbox.changed_at),
            Sort::ActiveAt => Place::Number(sandbox.active_at),
            Sort::Name => Place::Word(sandbox.spec.name.to_string()),
            Sort::Cpu => Place::Number(u64::from(resources.cpu_millis)),
            Sort::Memory => Place::Number(resources.memory_bytes),
            Sort::Disk => Place::Number(resources.disk_bytes),
        };
        (place, sandbox.id.to_string())
    }

    fn compare(&self, one: &(Place, String), other: &(Place, String)) -> std::cmp::Ordering {
        match self.order {
            Order::Ascending => one.cmp(other),
            Order::Descending => other.cmp(one),
        }
    }

    fn cursor(&self, sandbox: &Sandbox) -> String {
        match self.place(sandbox) {
            (Place::Number(number), id) => format!("{number}.{id}"),
            (Place::Word(word), id) => format!("{word}.{id}"),
        }
    }

    /// Ids have no dot, so the last one is ours.
    fn read_cursor(&self, text: &str) -> Result<(Place, String)> {
        let place = |word: &str| match self.sort {
            Sort::Name => Some(Place::Word(word.to_owned())),
            Sort::CreatedAt
            | Sort::ChangedAt
            | Sort::ActiveAt
            | Sort::Cpu
            | Sort::Memory
            | Sort::Disk => word.parse().ok().map(Place::Number),
        };
        let parts = text.rsplit_once('.');
        parts.and_then(|(word, id)| Some((place(word)?, id.to_owned()))).ok_or_else(|| {
            Error::invalid("this is no cursor of a list")
                .with_hint("leave the cursor out to begin anew")
        })
    }
}

impl ListSandboxes {
    fn fits(&self, sandbox: &Sandbox) -> bool {
        let state = if self.states.is_empty() {
            sandbox.state != State::Deleted
        } else {
            self.states.contains(&sandbox.state)
        };
        let labels = &sandbox.spec.labels;
        state && self.labels.iter().all(|(name, value)| labels.get(name) == Some(value))
    }
}

impl Filter {
    fn fits(&self, sandbox: &Sandbox) -> bool {
        let fits =
            |word: &str, text: &Option<Text>| text.as_ref().is_none_or(|text| text.fits(word));
        let (spec, resources) = (&sandbox.spec, &sandbox.spec.resources);
        let image = spec.image.as_str();
        fits(sandbox.id.as_str(), &self.id)
            && fits(spec.name.as_str(), &self.name)
            && (self.images.is_empty() || self.images.iter().any(|one| one == image))
            && self.previews.is_none_or(|access| access == spec.previews.everywhere)
            && self.cpu_millis.holds(u64::from(resources.cpu_millis))
            && self.memory_bytes.holds(resources.memory_bytes)
            && self.disk_bytes.holds(resources.disk_bytes)
            && self.created_at.holds(sandbox.created_at)
            && self.active_at.holds(sandbox.active_at)
            && self.expires_at.holds_some(sandbox.expires_at())
    }
}

#[cfg(test)]
mod tests;
