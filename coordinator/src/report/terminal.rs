//! A document for a terminal of a given width, without any colour.

use std::fmt::Write;

use comfy_table::{
    CellAlignment, ContentArrangement, ContentLineStyle, LineStyle, Table, TableStyle,
    presets::UTF8_HORIZONTAL_ONLY,
};

use super::{
    document::{Block, Document, Section, Table as DocumentTable},
    field::Field,
};

/// Rows of a table: about two screens; its file has them all.
pub const MAX_ROWS: usize = 100;

/// Below this width nothing can be laid out.
const MIN_WIDTH: u16 = 40;

/// The document as lines of at most `width` columns (words that are longer stay whole).
#[must_use]
pub fn render(document: &Document, width: u16) -> String {
    let width = width.max(MIN_WIDTH);
    let mut text = String::new();
    push_wrapped(&mut text, &document.title, width.into());
    for warning in &document.warnings {
        push_wrapped(&mut text, &format!("! {warning}"), width.into());
    }
    for paragraph in &document.summary {
        push_wrapped(&mut text, paragraph, width.into());
    }
    for section in document.sections.iter().filter(|section| is_shown(section)) {
        push_heading(&mut text, &section.title, section.level);
        for block in &section.blocks {
            push_block(&mut text, block, width);
        }
    }
    text.push('\n');
    for note in &document.notes {
        push_wrapped(&mut text, note, width.into());
    }
    text
}

/// A terminal shows no pictures, so a part that has nothing else is left out.
fn is_shown(section: &Section) -> bool {
    let is_figure = |block| matches!(block, &Block::Figure(_));
    section.level == 1 || !section.blocks.iter().all(is_figure)
}

fn push_heading(text: &mut String, title: &str, level: u8) {
    if !title.is_empty() {
        let line = if level == 1 { "=" } else { "-" };
        let _ = writeln!(text, "\n{title}\n{}", line.repeat(title.chars().count()));
    }
}

fn push_block(text: &mut String, block: &Block, width: u16) {
    match block {
        Block::Paragraph(words) => {
            text.push('\n');
            push_wrapped(text, words, width.into());
        }
        Block::Table(table) => {
            push_table(text, table, width);
            if let Some(more) = table.more(MAX_ROWS) {
                push_wrapped(text, &more, width.into());
            }
            for rule in &table.rules {
                push_wrapped(text, rule, width.into());
            }
        }
        // A terminal shows no pictures; what they show is in the tables too.
        Block::Figure(_) => {}
    }
}

/// Rules around the header and below the table; columns are told apart by their alignment.
pub const TABLE_STYLE: TableStyle = RULED_STYLE.row_separator(LineStyle::none());

/// The same with a rule below each row, for rows of several lines.
const RULED_STYLE: TableStyle = UTF8_HORIZONTAL_ONLY
    .header_lines(ContentLineStyle::none())
    .content_lines(ContentLineStyle::none());

fn push_table(text: &mut String, table: &DocumentTable, width: u16) {
    let shown = table.first_rows(MAX_ROWS).0.len();
    let mut layout = lay_out(table, width, TABLE_STYLE, |cell| cell.to_owned());
    // Three rules and the header; more lines than that mean that cells were wrapped. Then better
    // before an interval than within one, and with rules that say which lines belong together.
    if layout.lines().count() > shown + 4 {
        layout = lay_out(table, width, RULED_STYLE, |cell| cell.replace(" [", "\n["));
    }
    text.push('\n');
    if !table.title.is_empty() {
        let _ = writeln!(text, "{}", table.title);
    }
    let _ = writeln!(text, "{}", layout.trim_fmt());
}

fn lay_out(
    table: &DocumentTable,
    width: u16,
    style: TableStyle,
    cell: impl Fn(&str) -> String,
) -> Table {
    let shown = |field: &Field| cell(&field.shown());
    let rows = table.first_rows(MAX_ROWS).0.iter();
    let mut layout = Table::new();
    layout
        .load_style(style)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(width)
        .force_no_tty()
        .set_header(&table.columns)
        .add_rows(rows.map(|row| row.iter().map(shown).collect::<Vec<_>>()));
    for column in layout.column_iter_mut() {
        column.set_cell_alignment(CellAlignment::Right);
    }
    layout
}

fn push_wrapped(text: &mut String, words: &str, width: usize) {
    let mut column = 0;
    for word in words.split_whitespace() {
        let length = word.chars().count();
        if column > 0 && column + 1 + length > width {
            text.push('\n');
            column = 0;
        }
        if column > 0 {
            text.push(' ');
            column += 1;
        }
        text.push_str(word);
        column += length;
    }
    text.push('\n');
}
