//! The figures, for a terminal or as Markdown.

use std::fmt;

/// Everything that was found.
#[derive(Debug)]
pub(crate) struct Report {
    markdown: bool,
    sections: Vec<Section>,
}

impl Report {
    pub(crate) fn new(markdown: bool) -> Self {
        Report {
            markdown,
            sections: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, section: Section) {
        self.sections.push(section);
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.sections.iter().try_for_each(|section| {
            if self.markdown {
                section.markdown(f)
            } else {
                section.plain(f)
            }
        })
    }
}

/// A table with a title before and notes behind.
#[derive(Debug)]
pub(crate) struct Section {
    title: String,
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
    notes: Vec<String>,
}

impl Section {
    pub(crate) fn new(title: &str, columns: &[&str]) -> Self {
        Section {
            title: title.to_owned(),
            columns: columns.iter().map(|&column| column.to_owned()).collect(),
            rows: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// One cell for each column.
    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        debug_assert_eq!(N, self.columns.len());
        self.rows.push(cells.into());
    }

    pub(crate) fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }

    fn markdown(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = |f: &mut fmt::Formatter<'_>, cells: &[String]| writeln!(f, "| {} |", cells.join(" | "));
        writeln!(f, "### {}\n", self.title)?;
        line(f, &self.columns)?;
        writeln!(f, "|{}", "---|".repeat(self.columns.len()))?;
        self.rows.iter().try_for_each(|row| line(f, row))?;
        writeln!(f)?;
        self.notes.iter().try_for_each(|note| writeln!(f, "- {note}"))?;
        if self.notes.is_empty() {
            Ok(())
        } else {
            writeln!(f)
        }
    }

    fn plain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths: Vec<usize> = (0..self.columns.len())
            .map(|column| {
                let cells = self.rows.iter().chain([&self.columns]);
                cells
                    .map(|row| row[column].chars().count())
                    .max()
                    .unwrap_or_default()
            })
            .collect();
        let line = |f: &mut fmt::Formatter<'_>, cells: &[String]| {
            let padded: Vec<String> = cells
                .iter()
                .zip(&widths)
                .map(|(cell, width)| format!("{cell:width$}"))
                .collect();
            writeln!(f, "  {}", padded.join("  ").trim_end())
        };
        writeln!(f, "{}", self.title)?;
        line(f, &self.columns)?;
        writeln!(
            f,
            "  {}",
            "-".repeat(widths.iter().sum::<usize>() + 2 * (widths.len() - 1))
        )?;
        self.rows.iter().try_for_each(|row| line(f, row))?;
        self.notes.iter().try_for_each(|note| writeln!(f, "  * {note}"))?;
        writeln!(f)
    }
}

/// A goal, and whether `met`.
pub(crate) fn goal(text: &str, met: bool) -> String {
    format!("{text}: {}", if met { "met" } else { "MISSED" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section() -> Section {
        let mut section = Section::new("One", &["what", "goal"]);
        section.row(["wall".to_owned(), goal("200 ms", false)]);
        section.note("a note");
        section
    }

    #[test]
    fn markdown_table_is_a_table() {
        let mut report = Report::new(true);
        report.add(section());
        assert_eq!(
            report.to_string(),
            "### One\n\n| what | goal |\n|---|---|\n| wall | 200 ms: MISSED |\n\n- a note\n\n"
        );
    }

    #[test]
    fn plain_table_is_aligned() {
        let mut report = Report::new(false);
        report.add(section());
        assert_eq!(
            report.to_string(),
            "One\n  what  goal\n  --------------------\n  wall  200 ms: MISSED\n  * a note\n\n"
        );
    }
}
