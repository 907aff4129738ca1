//! A table of text.

use std::fmt;

/// Rows of cells in aligned columns.
#[derive(Debug)]
pub(crate) struct Table {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Creates a table without rows.
    pub(crate) fn new<'a>(header: impl IntoIterator<Item = &'a str>) -> Self {
        Self {
            header: header.into_iter().map(str::to_owned).collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a column on the right.
    pub(crate) fn add_column(&mut self, header: &str) {
        self.header.push(header.to_owned());
    }

    /// Adds a row at the end, with a cell for each column.
    pub(crate) fn add_row(&mut self, row: Vec<String>) {
        self.rows.push(row);
    }

    fn lines(&self) -> impl Iterator<Item = &Vec<String>> {
        std::iter::once(&self.header).chain(&self.rows)
    }

    fn width(&self, column: usize) -> usize {
        let cells = self.lines().filter_map(|line| line.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths: Vec<usize> = (0..self.header.len()).map(|it| self.width(it)).collect();
        for line in self.lines() {
            let cells = line.iter().zip(&widths);
            let text: String = cells
                .map(|(cell, width)| format!("{cell:<width$}  "))
                .collect();
            writeln!(f, "{}", text.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned() {
        let mut table = Table::new(["A", "B"]);
        table.add_column("C");
        table.add_row(vec!["one".to_owned(), String::new(), "é".to_owned()]);
        table.add_row(vec!["".to_owned(), "two".to_owned(), String::new()]);
        assert_eq!(table.to_string(), "A    B    C\none       é\n     two\n");
    }
}
