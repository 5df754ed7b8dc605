//! What the last evaluation of a trial found, broken down: tables of whole numbers, each of them
//! named by table, group, row and column. Whole numbers only, so that they are exact and add up.
//! What a table counts, and which tables must agree, the experiment says; here they only have a
//! form and a size.

use std::{borrow::Cow, fmt};

use crate::{
    limit::{MAX_BREAKDOWN_COUNTS, MAX_BREAKDOWN_TABLES, MAX_BREAKDOWN_WORD_BYTES},
    spec::SpecError,
    wire,
};

/// A word of a breakdown: a table, a group, a row or a column.
pub type Word = Cow<'static, str>;

/// The samples of a trial's last evaluation, counted in tables. Empty where no one counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Breakdown(Vec<CountTable>);

/// A table of counts of one group, such as the difficulties of an evaluation's samples.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CountTable {
    /// Its name.
    pub table: Word,
    /// Which of the tables with this name: an evaluation, for example.
    pub group: Word,
    /// What is counted.
    pub columns: Vec<Word>,
    /// What is told apart, in the order in which people read it.
    pub rows: Vec<CountRow>,
}

/// One row of a [`CountTable`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CountRow {
    /// Its name.
    pub row: Word,
    /// A count for every column.
    pub counts: Vec<u64>,
}

/// One count with its names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CountName<'a> {
    /// The table.
    pub table: Cow<'a, str>,
    /// The group.
    pub group: Cow<'a, str>,
    /// The place of the row among those of its table and group, from 0.
    pub position: u32,
    /// The row.
    pub row: Cow<'a, str>,
    /// The column.
    pub column: Cow<'a, str>,
}

impl CountName<'_> {
    /// The name with words of its own.
    #[must_use]
    pub fn into_owned(self) -> CountName<'static> {
        let own = |word: Cow<'_, str>| Cow::Owned(word.into_owned());
        CountName {
            table: own(self.table),
            group: own(self.group),
            position: self.position,
            row: own(self.row),
            column: own(self.column),
        }
    }
}

impl fmt::Display for CountName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            table,
            group,
            row,
            column,
            ..
        } = self;
        write!(f, "{table} {group}, row {row}, {column}")
    }
}

impl Breakdown {
    /// A breakdown into these tables.
    ///
    /// # Errors
    /// It is too large, has two counts of one name, or a row with more or fewer counts than
    /// columns.
    pub fn new(tables: Vec<CountTable>) -> Result<Self, SpecError> {
        let sizes = tables
            .iter()
            .map(|table| table.rows.len().saturating_mul(table.columns.len()));
        let counts = sizes.fold(0_usize, usize::saturating_add);
        if tables.len() > MAX_BREAKDOWN_TABLES || counts > MAX_BREAKDOWN_COUNTS {
            return Err(wrong("it has too many parts"));
        }
        tables.iter().try_for_each(CountTable::check)?;
        let names = tables.iter().map(|table| (&table.table, &table.group));
        if has_twice(names) {
            return Err(wrong("it has a table twice"));
        }
        Ok(Self(tables))
    }

    /// Its tables, in the order in which they were counted.
    #[must_use]
    pub fn tables(&self) -> &[CountTable] {
        &self.0
    }

    /// The table with this name and group.
    #[must_use]
    pub fn get(&self, table: &str, group: &str) -> Option<&CountTable> {
        self.0
            .iter()
            .find(|one| one.table == table && one.group == group)
    }

    /// Every count with its name.
    pub fn counts(&self) -> impl Iterator<Item = (CountName<'_>, u64)> {
        self.0.iter().flat_map(CountTable::counts)
    }
}

impl CountTable {
    /// A column of a row, by name; 0 where there is no such column.
    #[must_use]
    pub fn count(&self, row: &CountRow, column: &str) -> u64 {
        let place = self.columns.iter().position(|name| name == column);
        place
            .and_then(|place| row.counts.get(place))
            .copied()
            .unwrap_or(0)
    }

    fn counts(&self) -> impl Iterator<Item = (CountName<'_>, u64)> {
        (0_u32..).zip(&self.rows).flat_map(move |(position, row)| {
            self.columns
                .iter()
                .zip(&row.counts)
                .map(move |(column, &count)| {
                    let name = CountName {
                        table: Cow::Borrowed(&self.table),
                        group: Cow::Borrowed(&self.group),
                        position,
                        row: Cow::Borrowed(&row.row),
                        column: Cow::Borrowed(column),
                    };
                    (name, count)
                })
        })
    }

    fn check(&self) -> Result<(), SpecError> {
        let names = [&self.table, &self.group].into_iter();
        let rows = self.rows.iter().map(|row| &row.row);
        let mut words = names.chain(&self.columns).chain(rows.clone());
        let is_word = |word: &Word| {
            (1..=MAX_BREAKDOWN_WORD_BYTES).contains(&word.len())
                && !word.contains(|c: char| c.is_control())
        };
        if !words.all(is_word) {
            let problem =
                format!("a word of it does not have 1 to {MAX_BREAKDOWN_WORD_BYTES} bytes");
            return Err(wrong(&problem));
        }
        if has_twice(self.columns.iter()) || has_twice(rows) {
            return Err(wrong("it counts something twice"));
        }
        let fits = |row: &CountRow| {
            // The database holds signed numbers.
            let is_count = |count: &u64| i64::try_from(*count).is_ok();
            row.counts.len() == self.columns.len() && row.counts.iter().all(is_count)
        };
        if !self.rows.iter().all(fits) {
            return Err(wrong(
                "a row of it has other columns, or a count beyond 2^63",
            ));
        }
        Ok(())
    }
}

fn has_twice<T: Ord>(words: impl Iterator<Item = T>) -> bool {
    let mut words: Vec<T> = words.collect();
    words.sort_unstable();
    words.windows(2).any(|pair| pair[0] == pair[1])
}

/// A breakdown that cannot be.
pub(crate) fn wrong(problem: &str) -> SpecError {
    let hint = "it counts the samples of the last evaluation, which all its tables agree on";
    SpecError::new("breakdown", problem, hint)
}

impl From<&Breakdown> for wire::Breakdown {
    fn from(breakdown: &Breakdown) -> Self {
        let row = |row: &CountRow| wire::CountRow {
            row: row.row.clone().into_owned(),
            counts: row.counts.clone(),
        };
        let table = |table: &CountTable| wire::CountTable {
            table: table.table.clone().into_owned(),
            group: table.group.clone().into_owned(),
            columns: table
                .columns
                .iter()
                .map(|word| word.clone().into_owned())
                .collect(),
            rows: table.rows.iter().map(row).collect(),
        };
        Self {
            tables: breakdown.0.iter().map(table).collect(),
        }
    }
}

impl TryFrom<wire::Breakdown> for Breakdown {
    type Error = SpecError;

    fn try_from(breakdown: wire::Breakdown) -> Result<Self, SpecError> {
        let row = |row: wire::CountRow| CountRow {
            row: row.row.into(),
            counts: row.counts,
        };
        let table = |table: wire::CountTable| CountTable {
            table: table.table.into(),
            group: table.group.into(),
            columns: table.columns.into_iter().map(Word::from).collect(),
            rows: table.rows.into_iter().map(row).collect(),
        };
        Self::new(breakdown.tables.into_iter().map(table).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> CountTable {
        let row = |row: &'static str, counts: &[u64]| CountRow {
            row: row.into(),
            counts: counts.to_vec(),
        };
        CountTable {
            table: "difficulty".into(),
            group: "interpolation".into(),
            columns: vec!["examples".into(), "correct".into()],
            rows: vec![row("1-2", &[6, 5]), row("3-4", &[4, 2])],
        }
    }

    fn refused(change: fn(&mut Vec<CountTable>)) {
        let mut tables = vec![
            table(),
            CountTable {
                group: "other".into(),
                ..table()
            },
        ];
        change(&mut tables);
        assert_eq!(Breakdown::new(tables).unwrap_err().path, "breakdown");
    }

    #[test]
    fn a_breakdown_survives_the_wire() {
        let breakdown = Breakdown::new(vec![table()]).unwrap();
        let back = Breakdown::try_from(wire::Breakdown::from(&breakdown)).unwrap();
        assert_eq!(back, breakdown);
        let empty = Breakdown::try_from(wire::Breakdown::default()).unwrap();
        assert_eq!(empty, Breakdown::default());
    }

    #[test]
    fn every_count_has_a_name_and_rows_keep_their_order() {
        let breakdown = Breakdown::new(vec![table()]).unwrap();
        let named: Vec<_> = breakdown
            .counts()
            .map(|(name, count)| (name.position, name.row, name.column, count))
            .collect();
        let expected = [
            (0, "1-2", "examples", 6),
            (0, "1-2", "correct", 5),
            (1, "3-4", "examples", 4),
            (1, "3-4", "correct", 2),
        ];
        let expected = expected.map(|(position, row, column, count)| {
            (position, Cow::Borrowed(row), Cow::Borrowed(column), count)
        });
        assert_eq!(named, expected);
        assert_eq!(table().count(&table().rows[1], "correct"), 2);
        assert_eq!(table().count(&table().rows[1], "charm"), 0);
    }

    #[test]
    fn what_has_no_form_is_refused() {
        refused(|tables| tables[1].group = "interpolation".into());
        refused(|tables| tables[0].rows[1].row = "1-2".into());
        refused(|tables| tables[0].columns[1] = "examples".into());
        refused(|tables| tables[0].rows[0].counts.truncate(1));
        refused(|tables| tables[0].rows[0].counts.push(1));
        refused(|tables| tables[0].rows[0].counts[0] = u64::MAX);
        refused(|tables| tables[0].table = "".into());
        refused(|tables| tables[0].table = "a\u{1b}b".into());
        refused(|tables| tables[0].columns[0] = "c".repeat(MAX_BREAKDOWN_WORD_BYTES + 1).into());
        refused(|tables| tables.resize(MAX_BREAKDOWN_TABLES + 1, table()));
        refused(|tables| {
            let row = |number: usize| CountRow {
                row: number.to_string().into(),
                counts: vec![0; 2],
            };
            tables[0].rows = (0..=MAX_BREAKDOWN_COUNTS / 2).map(row).collect();
        });
    }
}
