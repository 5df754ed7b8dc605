//! The metrics a trial may report. A metric's name says on which data it was computed.

use std::{fmt, str::FromStr};

/// Defines the metrics once: variant, name and meaning.
macro_rules! metrics {
    ($($variant:ident = $name:literal, $doc:literal;)*) => {
        /// A quantity measured by an evaluation or by training.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Metric { $(#[doc = $doc] $variant,)* }

        impl Metric {
            /// Every metric, in the order of the columns of `trial_result`.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The metric's name in the database, on the wire and in exports.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

metrics! {
    AccuracyInterpolation = "accuracy_interpolation",
        "Share of correct answers with sampled halting, on as many non-zeros as in training: the headline.";
    AccuracyExpectedInterpolation = "accuracy_expected_interpolation",
        "`sum_n p_n [y_n correct]` on the same samples: the same mean, a lower variance.";
    PonderStepsInterpolation = "ponder_steps_interpolation",
        "Mean number of ponder steps with sampled halting.";
    PonderStepsExpectedInterpolation = "ponder_steps_expected_interpolation",
        "`sum_n n p_n` on the same samples.";
    LossInterpolation = "loss_interpolation",
        "The training objective, ponder cost included, on the evaluation samples.";
    AccuracyExtrapolation = "accuracy_extrapolation",
        "Share of correct answers with sampled halting, on more non-zeros than training showed.";
    AccuracyExpectedExtrapolation = "accuracy_expected_extrapolation",
        "`sum_n p_n [y_n correct]` on the same samples.";
    PonderStepsExtrapolation = "ponder_steps_extrapolation",
        "Mean number of ponder steps with sampled halting.";
    PonderStepsExpectedExtrapolation = "ponder_steps_expected_extrapolation",
        "`sum_n n p_n` on the same samples.";
    LossExtrapolation = "loss_extrapolation",
        "The training objective, ponder cost included, on the evaluation samples.";
    LossTraining = "loss_training",
        "The training objective, averaged over the updates since the last observation.";
    PonderStepsComputed = "ponder_steps_computed",
        "Mean number of steps that training computed for a sample, over the updates since the last observation.";
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that no metric has.
#[derive(Debug, thiserror::Error)]
#[error("no metric is called {0:?}")]
pub struct UnknownMetric(String);

impl FromStr for Metric {
    type Err = UnknownMetric;

    fn from_str(text: &str) -> Result<Self, UnknownMetric> {
        let found = Self::ALL
            .iter()
            .copied()
            .find(|metric| metric.name() == text);
        found.ok_or_else(|| UnknownMetric(text.chars().take(80).collect()))
    }
}

/// One measured number of an attempt.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Observation {
    /// Parameter updates done when it was measured.
    pub step: u64,
    /// What was measured.
    pub metric: Metric,
    /// The measured number, always finite.
    pub value: f64,
}
