//! Where SQL texts are kept: every statement of this room is a constant made by [`statements!`], so
//! that one test can prepare all of them against the migrated schema. It holds no SQL itself.

/// Defines SQL statements as constants, and `STATEMENTS`, the list of them all.
macro_rules! statements {
    ($($(#[$meta:meta])* $name:ident = $sql:expr;)*) => {
        $($(#[$meta])* const $name: &str = $sql;)*

        /// Every statement of this file, for the test that prepares them.
        #[cfg(test)]
        pub(super) const STATEMENTS: &[&str] = &[$($name,)*];
    };
}

pub(super) use statements;

/// A statement that inserts one row, made to insert several: its list of question marks is
/// repeated.
pub(super) fn with_rows(statement: &str, rows: usize) -> String {
    let (start, end) = (statement.find("(?"), statement.find("?)"));
    let row = start
        .zip(end)
        .map(|(start, end)| &statement[start..end + 2]);
    let row = row.expect("the statement inserts a row of question marks");
    statement.replacen(row, &[row].repeat(rows).join(", "), 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_repeated_and_nothing_else() {
        let one = "INSERT INTO t (a, b) VALUES (?, ?) ON CONFLICT (a) DO NOTHING";
        assert_eq!(with_rows(one, 1), one);
        let two = "INSERT INTO t (a, b) VALUES (?, ?), (?, ?) ON CONFLICT (a) DO NOTHING";
        assert_eq!(with_rows(one, 2), two);
    }
}
