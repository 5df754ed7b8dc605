//! The report as Markdown, for repositories and papers.

use std::fmt::Write;

use super::{
    Report,
    text::{TextTable, cell_table, completeness_line, notes, parameter_tables, title},
};

/// Cells shown: a page still loads in a browser; `cells.csv` has them all.
pub const MAX_CELLS: usize = 1_000;

/// The report as GitHub-flavoured Markdown.
#[must_use]
pub fn render(report: &Report) -> String {
    let mut text = format!("# {}\n", escaped(&title(report)));
    for warning in &report.warnings {
        let _ = write!(text, "\n> **{warning}**\n");
    }
    let _ = write!(
        text,
        "\n{}\n",
        escaped(&completeness_line(&report.completeness))
    );
    if report.parameters.len() > 1 {
        for table in parameter_tables(report) {
            push_table(&mut text, &table);
        }
    }
    let (cells, omitted) = cell_table(report, MAX_CELLS);
    if !cells.rows.is_empty() {
        push_table(&mut text, &cells);
    }
    if omitted > 0 {
        let _ = write!(
            text,
            "\nand {omitted} more cells: `--format csv`, or `cells.csv` of `--out`, has them all\n"
        );
    }
    text.push('\n');
    for note in notes(report) {
        let _ = writeln!(text, "- {}", escaped(&note));
    }
    let _ = writeln!(text, "- Sweep `{}`.", report.sweep.sweep_id);
    text
}

pub(super) fn push_table(text: &mut String, table: &TextTable) {
    let _ = write!(text, "\n## {}\n\n", escaped(&table.title));
    push_row(text, &table.header);
    let rule: Vec<String> = table.header.iter().map(|_| "---:".to_owned()).collect();
    let _ = writeln!(text, "| {} |", rule.join(" | "));
    for row in &table.rows {
        push_row(text, row);
    }
}

fn push_row(text: &mut String, cells: &[String]) {
    let cells: Vec<String> = cells.iter().map(|cell| escaped(cell)).collect();
    let _ = writeln!(text, "| {} |", cells.join(" | "));
}

/// The text with everything escaped that Markdown would take for markup inside a line. An
/// underscore between letters is left alone, as Markdown does.
pub(super) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, '\\' | '`' | '*' | '<' | '>' | '|' | '#' | '~') {
            safe.push('\\');
        }
        safe.push(character);
    }
    safe
}
