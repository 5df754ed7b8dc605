//! From rounds to figures: medians and ranges. Pure. A ratio is taken within each round before the
//! median over rounds: only what was measured side by side is compared.

use std::time::Duration;

use pondersweep::quantile;

use super::measure::{Effort, Round};
use crate::spread::Spread;

/// What was achieved.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct NullResult {
    pub(super) rounds: usize,
    pub(super) trials_per_second: Spread,
    /// Of what bulk statements wrote in the same round.
    pub(super) fraction_of_bulk: Spread,
    /// Of what the same commits wrote, without calls and decisions.
    pub(super) fraction_of_commits: Spread,
    /// Calls that the trials took, of those that the server answered without doing anything.
    pub(super) fraction_of_calls: Spread,
    /// From the end of a bundle to the next one, in seconds: half of the bundles, and 99 in
    /// 100, had it sooner.
    pub(super) turnaround_p50: Spread,
    pub(super) turnaround_p99: Spread,
    pub(super) floor: Floor,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Floor {
    pub(super) bulk_per_second: Spread,
    pub(super) committed_per_second: Spread,
    pub(super) calls_per_second: Spread,
    /// The median of a round, in seconds.
    pub(super) flush: Spread,
}

/// The figures of all rounds.
///
/// # Panics
/// There is no round.
pub(super) fn summarise(effort: &Effort, rounds: &[Round]) -> NullResult {
    let over_rounds =
        |figure: &dyn Fn(&Round) -> f64| Spread::of(rounds.iter().map(figure).collect());
    // The call that ends a bundle leases the next.
    let calls = 1.0 / f64::from(effort.lanes);
    NullResult {
        rounds: rounds.len(),
        trials_per_second: over_rounds(&|round| round.trials_per_second),
        fraction_of_bulk: over_rounds(&|round| round.trials_per_second / round.bulk_per_second),
        fraction_of_commits: over_rounds(&|round| {
            round.trials_per_second / round.committed_per_second
        }),
        fraction_of_calls: over_rounds(&|round| {
            round.trials_per_second * calls / round.calls_per_second
        }),
        turnaround_p50: over_rounds(&|round| seconds(&round.turnarounds, 0.5)),
        turnaround_p99: over_rounds(&|round| seconds(&round.turnarounds, 0.99)),
        floor: Floor {
            bulk_per_second: over_rounds(&|round| round.bulk_per_second),
            committed_per_second: over_rounds(&|round| round.committed_per_second),
            calls_per_second: over_rounds(&|round| round.calls_per_second),
            flush: over_rounds(&|round| seconds(&round.flushes, 0.5)),
        },
    }
}

/// The quantile of some durations, in seconds; 0 where there are none, since a worker that
/// leased once has waited for no successor.
fn seconds(durations: &[Duration], probability: f64) -> f64 {
    let mut numbers: Vec<f64> = durations.iter().map(Duration::as_secs_f64).collect();
    if numbers.is_empty() {
        return 0.0;
    }
    numbers.sort_by(f64::total_cmp);
    quantile(&numbers, probability)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) const EFFORT: Effort = Effort {
        rounds: 3,
        trials: 1_000,
        sweep_trials: 0,
        observations: 10,
        workers: 2,
        lanes: 4,
    };

    /// Three rounds of one machine, the second while something else used half of it.
    pub(in super::super) fn result() -> NullResult {
        let round = |speed: f64| Round {
            trials_per_second: 8_000.0 * speed,
            turnarounds: (0..=100).map(|n| Duration::from_micros(n * 100)).collect(),
            bulk_per_second: 16_000.0 * speed,
            committed_per_second: 10_000.0 * speed,
            calls_per_second: 40_000.0 * speed,
            flushes: vec![Duration::from_micros(300); 3],
        };
        summarise(&EFFORT, &[round(1.0), round(0.5), round(1.1)])
    }

    #[test]
    fn a_disturbed_round_moves_the_range_but_no_ratio() {
        let result = result();
        assert_eq!(result.trials_per_second.least, 4_000.0);
        let fraction = result.fraction_of_bulk;
        assert!(
            (fraction.least - fraction.most).abs() < 1e-12,
            "{fraction:?}"
        );
        // A trial is a quarter of a call.
        assert_eq!(result.fraction_of_calls.median, 0.05);
        assert_eq!(result.fraction_of_commits.median, 0.8);
        assert_eq!(result.turnaround_p50.median, 0.005);
    }

    #[test]
    fn without_a_second_bundle_there_was_no_wait() {
        assert_eq!(seconds(&[], 0.99), 0.0);
    }
}
