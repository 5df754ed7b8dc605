//! A document as Markdown, for repositories and papers.

use std::fmt::Write;

use pondersweep_proto::foreign::is_seen;

use super::{
    document::{Block, Document, Picture, Section, Table},
    field::Field,
};

/// Rows of a table: a page still loads in a browser; the table's file has them all.
pub const MAX_ROWS: usize = 1_000;

/// The document as GitHub-flavoured Markdown; figures are in its folder as SVG.
#[must_use]
pub fn render(document: &Document) -> String {
    let mut text = format!("# {}\n", escaped(&document.title));
    for warning in &document.warnings {
        let _ = write!(text, "\n> **{}**\n", escaped(warning));
    }
    for paragraph in &document.summary {
        push_paragraph(&mut text, paragraph);
    }
    for section in &document.sections {
        push_section(&mut text, section);
    }
    text.push('\n');
    for note in &document.notes {
        let _ = writeln!(text, "- {}", escaped(note));
    }
    text
}

fn push_section(text: &mut String, section: &Section) {
    if !section.title.is_empty() {
        push_heading(text, section.level, &section.title);
    }
    for block in &section.blocks {
        match block {
            Block::Paragraph(words) => push_paragraph(text, words),
            Block::Table(table) => push_table(text, table, section.level + 1),
            Block::Figure(picture) => push_picture(text, picture),
        }
    }
}

fn push_heading(text: &mut String, level: u8, title: &str) {
    let marks = "#".repeat(usize::from(level) + 1);
    let _ = write!(text, "\n{marks} {}\n", escaped(title));
}

fn push_paragraph(text: &mut String, words: &str) {
    let _ = write!(text, "\n{}\n", escaped(words));
}

fn push_picture(text: &mut String, picture: &Picture) {
    let title = escaped(&picture.figure.title());
    let _ = write!(text, "\n![{title}]({}.svg)\n", picture.file);
    push_paragraph(text, &picture.rule);
}

fn push_table(text: &mut String, table: &Table, level: u8) {
    if !table.title.is_empty() {
        push_heading(text, level, &table.title);
    }
    text.push('\n');
    push_row(text, table.columns.iter().cloned());
    let rule: Vec<String> = table.columns.iter().map(|_| "---:".to_owned()).collect();
    let _ = writeln!(text, "| {} |", rule.join(" | "));
    for row in table.first_rows(MAX_ROWS).0 {
        push_row(text, row.iter().map(Field::shown));
    }
    if let Some(more) = table.more(MAX_ROWS) {
        push_paragraph(text, &more);
    }
    for rule in &table.rules {
        push_paragraph(text, rule);
    }
}

fn push_row(text: &mut String, cells: impl Iterator<Item = String>) {
    let cells: Vec<String> = cells.map(|cell| escaped(&cell)).collect();
    let _ = writeln!(text, "| {} |", cells.join(" | "));
}

/// The text with everything escaped that Markdown would take for markup inside a line. An
/// underscore between letters is left alone, as Markdown does.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, '\\' | '`' | '*' | '<' | '>' | '|' | '#' | '~') {
            safe.push('\\');
        }
        // A line break would end a row, and a name may hold one.
        safe.push(if is_seen(character) { character } else { ' ' });
    }
    // What is left of a link when its target is no target.
    safe.replace("](", "]\\(")
}
