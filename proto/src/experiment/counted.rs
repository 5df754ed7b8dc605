//! The breakdowns of the built-in training: its last evaluations by difficulty and by the step at
//! which samples halted, as halting was drawn. Both count the same samples and the same steps; one
//! that contradicts the other is refused where it arrives.

use std::ops::RangeInclusive;

use crate::{
    breakdown::{Breakdown, CountRow, CountTable, wrong},
    limit::MAX_DIFFICULTY_BUCKETS,
    setting::Setting,
    spec::{Choice as _, ConfigurationSpec, EvaluationRange, SpecError},
    task,
};

/// By difficulty: a row for each range of them.
pub const DIFFICULTY: &str = "difficulty";
/// By the ponder step, from 1, at which samples halted; no row where none did.
pub const HALTING: &str = "halting";
/// Samples.
pub const EXAMPLES: &str = "examples";
/// Samples that were answered rightly.
pub const CORRECT: &str = "correct";
/// Ponder steps of all of them together.
pub const PONDER_STEPS: &str = "ponder_steps";

/// The name of a range of difficulties: both ends, or the only one.
#[must_use]
pub fn difficulty_row(difficulties: &RangeInclusive<u32>) -> String {
    match (difficulties.start(), difficulties.end()) {
        (first, last) if first == last => first.to_string(),
        (first, last) => format!("{first}-{last}"),
    }
}

/// The range of difficulties with this name; `None` where it is none's.
#[must_use]
pub fn difficulties(row: &str) -> Option<RangeInclusive<u32>> {
    let (first, last) = row.split_once('-').unwrap_or((row, row));
    let range = first.parse().ok()?..=last.parse().ok()?;
    (difficulty_row(&range) == row).then_some(range)
}

/// # Errors
/// See [`super::Experiment::check_breakdown`].
pub(super) fn check(spec: &ConfigurationSpec, breakdown: &Breakdown) -> Result<(), SpecError> {
    let known = breakdown.tables().iter().all(|table| {
        let range = EvaluationRange::from_name(&table.group);
        let columns: Vec<&str> = table.columns.iter().map(|word| &**word).collect();
        range.is_some_and(|range| spec.evaluates(range))
            && match &*table.table {
                DIFFICULTY => columns == [EXAMPLES, CORRECT, PONDER_STEPS],
                HALTING => columns == [EXAMPLES],
                _ => false,
            }
    });
    if !known {
        return Err(wrong(
            "it has a table that the trial's settings do not lead to",
        ));
    }
    for range in EvaluationRange::ALL {
        let [difficulty, halting] =
            [DIFFICULTY, HALTING].map(|table| breakdown.get(table, range.name()));
        let by_difficulty = sum(difficulty, |table, row| {
            of_difficulty(spec, *range, table, row)
        })?;
        let by_step = sum(halting, |table, row| of_step(spec, table, row))?;
        if by_difficulty != by_step {
            return Err(wrong("its two counts contradict each other"));
        }
    }
    Ok(())
}

/// A row's place, the samples that it counts and their steps.
type Counted = (RangeInclusive<u32>, [u64; 2]);

/// The samples and steps of all rows, which ascend.
fn sum(
    table: Option<&CountTable>,
    count: impl Fn(&CountTable, &CountRow) -> Result<Counted, SpecError>,
) -> Result<[u64; 2], SpecError> {
    let Some(table) = table else {
        return Ok([0; 2]);
    };
    let (mut before, mut sums) = (0, [0_u64; 2]);
    for row in &table.rows {
        let (place, counts) = count(table, row)?;
        if *place.start() <= before || place.is_empty() {
            return Err(wrong("its parts are out of order"));
        }
        before = *place.end();
        sums = [sums[0] + counts[0], sums[1] + counts[1]];
    }
    Ok(sums)
}

/// No sum of such numbers overflows.
fn of_difficulty(
    spec: &ConfigurationSpec,
    range: EvaluationRange,
    table: &CountTable,
    row: &CountRow,
) -> Result<Counted, SpecError> {
    let possible = task::difficulties(spec, range);
    let [examples, correct, steps] =
        [EXAMPLES, CORRECT, PONDER_STEPS].map(|column| table.count(row, column));
    let most_steps = examples.saturating_mul(spec.whole(Setting::MAX_STEPS));
    let place = difficulties(&row.row).filter(|place| {
        possible.contains(place.start())
            && possible.contains(place.end())
            && table.rows.len() <= MAX_DIFFICULTY_BUCKETS
            && (1..=spec.whole(Setting::EXAMPLES)).contains(&examples)
            && correct <= examples
            && (examples..=most_steps).contains(&steps)
    });
    let place = place.ok_or_else(|| wrong("a difficulty has impossible numbers"))?;
    Ok((place, [examples, steps]))
}

fn of_step(
    spec: &ConfigurationSpec,
    table: &CountTable,
    row: &CountRow,
) -> Result<Counted, SpecError> {
    let examples = table.count(row, EXAMPLES);
    let step = difficulties(&row.row).filter(|step| {
        step.start() == step.end()
            && (1..=spec.count(Setting::MAX_STEPS)).contains(step.start())
            && (1..=spec.whole(Setting::EXAMPLES)).contains(&examples)
    });
    let step = step.ok_or_else(|| wrong("a halting step has impossible numbers"))?;
    let steps = u64::from(*step.start()) * examples;
    Ok((step, [examples, steps]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::{Experiment, tests::spec};

    fn table(
        table: &'static str,
        columns: &[&'static str],
        rows: &[(&'static str, &[u64])],
    ) -> CountTable {
        let row = |(row, counts): &(&'static str, &[u64])| CountRow {
            row: (*row).into(),
            counts: counts.to_vec(),
        };
        CountTable {
            table: table.into(),
            group: "interpolation".into(),
            columns: columns.iter().map(|column| (*column).into()).collect(),
            rows: rows.iter().map(row).collect(),
        }
    }

    fn tables() -> Vec<CountTable> {
        let columns = [EXAMPLES, CORRECT, PONDER_STEPS];
        vec![
            table(
                DIFFICULTY,
                &columns,
                &[("1-2", &[6, 6, 6]), ("3-4", &[4, 2, 9])],
            ),
            table(
                HALTING,
                &[EXAMPLES],
                &[("1", &[7]), ("2", &[1]), ("3", &[2])],
            ),
        ]
    }

    fn checked(tables: Vec<CountTable>, extrapolate: bool) -> Result<(), SpecError> {
        let breakdown = Breakdown::new(tables).unwrap();
        Experiment::built_in().check_breakdown(&spec(extrapolate), &breakdown)
    }

    fn refused(change: fn(&mut CountTable, &mut CountTable)) {
        let mut tables = tables();
        let [difficulty, halting] = &mut tables[..] else {
            unreachable!()
        };
        change(difficulty, halting);
        assert_eq!(checked(tables, true).unwrap_err().path, "breakdown");
    }

    #[test]
    fn what_adds_up_is_accepted_and_so_is_nothing() {
        assert_eq!(checked(tables(), false), Ok(()));
        assert_eq!(checked(Vec::new(), false), Ok(()));
    }

    #[test]
    fn what_does_not_add_up_is_refused() {
        refused(|difficulty, _| difficulty.rows[0].counts[0] += 1);
        refused(|difficulty, _| difficulty.rows[0].counts[2] += 1);
        refused(|difficulty, _| difficulty.rows[0].counts[1] = 7);
        refused(|difficulty, _| difficulty.rows[0].row = "0-2".into());
        refused(|difficulty, _| difficulty.rows[0].row = "1-3".into());
        refused(|difficulty, _| difficulty.rows[0].row = "2-1".into());
        refused(|difficulty, _| difficulty.rows[0].row = "some".into());
        refused(|difficulty, _| difficulty.rows[0].row = "01-2".into());
        refused(|difficulty, _| difficulty.rows[1].row = "3-5".into());
        refused(|difficulty, _| difficulty.group = "extrapolation".into());
        refused(|difficulty, _| difficulty.rows[1].counts[0] = 1 << 40);
        refused(|_, halting| halting.rows[2].row = "6".into());
        refused(|_, halting| halting.rows.swap(0, 1));
        refused(|_, halting| halting.rows[1].counts[0] = 0);
        refused(|_, halting| halting.rows[1].row = "0".into());
        refused(|_, halting| halting.rows.truncate(2));
        refused(|_, halting| halting.table = "charm".into());
        refused(|_, halting| halting.columns[0] = "charm".into());
    }

    #[test]
    fn only_what_was_evaluated_is_broken_down() {
        let mut tables = tables();
        for table in &mut tables {
            table.group = "extrapolation".into();
        }
        tables[0].rows[0].row = "5-6".into();
        tables[0].rows[1].row = "7-8".into();
        assert_eq!(checked(tables.clone(), true), Ok(()));
        assert!(checked(tables, false).is_err());
    }
}
