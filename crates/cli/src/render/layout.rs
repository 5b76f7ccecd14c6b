//! Aligned text: tables, and lists of names with values.

use super::style::{Style, width};

/// Rows of cells under headings, columns two spaces apart.
pub(crate) struct Table<const N: usize> {
    rows: Vec<[String; N]>,
}

impl<const N: usize> Table<N> {
    /// A table with these headings.
    pub(crate) fn new(headings: &[&str; N], style: Style) -> Self {
        Self { rows: vec![headings.map(|heading| style.dim(heading))] }
    }

    /// One more row; line breaks in cells become spaces.
    pub(crate) fn row(&mut self, cells: [String; N]) {
        self.rows.push(cells.map(|cell| cell.replace(['\n', '\t'], " ")));
    }

    /// The whole table, or the sentence when there are no rows.
    pub(crate) fn render(&self, when_empty: &str) -> String {
        if self.rows.len() == 1 {
            return format!("{when_empty}\n");
        }
        let widest =
            |column: usize| self.rows.iter().map(|row| width(&row[column])).max().unwrap_or_default();
        let widths: [usize; N] = std::array::from_fn(widest);
        let mut text = String::new();
        for row in &self.rows {
            let mut line = String::new();
            for (cell, wide) in row.iter().zip(&widths) {
                line.push_str(cell);
                line.push_str(&" ".repeat(wide - width(cell) + 2));
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

/// Names with values behind them, the values in one column.
#[derive(Default)]
pub(crate) struct Fields {
    rows: Vec<(String, String)>,
}

impl Fields {
    /// One more name with its value.
    #[must_use]
    pub(crate) fn put(mut self, name: &str, value: impl Into<String>) -> Self {
        self.rows.push((name.to_owned(), value.into()));
        self
    }

    /// One more name, when there is a value.
    #[must_use]
    pub(crate) fn maybe(self, name: &str, value: Option<impl Into<String>>) -> Self {
        match value {
            Some(value) => self.put(name, value),
            None => self,
        }
    }

    /// The same name for each of several values.
    #[must_use]
    pub(crate) fn all(self, name: &str, values: impl IntoIterator<Item = String>) -> Self {
        values.into_iter().fold(self, |fields, value| fields.put(name, value))
    }

    /// All of it, indented by two spaces.
    pub(crate) fn render(&self, style: Style) -> String {
        let wide = self.rows.iter().map(|(name, _)| width(name)).max().unwrap_or_default();
        let mut text = String::new();
        for (name, value) in &self.rows {
            let gap = " ".repeat(wide - width(name) + 2);
            let rest = " ".repeat(wide + 4);
            let mut lines = value.lines();
            text.push_str(
                format!("  {}{gap}{}", style.dim(name), lines.next().unwrap_or_default()).trim_end(),
            );
            text.push('\n');
            for line in lines {
                text.push_str(format!("{rest}{line}").trim_end());
                text.push('\n');
            }
        }
        text
    }
}

/// The text with so many spaces before each line, and a line break at its end.
pub(crate) fn indent(text: &str, spaces: usize) -> String {
    let margin = " ".repeat(spaces);
    text.lines().map(|line| format!("{margin}{line}").trim_end().to_owned() + "\n").collect()
}
