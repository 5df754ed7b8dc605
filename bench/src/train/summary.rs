//! From samples to figures: medians and ranges over rounds. Pure. A ratio is taken within each
//! round before the median over rounds: only what was measured side by side is compared.

use pondersweep::sweep::Operations;
use pondersweep_proto::spec::SpecError;

use super::{case::Case, measure::Round};
use crate::spread::Spread;

/// What one case achieved.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct CaseResult {
    pub(super) case: Case,
    /// Of the matrix products of one update of one trial; see [`Operations`].
    pub(super) operations_per_update: f64,
    /// Of all lanes together.
    pub(super) updates_per_second: Spread,
    /// 10^9 operations a second.
    pub(super) gigaflops: Spread,
    /// `gigaflops` over the floor of as many threads.
    pub(super) fraction_of_floor: Spread,
    /// Updates a second over those of the same bundle on one thread, where that was timed.
    pub(super) speed_up: Option<Spread>,
    /// Resident memory that one more lane takes, where the system tells.
    pub(super) bytes_per_lane: Option<u64>,
}

/// The floor of a number of threads, in 10^9 operations a second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Floor {
    pub(super) threads: u32,
    pub(super) gigaflops: Spread,
}

/// What every case achieved, in their order.
pub(super) fn summarise(
    cases: &[Case],
    rounds: &[Round],
    bytes_per_lane: &[Option<u64>],
) -> Result<Vec<CaseResult>, SpecError> {
    let result = |(index, &bytes): (usize, &Option<u64>)| {
        let operations = Operations::of(&cases[index].shape.configuration()?).per_update();
        Ok(of_case(cases, rounds, index, operations, bytes))
    };
    bytes_per_lane.iter().enumerate().map(result).collect()
}

fn of_case(
    cases: &[Case],
    rounds: &[Round],
    index: usize,
    operations: f64,
    bytes_per_lane: Option<u64>,
) -> CaseResult {
    let over_rounds =
        |figure: &dyn Fn(&Round) -> f64| Spread::of(rounds.iter().map(figure).collect());
    let rate = |round: &Round| round[index].updates_per_second;
    let gigaflops = |round: &Round| rate(round) * operations / 1e9;
    CaseResult {
        case: cases[index],
        operations_per_update: operations,
        updates_per_second: over_rounds(&rate),
        gigaflops: over_rounds(&gigaflops),
        fraction_of_floor: over_rounds(&|round| gigaflops(round) / round[index].floor_gigaflops),
        speed_up: on_one_thread(cases, index)
            .map(|one| over_rounds(&|round| rate(round) / round[one].updates_per_second)),
        bytes_per_lane,
    }
}

/// The case that differs from this one by having one thread; `None` if this one has.
fn on_one_thread(cases: &[Case], index: usize) -> Option<usize> {
    let one = Case {
        threads: 1,
        ..cases[index]
    };
    cases
        .iter()
        .position(|&case| case == one)
        .filter(|&found| found != index)
}

/// The floor of every number of threads, in the order in which the cases meet them.
pub(super) fn floors(cases: &[Case], rounds: &[Round]) -> Vec<Floor> {
    let mut threads: Vec<u32> = Vec::new();
    for case in cases {
        if !threads.contains(&case.threads) {
            threads.push(case.threads);
        }
    }
    let floor = |threads| {
        let samples = rounds.iter().flat_map(|round| cases.iter().zip(round));
        let of_threads = samples.filter(|(case, _)| case.threads == threads);
        let gigaflops = of_threads
            .map(|(_, sample)| sample.floor_gigaflops)
            .collect();
        Floor {
            threads,
            gigaflops: Spread::of(gigaflops),
        }
    };
    threads.into_iter().map(floor).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::{
        super::{case::gru, measure::Sample},
        *,
    };

    pub(in super::super) const CASES: fn() -> [Case; 3] = || [gru(1, 1), gru(2, 1), gru(2, 2)];

    /// Three rounds of one machine, the second while something else ran on half of it.
    pub(in super::super) fn rounds() -> Vec<Round> {
        let sample = |updates_per_second, floor_gigaflops| Sample {
            updates_per_second,
            floor_gigaflops,
        };
        let round = |scale: f64| {
            vec![
                sample(100.0 * scale, 120.0 * scale),
                sample(98.0 * scale, 120.0 * scale),
                sample(196.0 * scale, 240.0 * scale),
            ]
        };
        vec![round(1.0), round(0.5), round(1.1)]
    }

    pub(in super::super) fn results() -> Vec<CaseResult> {
        summarise(
            &CASES(),
            &rounds(),
            &[Some(1_200_000), Some(1_200_000), None],
        )
        .unwrap()
    }

    #[test]
    fn a_disturbed_round_moves_the_range_but_no_ratio() {
        let results = results();
        let updates = results[0].updates_per_second;
        assert_eq!((updates.median, updates.least), (100.0, 50.0));
        let fraction = results[0].fraction_of_floor;
        assert!(
            (fraction.most / fraction.least - 1.0).abs() < 1e-12,
            "{fraction:?}"
        );
        // 733.7 million operations a hundred times a second, of 120 thousand million.
        assert!(
            (fraction.median - 73.37 / 120.0).abs() < 1e-4,
            "{fraction:?}"
        );
    }

    #[test]
    fn the_speed_up_compares_the_same_bundle_on_one_thread() {
        let results = results();
        assert_eq!(results[0].speed_up, None);
        assert_eq!(results[1].speed_up, None);
        assert_eq!(results[2].speed_up.unwrap().median, 2.0);
    }

    #[test]
    fn floors_are_told_apart_by_their_threads() {
        let floors = floors(&CASES(), &rounds());
        let medians = floors
            .iter()
            .map(|floor| (floor.threads, floor.gigaflops.median));
        assert_eq!(medians.collect::<Vec<_>>(), [(1, 120.0), (2, 240.0)]);
    }
}
