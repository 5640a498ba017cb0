//! Columns that line up.

use std::fmt::Write as _;

use anstyle::Style;

use super::{FAINT, HEADING, clean};

/// Rows of cells; made for a terminal, readable without one.
pub(crate) struct Table {
    header: Vec<&'static str>,
    rows: Vec<Vec<(String, Style)>>,
}

impl Table {
    /// A table without rows. An empty header is not shown.
    pub(crate) fn new(header: &[&'static str]) -> Self {
        Self { header: header.to_vec(), rows: Vec::new() }
    }

    /// Adds a row of plain cells.
    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.styled(cells.map(|cell| (cell, Style::new())));
    }

    /// Adds a row; each cell with its style. Control characters are taken out here, so that no
    /// caller can forget it.
    pub(crate) fn styled(&mut self, cells: impl IntoIterator<Item = (String, Style)>) {
        let clean_cell = |(text, style): (String, Style)| (clean(&text), style);
        self.rows.push(cells.into_iter().map(clean_cell).collect());
    }

    /// Adds a line of a description: what it is, and its value.
    pub(crate) fn pair(&mut self, name: &str, value: String) {
        self.styled([(name.to_owned(), FAINT), (value, Style::new())]);
    }

    /// The text: columns as wide as their widest cell, two spaces apart, the last one ragged.
    pub(crate) fn render(&self) -> String {
        let header: Vec<_> = self.header.iter().map(|word| ((*word).to_owned(), HEADING)).collect();
        let shown: Vec<_> = (!header.is_empty()).then_some(&header).into_iter().collect();
        let rows = shown.into_iter().chain(&self.rows);
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0).max(header.len());
        let widths: Vec<usize> = (0..columns)
            .map(|column| {
                let cells = rows.clone().filter_map(|row| row.get(column));
                cells.map(|(text, _)| text.chars().count()).max().unwrap_or(0)
            })
            .collect();
        let mut out = String::new();
        for row in rows {
            render_row(&mut out, row, &widths);
        }
        out
    }
}

fn render_row(out: &mut String, row: &[(String, Style)], widths: &[usize]) {
    let filled = row.iter().rposition(|(text, _)| !text.is_empty()).map_or(0, |last| last + 1);
    for (column, (text, style)) in row.iter().take(filled).enumerate() {
        write!(out, "{style}{text}{style:#}").expect("a string takes every write");
        if column + 1 < filled {
            let gap = widths[column] - text.chars().count() + 2;
            out.extend(std::iter::repeat_n(' ', gap));
        }
    }
    out.push('\n');
}
