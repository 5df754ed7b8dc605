//! The last evaluation of a trial, broken down, as one flat list of named whole numbers: two of them
//! are then compared number by number. It checks nothing; what was tampered with is to be compared, too.

use std::{collections::BTreeMap, fmt};

use pondersweep_proto::{
    breakdown::{DifficultyBucket, HaltingCount},
    setting::training::EvaluationRange,
};

/// The name of one whole number of a trial's last evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CountName {
    /// The table that it stands in.
    pub table: CountTable,
    /// Which evaluation.
    pub range: EvaluationRange,
    /// The row: the least number of non-zero elements, or the ponder step.
    pub row: u32,
    /// The column.
    pub column: &'static str,
}

/// The tables that hold an evaluation broken down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CountTable {
    /// By number of non-zero elements.
    Difficulty,
    /// By the ponder step at which samples halted.
    Halting,
}

impl CountTable {
    /// Its name in the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Difficulty => "difficulty",
            Self::Halting => "halting",
        }
    }
}

impl fmt::Display for CountName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let row = match self.table {
            CountTable::Difficulty => "first_nonzeros",
            CountTable::Halting => "step",
        };
        write!(
            formatter,
            "{} {}, {row} {}, {}",
            self.table.name(),
            self.range.name(),
            self.row,
            self.column
        )
    }
}

/// Whole numbers of an evaluation by their names.
pub type Counts = BTreeMap<CountName, u64>;

/// Names every number of an evaluation.
#[must_use]
pub fn counts(difficulty: &[DifficultyBucket], halting: &[HaltingCount]) -> Counts {
    let difficulty = difficulty.iter().flat_map(|bucket| {
        let columns = [
            ("last_nonzeros", u64::from(bucket.last_nonzeros)),
            ("examples", bucket.examples),
            ("correct", bucket.correct),
            ("ponder_steps", bucket.ponder_steps),
        ];
        columns.map(|(column, number)| {
            let name = CountName {
                table: CountTable::Difficulty,
                range: bucket.range,
                row: bucket.first_nonzeros,
                column,
            };
            (name, number)
        })
    });
    let halting = halting.iter().map(|count| {
        let name = CountName {
            table: CountTable::Halting,
            range: count.range,
            row: count.step,
            column: "examples",
        };
        (name, count.examples)
    });
    difficulty.chain(halting).collect()
}
