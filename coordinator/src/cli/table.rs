//! Rows as people read them, within a width: a table without the columns that say nothing, or, where that
//! is too wide, a paragraph for each row. A number, an id or a word is never split. Pure: texts come in, a
//! text goes out.

use comfy_table::{CellAlignment, ContentArrangement, Table};
use console::measure_text_width;
use pondersweep_proto::foreign;
use serde_json::Value;

use super::output::{Rows, text};
use crate::report::terminal::TABLE_STYLE;

/// Digits of an id that are shown where room is scarce; more where that would not tell two apart.
const SHORT_ID: usize = 8;
/// What ids of sixteen digits are, by the names of their columns.
const IDS: [&str; 2] = ["sweep_id", "trial_key"];
/// A time without its seconds.
const MINUTES: usize = "2026-11-30T20:15".len();

/// The rows in at most `width` columns, where that is possible without splitting a word; `None` for any.
pub(super) fn render(rows: &Rows, width: Option<usize>) -> String {
    let whole = table(rows);
    let Some(width) = width.filter(|width| widest(&whole) > *width) else {
        return whole;
    };
    let short = without_empty(shortened(rows));
    let narrow = table(&short);
    if widest(&narrow) <= width {
        return narrow;
    }
    paragraphs(&without_empty(rows.clone()), width)
}

/// A text after its label, in lines of at most `width` columns below each other. Longer words stay whole.
pub(super) fn labelled(label: &str, text: &str, width: usize) -> String {
    let indent = measure_text_width(label);
    let mut lines = label.to_owned();
    let mut column = indent;
    for word in text.split_whitespace() {
        let length = measure_text_width(word);
        if column > indent && column + 1 + length > width {
            lines.push('\n');
            lines.push_str(&" ".repeat(indent));
            column = indent;
        } else if column > indent {
            lines.push(' ');
            column += 1;
        }
        lines.push_str(word);
        column += length;
    }
    lines
}

fn widest(text: &str) -> usize {
    text.lines().map(measure_text_width).max().unwrap_or(0)
}

fn table(rows: &Rows) -> String {
    let mut table = Table::new();
    table
        .load_style(TABLE_STYLE)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(&rows.columns);
    for row in &rows.rows {
        table.add_row(row.iter().map(cell));
    }
    for (index, column) in table.column_iter_mut().enumerate() {
        let numeric = |row: &Vec<Value>| row[index].is_number() || row[index].is_null();
        if !rows.rows.is_empty() && rows.rows.iter().all(numeric) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.to_string()
}

/// A value on one line.
fn cell(value: &Value) -> String {
    foreign::line(&text(value)).into_owned()
}

/// The same without the columns that have no value, or the count 0, in every row.
fn without_empty(mut rows: Rows) -> Rows {
    let is_empty = |value: &Value| value.as_u64() == Some(0) || text(value).is_empty();
    let columns = 0..rows.columns.len();
    let kept: Vec<bool> = columns
        .map(|index| rows.rows.is_empty() || !rows.rows.iter().all(|row| is_empty(&row[index])))
        .collect();
    let mut keep = kept.iter();
    rows.columns.retain(|_| *keep.next().expect("as many"));
    for row in &mut rows.rows {
        let mut keep = kept.iter();
        row.retain(|_| *keep.next().expect("as many"));
    }
    rows
}

/// The same with short ids and times.
fn shortened(rows: &Rows) -> Rows {
    let mut rows = rows.clone();
    for (index, name) in rows.columns.iter().enumerate() {
        let cut = if IDS.contains(&&**name) {
            telling_digits(&rows.rows, index)
        } else if name.ends_with("_at") || name == "at" {
            MINUTES
        } else {
            continue;
        };
        for row in &mut rows.rows {
            if let Value::String(text) = &mut row[index] {
                text.truncate(text.floor_char_boundary(cut));
                if cut == MINUTES {
                    *text = text.replace('T', " ");
                }
            }
        }
    }
    rows
}

/// Digits that tell the ids of a column apart.
fn telling_digits(rows: &[Vec<Value>], index: usize) -> usize {
    let mut ids: Vec<&str> = rows.iter().filter_map(|row| row[index].as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    let shared = |pair: &[&str]| {
        let same = pair[0].bytes().zip(pair[1].bytes());
        same.take_while(|(one, other)| one == other).count()
    };
    let longest = ids.windows(2).map(shared).max().unwrap_or(0);
    SHORT_ID.max(longest + 1)
}

/// A paragraph for each row: a line for each value, by its name.
fn paragraphs(rows: &Rows, width: usize) -> String {
    let indent = rows
        .columns
        .iter()
        .map(|name| name.len())
        .max()
        .unwrap_or(0)
        + 2;
    let paragraph = |row: &Vec<Value>| {
        let named = rows.columns.iter().zip(row);
        let lines = named.filter(|(_, value)| !text(value).is_empty());
        lines
            .map(|(name, value)| labelled(&format!("{name:<indent$}"), &cell(value), width))
            .collect::<Vec<_>>()
            .join("\n")
    };
    let paragraphs: Vec<String> = rows.rows.iter().map(paragraph).collect();
    paragraphs.join("\n\n")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn sweeps(ids: &[&str]) -> Rows {
        let columns = [
            "sweep_id",
            "name",
            "state",
            "trials",
            "failed",
            "created_at",
            "reason",
        ];
        let row = |id: &&str| {
            vec![
                json!(id),
                json!("robustness of PonderNet"),
                json!("finished"),
                json!(12_345_678),
                json!(0),
                json!("2026-11-30T20:15:48.123Z"),
                json!("every trial has ended"),
            ]
        };
        Rows::of(&columns, ids.iter().map(row))
    }

    #[test]
    fn a_table_that_fits_is_whole() {
        let rows = sweeps(&["0123456789abcdef"]);
        let shown = render(&rows, None);
        assert!(shown.contains("0123456789abcdef"), "{shown}");
        assert!(
            shown.contains("20:15:48.123Z") && shown.contains("failed"),
            "{shown}"
        );
    }

    #[test]
    fn a_narrow_table_has_short_ids_that_tell_rows_apart_and_no_empty_columns() {
        let rows = sweeps(&["0123456789abcdef", "0123456780000000"]);
        let shown = render(&rows, Some(110));
        assert!(
            shown.contains(" 0123456789 ") && shown.contains(" 0123456780 "),
            "{shown}"
        );
        assert!(
            shown.contains("2026-11-30 20:15 ") && !shown.contains("failed"),
            "{shown}"
        );
        assert!(widest(&shown) <= 110, "{shown}");
    }

    #[test]
    fn what_is_narrower_still_has_a_paragraph_for_each_row() {
        let rows = sweeps(&["0123456789abcdef", "fedcba9876543210"]);
        let shown = render(&rows, Some(40));
        assert!(widest(&shown) <= 40, "{shown}");
        let expected = "sweep_id    0123456789abcdef\n\
                        name        robustness of PonderNet\n\
                        state       finished\n\
                        trials      12345678\n\
                        created_at  2026-11-30T20:15:48.123Z\n\
                        reason      every trial has ended\n\n\
                        sweep_id    fedcba9876543210";
        assert!(shown.starts_with(expected), "{shown}");
    }

    proptest! {
        #[test]
        fn no_word_is_ever_split(
            cells in proptest::collection::vec(("[a-z0-9 ]{0,60}", any::<u64>(), "[0-9a-f]{16}"), 1..5),
            width in 20_usize..200,
        ) {
            let rows = cells.iter().map(|(text, number, id)| vec![json!(text), json!(number), json!(id)]);
            let shown = render(&Rows::of(&["text", "number", "worker"], rows), Some(width));
            let found: Vec<&str> = shown.split_whitespace().collect();
            for (text, number, id) in &cells {
                let number = number.to_string();
                let words = text.split_whitespace().chain([&*number, &**id]);
                for word in words.filter(|word| *word != "0") {
                    prop_assert!(found.contains(&word), "{word:?} in {shown}");
                }
            }
        }

        #[test]
        fn lines_fit_where_words_do(text in "[a-z0-9]{1,12}( [a-z0-9]{1,12}){0,30}", width in 14_usize..90) {
            let lines = labelled("- ", &text, width);
            prop_assert!(lines.lines().all(|line| line.len() <= width), "{lines}");
            prop_assert!(lines.split_whitespace().skip(1).eq(text.split_whitespace()));
        }
    }
}
