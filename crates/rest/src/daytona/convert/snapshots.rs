//! Images as the contract's snapshots.

use std::cmp::Reverse;

use infield_daytona::{NumberedPage, Snapshot};
use infield_domain::image::Image;
use infield_domain::{Error, Result};

use super::listing::whole;
use super::{CLASS, CPUS, DISK_GIB, GIB, MEMORY_GIB, REGION, numbered, time};

#[cfg(test)]
mod tests;

/// Items of a page when nobody says otherwise, and at most.
const PAGE_ITEMS: u64 = 100;
const MOST_ITEMS: f64 = 200.0;

/// Those that a query asks for.
pub(in super::super) fn list_snapshots(
    mut images: Vec<Image>,
    query: &[(String, String)],
) -> Result<NumberedPage<Snapshot>> {
    let (mut page, mut limit, mut is_by_name, mut is_ascending) = (1, PAGE_ITEMS, false, false);
    for (name, value) in query {
        match (name.as_str(), value.as_str()) {
            ("page", value) => page = whole(name, value, 1e9)?,
            ("limit", value) => limit = whole(name, value, MOST_ITEMS)?,
            ("name", part) => {
                let part = part.to_lowercase();
                images.retain(|image| image.name.as_str().to_lowercase().contains(&part));
            }
            // None was made of a sandbox.
            ("sourceSandboxId", _) => images.clear(),
            ("sort", word) => is_by_name = word == "name",
            ("order", "asc") => is_ascending = true,
            ("order", "desc") => is_ascending = false,
            ("order", _) => return Err(Error::invalid("`order` is `asc` or `desc`")),
            _ => {}
        }
    }
    let by_name = |image: &Image| image.name.as_str().to_owned();
    match (is_by_name, is_ascending) {
        (true, true) => images.sort_by_key(by_name),
        (true, false) => images.sort_by_key(|image| Reverse(by_name(image))),
        (false, true) => images.sort_by_key(|image| (image.created_at, by_name(image))),
        (false, false) => images.sort_by_key(|image| (Reverse(image.created_at), by_name(image))),
    }
    let (total, page, limit) = (images.len(), page as usize, limit as usize);
    let items = images.into_iter().skip((page - 1).saturating_mul(limit)).take(limit);
    Ok(numbered(items.map(snapshot).collect(), total, (page, limit)))
}

/// The one of a name, which is its id as well.
pub(in super::super) fn one_snapshot(images: Vec<Image>, name: &str) -> Result<Snapshot> {
    let found = images.into_iter().find(|image| image.name.as_str() == name);
    found.map(snapshot).ok_or_else(|| {
        let shown = crate::hint::shown(name);
        Error::not_found(format!("there is no snapshot `{shown}`"))
            .with_hint("list the snapshots, or bring one in with `infield image import`")
    })
}

fn snapshot(image: Image) -> Snapshot {
    let (name, at) = (image.name.to_string(), time(image.created_at));
    Snapshot {
        id: name.clone(),
        general: true,
        name: name.clone(),
        image_name: name,
        state: "active",
        size: Some(image.size_bytes as f64 / GIB as f64),
        entrypoint: None,
        cpu: CPUS as u64,
        gpu: 0,
        mem: MEMORY_GIB as u64,
        disk: DISK_GIB as u64,
        error_reason: None,
        created_at: at.clone(),
        updated_at: at,
        last_used_at: None,
        source_sandbox_id: None,
        region_ids: vec![REGION.to_owned()],
        sandbox_class: CLASS,
    }
}
