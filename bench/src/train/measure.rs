//! Times the cases, round after round. Floor and training alternate, so that what else the machine
//! does, and its clock, hit both alike.

use std::time::Duration;

use pondersweep_proto::spec::{SpecError, TrialSpec};

use super::{case::Case, floor::floor_gigaflops, updates::updates_per_second};

/// How long to measure.
#[derive(Clone, Copy, Debug)]
pub(super) struct Effort {
    pub(super) rounds: u32,
    /// A case's time in a round; its floor has a half of it.
    pub(super) window: Duration,
}

/// One case in one round.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sample {
    /// Of all lanes together.
    pub(super) updates_per_second: f64,
    /// Of plain multiplications on as many threads, just before, in 10^9 operations a second.
    pub(super) floor_gigaflops: f64,
}

/// A sample of every case, in their order.
pub(super) type Round = Vec<Sample>;

/// Times every case in every round, after a round that is thrown away.
pub(super) fn rounds(cases: &[Case], effort: Effort) -> Result<Vec<Round>, SpecError> {
    let bundles = cases.iter().map(|case| case.shape.trials(case.lanes));
    let bundles: Vec<Vec<TrialSpec>> = bundles.collect::<Result<_, _>>()?;
    let round = |window| -> Round {
        let cases = cases.iter().zip(&bundles);
        cases
            .map(|(case, trials)| sample(case, trials, window))
            .collect()
    };
    // Pages are mapped and the clock is up after a tenth of the time.
    let _warm_up = round(effort.window / 10);
    Ok((0..effort.rounds).map(|_| round(effort.window)).collect())
}

fn sample(case: &Case, trials: &[TrialSpec], window: Duration) -> Sample {
    let threads = case.threads as usize;
    Sample {
        floor_gigaflops: floor_gigaflops(threads, window / 2),
        updates_per_second: updates_per_second(trials, threads, window),
    }
}
