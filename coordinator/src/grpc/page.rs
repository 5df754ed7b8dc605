//! As many rows as one answer may have: by their number and by their bytes, whichever ends first.

use pondersweep_proto::limit::{MAX_BYTES_OF_PAGE, MAX_ROWS_OF_PAGE};
use prost::Message;

/// The rows of one answer.
#[derive(Debug, PartialEq)]
pub(super) struct Page<T> {
    /// At least one, if there are any.
    pub(super) rows: Vec<T>,
    /// Whether there are more.
    pub(super) is_cut: bool,
}

impl<T: Message> Page<T> {
    /// The first of these rows.
    pub(super) fn of(rows: impl Iterator<Item = T>) -> Self {
        let mut page = Self {
            rows: Vec::new(),
            is_cut: false,
        };
        let mut bytes = 0;
        for row in rows {
            bytes += row.encoded_len();
            let fits = page.rows.len() < MAX_ROWS_OF_PAGE && bytes <= MAX_BYTES_OF_PAGE;
            if !fits && !page.rows.is_empty() {
                page.is_cut = true;
                break;
            }
            page.rows.push(row);
        }
        page
    }
}

#[cfg(test)]
mod tests {
    use pondersweep_proto::wire::Sweep;

    use super::*;

    fn of(rows: usize, bytes: usize) -> (usize, bool) {
        let sweep = Sweep {
            spec: vec![7; bytes],
            ..Sweep::default()
        };
        let page = Page::of(std::iter::repeat_n(sweep, rows));
        (page.rows.len(), page.is_cut)
    }

    #[test]
    fn a_page_ends_by_number_or_by_bytes_and_has_one_row_at_least() {
        assert_eq!(of(0, 1), (0, false));
        assert_eq!(of(MAX_ROWS_OF_PAGE, 1), (MAX_ROWS_OF_PAGE, false));
        assert_eq!(of(MAX_ROWS_OF_PAGE + 1, 1), (MAX_ROWS_OF_PAGE, true));
        assert_eq!(of(5, MAX_BYTES_OF_PAGE / 3), (2, true));
        assert_eq!(of(2, 2 * MAX_BYTES_OF_PAGE), (1, true));
        assert_eq!(of(1, 2 * MAX_BYTES_OF_PAGE), (1, false));
    }
}
