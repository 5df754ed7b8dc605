//! The report for a terminal of a given width, without any colour.

use std::fmt::Write;

use comfy_table::{
    CellAlignment, ContentArrangement, ContentLineStyle, LineStyle, Table, TableStyle,
    presets::UTF8_HORIZONTAL_ONLY,
};

use super::{
    Report,
    text::{TextTable, cell_table, completeness_line, notes, parameter_tables, title},
};

/// Cells shown: about two screens; `cells.csv` has them all.
pub const MAX_CELLS: usize = 100;

/// Below this width nothing can be laid out.
pub(super) const MIN_WIDTH: u16 = 40;

/// The report as lines of at most `width` columns (words that are longer stay whole).
#[must_use]
pub fn render(report: &Report, width: u16) -> String {
    let width = width.max(MIN_WIDTH);
    let mut text = String::new();
    let mut paragraph = |words: &str| push_wrapped(&mut text, words, width.into());
    paragraph(&title(report));
    for warning in &report.warnings {
        paragraph(&format!("! {warning}"));
    }
    paragraph(&completeness_line(&report.completeness));
    if report.parameters.len() > 1 {
        for table in parameter_tables(report) {
            push_table(&mut text, &table, width);
        }
    }
    let (cells, omitted) = cell_table(report, MAX_CELLS);
    if !cells.rows.is_empty() {
        push_table(&mut text, &cells, width);
    }
    if omitted > 0 {
        let more =
            format!("and {omitted} more cells: --format csv, or cells.csv of --out, has them all");
        push_wrapped(&mut text, &more, width.into());
    }
    text.push('\n');
    for note in notes(report) {
        push_wrapped(&mut text, &note, width.into());
    }
    text
}

/// Rules around the header and below the table; columns are told apart by their alignment.
pub const TABLE_STYLE: TableStyle = RULED_STYLE.row_separator(LineStyle::none());

/// The same with a rule below each row, for rows of several lines.
const RULED_STYLE: TableStyle = UTF8_HORIZONTAL_ONLY
    .header_lines(ContentLineStyle::none())
    .content_lines(ContentLineStyle::none());

pub(super) fn push_table(text: &mut String, table: &TextTable, width: u16) {
    let mut layout = lay_out(table, width, TABLE_STYLE, |cell| cell.to_owned());
    // Three rules and the header; more lines than that mean that cells were wrapped. Then better
    // before an interval than within one, and with rules that say which lines belong together.
    if layout.lines().count() > table.rows.len() + 4 {
        layout = lay_out(table, width, RULED_STYLE, |cell| cell.replace(" [", "\n["));
    }
    text.push('\n');
    if !table.title.is_empty() {
        let _ = writeln!(text, "{}", table.title);
    }
    let _ = writeln!(text, "{}", layout.trim_fmt());
}

fn lay_out(
    table: &TextTable,
    width: u16,
    style: TableStyle,
    cell: impl Fn(&str) -> String,
) -> Table {
    let rows = table.rows.iter();
    let mut layout = Table::new();
    layout
        .load_style(style)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(width)
        .force_no_tty()
        .set_header(&table.header)
        .add_rows(rows.map(|row| row.iter().map(|text| cell(text)).collect::<Vec<_>>()));
    for column in layout.column_iter_mut() {
        column.set_cell_alignment(CellAlignment::Right);
    }
    layout
}

pub(super) fn push_wrapped(text: &mut String, words: &str, width: usize) {
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
