//! `--until-ci` and `--threshold`: what is to be known about every configuration of a sweep, and
//! what is known so far. The rule itself is in `allocation/`.

use pondersweep_proto::{error::SweepError, wire};

use crate::{
    allocation::{Precision, Replicates},
    store::CellTally,
    sweep::SweepSpec,
};

/// The precision asked of a sweep.
pub(super) fn precision(
    spec: &SweepSpec,
    half_width: f64,
    threshold: Option<f64>,
) -> Result<Precision, SweepError> {
    let terms = spec.terms();
    if terms.initial_replicates.is_none() {
        return Err(SweepError::Invalid(format!(
            "the sweep {:?} has no replicates to add: all {} of each configuration are run anyway\n\
             hint: under [replicates] in its file, `count` are run first and `most` is how many there may be",
            terms.name, terms.replicates
        )));
    }
    if !terms.goal().is_set() {
        return Err(SweepError::Invalid(
            "nothing says when a trial of this sweep is solved\n\
             hint: say it in [metrics], such as accuracy = { better = \"higher\", solved = 0.95 }"
                .into(),
        ));
    }
    Ok(Precision {
        half_width,
        threshold,
        most: terms.replicates,
    })
}

/// Half of the length of an interval of a share.
pub(super) fn half_width(text: &str) -> Result<f64, String> {
    strictly_between(text, 0.5).ok_or_else(|| {
        "a number between 0 and 0.5: how far the share solved may lie on either side of the middle of its \
         interval"
            .into()
    })
}

/// A share that can be decided: 0 and 1 never are.
pub(super) fn threshold(text: &str) -> Result<f64, String> {
    strictly_between(text, 1.0).ok_or_else(|| "a share solved, between 0 and 1".into())
}

fn strictly_between(text: &str, end: f64) -> Option<f64> {
    let number: f64 = text.parse().ok()?;
    (number > 0.0 && number < end).then_some(number)
}

/// A configuration as the database counts it.
pub(super) fn of_tally(tally: &CellTally) -> Replicates {
    let given = tally.results + tally.waiting + tally.without_result;
    Replicates {
        results: tally.results,
        solved: tally.solved,
        waiting: tally.waiting,
        given: u32::try_from(given).unwrap_or(u32::MAX),
    }
}

/// A configuration as a coordinator counts it.
pub(super) fn of_message(cell: &wire::Cell) -> anyhow::Result<Replicates> {
    anyhow::ensure!(
        cell.solved <= cell.results,
        "the coordinator counts {} of {} results as solved",
        cell.solved,
        cell.results
    );
    let given = [cell.waiting, cell.without_result]
        .into_iter()
        .fold(cell.results, u64::saturating_add);
    Ok(Replicates {
        results: cell.results,
        solved: cell.solved,
        waiting: cell.waiting,
        given: u32::try_from(given).unwrap_or(u32::MAX),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_asked_for_is_refused() {
        assert_eq!(half_width("0.05"), Ok(0.05));
        for text in ["0", "-0.1", "0.5", "5", "nan", "", "5%"] {
            assert!(half_width(text).is_err(), "{text}");
        }
        assert_eq!(threshold("0.9"), Ok(0.9));
        for text in ["0", "1", "inf", "x"] {
            assert!(threshold(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_coordinator_that_cannot_count_is_no_reason_to_panic() {
        let counted = |solved, waiting| {
            of_message(&wire::Cell {
                results: 3,
                solved,
                waiting,
                ..wire::Cell::default()
            })
        };
        assert_eq!(counted(2, 2).unwrap().given, 5);
        assert!(counted(4, 0).is_err());
        assert_eq!(counted(3, u64::MAX).unwrap().given, u32::MAX);
    }
}
