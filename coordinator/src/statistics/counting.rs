//! How replicates without a score are counted. The rule is the caller's; this type makes it one
//! thing that is applied everywhere and can be printed.

use std::fmt;

use serde::Serialize;

/// What became of one replicate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Replicate {
    /// It has a score, a finite number.
    Measured(f64),
    /// Training diverged: a result without a score.
    Infeasible,
    /// There is no result: the machinery failed, or it has not run yet.
    Missing,
}

/// What a replicate without a score stands for.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Counted {
    /// Nothing: it is left out.
    LeftOut,
    /// This score, such as the accuracy of guessing.
    As(f64),
}

/// How replicates without a score are counted.
///
/// Leaving out infeasible replicates flatters a configuration that diverges often; counting missing
/// ones as a score blames it for a machine's failure; [`Counting::infeasible_as`] does neither.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Counting {
    /// A replicate whose training diverged.
    pub infeasible: Counted,
    /// A replicate without a result.
    pub missing: Counted,
    /// What makes a replicate infeasible, in words.
    #[serde(skip)]
    pub infeasible_is: &'static str,
}

/// What makes a replicate of the built-in training infeasible.
pub const DIVERGED: &str = "training diverged";

impl Counting {
    /// An infeasible replicate counts as this score, a missing one is left out.
    #[must_use]
    pub const fn infeasible_as(score: f64) -> Self {
        Self {
            infeasible: Counted::As(score),
            missing: Counted::LeftOut,
            infeasible_is: DIVERGED,
        }
    }

    /// The score of a replicate; `None` where it is left out.
    #[must_use]
    pub const fn score(&self, replicate: Replicate) -> Option<f64> {
        let counted = match replicate {
            Replicate::Measured(score) => return Some(score),
            Replicate::Infeasible => self.infeasible,
            Replicate::Missing => self.missing,
        };
        match counted {
            Counted::LeftOut => None,
            Counted::As(score) => Some(score),
        }
    }
}

impl fmt::Display for Counting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            infeasible,
            missing,
            infeasible_is,
        } = self;
        write!(
            f,
            "an infeasible replicate ({infeasible_is}) {infeasible}, one without a result {missing}"
        )
    }
}

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LeftOut => write!(f, "is left out"),
            // What lies just below a score is told by it.
            Self::As(score) => write!(f, "counts as {}", (score * 1e9).round() / 1e9),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diverged_replicate_counts_and_a_missing_one_does_not() {
        let counting = Counting::infeasible_as(0.5);
        let replicates = [
            Replicate::Measured(0.9),
            Replicate::Infeasible,
            Replicate::Missing,
        ];
        let scores = replicates.map(|replicate| counting.score(replicate));
        assert_eq!(scores, [Some(0.9), Some(0.5), None]);
    }

    #[test]
    fn the_rule_can_be_read() {
        assert_eq!(
            Counting::infeasible_as(0.5).to_string(),
            "an infeasible replicate (training diverged) counts as 0.5, one without a result is left out"
        );
    }
}
