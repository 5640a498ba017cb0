//! Pages of lists that are counted.

use serde::Serialize;

/// One page of a list, by its number.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NumberedPage<T> {
    /// What it has.
    pub items: Vec<T>,
    /// How many there are on all pages.
    pub total: usize,
    /// Which page it is, from 1 on.
    pub page: usize,
    /// How many pages there are.
    pub total_pages: usize,
}
