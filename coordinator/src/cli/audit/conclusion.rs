//! What follows from the replays of a sample for all results of a sweep. It trains nothing.

use std::fmt;

use crate::{
    cli::replay::Replayed,
    statistics::{CONFIDENCE, exact_upper_bound},
};

/// What an audit says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Conclusion {
    /// Results of the sweep.
    pub(super) results: u64,
    /// Those that were trained again.
    pub(super) replayed: u64,
    /// Those that differ.
    pub(super) wrong: u64,
    /// The share of results that differ is at most this.
    pub(super) upper_bound: f64,
    /// How sure that is: 1 where everything was trained again.
    pub(super) confidence: f64,
}

impl Conclusion {
    /// From the replays, which say as much as `effective_size` trials drawn from all `results`
    /// alike.
    pub(super) fn new(replayed: &[Replayed], effective_size: u64, results: u64) -> Self {
        let wrong = replayed.iter().filter(|replayed| !replayed.is_exact());
        let wrong = wrong.count() as u64;
        Self::of(wrong, replayed.len() as u64, effective_size, results)
    }

    fn of(wrong: u64, replayed: u64, effective_size: u64, results: u64) -> Self {
        let all = replayed == results;
        Self {
            results,
            replayed,
            wrong,
            upper_bound: if all {
                wrong as f64 / results as f64
            } else {
                exact_upper_bound(wrong.min(effective_size), effective_size)
            },
            confidence: if all { 1.0 } else { CONFIDENCE },
        }
    }
}

impl fmt::Display for Conclusion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            results,
            replayed,
            wrong,
            ..
        } = self;
        let exact = replayed - wrong;
        if replayed == results {
            return write!(
                f,
                "{exact} of {replayed} EXACT: every result was trained again"
            );
        }
        write!(
            f,
            "{exact} of {replayed} EXACT: at {:.0} % confidence at most {:.1} % of the {results} results \
             differ (exact binomial bound)",
            CONFIDENCE * 100.0,
            self.upper_bound * 100.0
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_bounds_the_share_and_the_whole_knows_it() {
        let sampled = Conclusion::of(0, 61, 59, 1_000);
        assert!(sampled.upper_bound < 0.05, "{sampled:?}");
        assert_eq!(
            sampled.to_string(),
            "61 of 61 EXACT: at 95 % confidence at most 5.0 % of the 1000 results differ (exact binomial bound)"
        );
        let whole = Conclusion::of(1, 8, 8, 8);
        assert_eq!((whole.upper_bound, whole.confidence), (0.125, 1.0));
        assert_eq!(
            whole.to_string(),
            "7 of 8 EXACT: every result was trained again"
        );
    }
}
