//! What an experiment is: the metrics that its trials may measure, and what a trial with given
//! settings can say of itself. A sweep answers with its experiment, and everything outside of
//! training works from that. The tables of the built-in training stand in the code, those of a
//! user's program in its sweep.

pub mod counted;

use std::sync::Arc;

use crate::{
    breakdown::{Breakdown, wrong},
    limit::MAX_UPDATES,
    metric::{MetricTable, Observation, built_in},
    program::ProgramSpec,
    setting::Setting,
    spec::{ConfigurationSpec, SpecError, TaskKind},
};

/// The tables of an experiment.
#[derive(Clone, Debug, PartialEq)]
pub struct Experiment {
    metrics: Metrics,
}

#[derive(Clone, Debug, PartialEq)]
enum Metrics {
    BuiltIn(&'static MetricTable),
    Program(Arc<MetricTable>),
}

/// What a learning problem is called where its results are shown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TaskWords {
    /// The share of answers that guessing gets right; `None` where that depends on the settings.
    pub chance: Option<f64>,
    /// What the difficulty of a sample is measured in.
    pub difficulty: &'static str,
    /// What one difficulty is called, where they are a few kinds that have a row each in tables.
    pub kind: Option<&'static str>,
    /// What the samples of an evaluation in extrapolation are like.
    pub extrapolation: &'static str,
    /// The setting that says best how large the problem is.
    pub size: Setting,
}

impl TaskKind {
    /// What the problem is called where its results are shown.
    #[must_use]
    pub const fn words(self) -> TaskWords {
        match self {
            // Odd or even.
            Self::Parity => TaskWords {
                chance: Some(0.5),
                difficulty: "non-zero elements of a sample",
                kind: None,
                extrapolation: "on more non-zero elements than training showed",
                size: Setting::ELEMENTS,
            },
            // Match or lure.
            Self::PairedAssociates => TaskWords {
                chance: Some(0.5),
                difficulty: "pairs from cue to match",
                kind: Some("distance"),
                extrapolation: "",
                size: Setting::SEQUENCES,
            },
            Self::Babi => TaskWords {
                chance: None,
                difficulty: "number of the task",
                kind: Some("task"),
                extrapolation: "",
                size: Setting::TASKS,
            },
        }
    }
}

impl Experiment {
    /// The experiment that the program itself trains.
    #[must_use]
    pub fn built_in() -> Self {
        Self {
            metrics: Metrics::BuiltIn(built_in::table()),
        }
    }

    /// The experiment of a user's program, which was checked.
    #[must_use]
    pub fn of_program(program: &ProgramSpec) -> Self {
        Self {
            metrics: Metrics::Program(Arc::new(program.metric_table())),
        }
    }

    /// What its trials may measure.
    #[must_use]
    pub fn metrics(&self) -> &MetricTable {
        match &self.metrics {
            Metrics::BuiltIn(table) => table,
            Metrics::Program(table) => table,
        }
    }

    /// The last step at which a trial with these settings can observe anything.
    fn last_step(&self, spec: &ConfigurationSpec) -> u64 {
        match self.metrics {
            Metrics::BuiltIn(_) => spec.whole(Setting::UPDATES),
            Metrics::Program(_) => MAX_UPDATES,
        }
    }

    /// Whether a trial with these settings can have observed all of this.
    ///
    /// # Errors
    /// A metric is unknown or was not measured, a value is outside of its bounds, or a step beyond
    /// the trial's last.
    pub fn check_observations(
        &self,
        spec: &ConfigurationSpec,
        observations: &[Observation],
    ) -> Result<(), SpecError> {
        let last = self.last_step(spec);
        for Observation {
            step,
            metric,
            value,
        } in observations
        {
            let known = self.metrics().get(metric).ok_or_else(|| {
                let hint = "the sweep's table of metrics lists those that its trials have";
                let problem = format!("no metric is called {:?}", metric.as_str());
                SpecError::new("observation.metric", problem, hint)
            })?;
            if *step > last {
                let problem = format!("{metric} at step {step}");
                let hint = format!("the trial has {last} updates");
                return Err(SpecError::new("observation.step", problem, hint));
            }
            known.check(*value, spec)?;
        }
        Ok(())
    }

    /// Whether a trial with these settings can have been broken down so.
    ///
    /// # Errors
    /// A table is not one of the experiment's, is of an evaluation that the trial does not have,
    /// has impossible numbers, or contradicts another.
    pub fn check_breakdown(
        &self,
        spec: &ConfigurationSpec,
        breakdown: &Breakdown,
    ) -> Result<(), SpecError> {
        match self.metrics {
            Metrics::BuiltIn(_) => counted::check(spec, breakdown),
            Metrics::Program(_) if breakdown.tables().is_empty() => Ok(()),
            Metrics::Program(_) => Err(wrong("programs have none")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::MetricName;

    /// 100 updates, at most five steps, and the evaluations that are asked for.
    pub(super) fn spec(extrapolate: bool) -> ConfigurationSpec {
        ConfigurationSpec::from_json(serde_json::json!({
            "task": { "kind": "parity", "elements": 8 },
            "model": { "kind": "ponder_net", "lambda_p": 0.5, "max_steps": 5 },
            "training": { "updates": 100 },
            "evaluation": { "extrapolate": extrapolate, "examples": 10 },
        }))
        .unwrap()
    }

    fn refusal(step: u64, metric: &str, value: f64) -> String {
        let metric: MetricName = metric.parse().unwrap();
        let observed = [Observation {
            step,
            metric,
            value,
        }];
        let checked = Experiment::built_in().check_observations(&spec(false), &observed);
        checked.map_or_else(|error| error.to_string(), |()| String::new())
    }

    #[test]
    fn what_a_trial_cannot_have_measured_is_refused_with_the_reason() {
        assert_eq!(refusal(100, "accuracy_interpolation", 1.0), "");
        assert_eq!(refusal(0, "loss_training", -0.25), "");
        assert_eq!(refusal(7, "ponder_steps_computed", 5.0), "");
        // Sums of probabilities are rounded.
        assert_eq!(
            refusal(7, "accuracy_expected_interpolation", 1.000_000_000_1),
            ""
        );
        for (step, metric, value, said) in [
            (100, "accuracy_interpolation", -5.0, "is -5e0"),
            (100, "accuracy_interpolation", 1e308, "between 0e0 and 1e0"),
            (100, "loss_interpolation", 1e308, "is 1e308"),
            (
                100,
                "ponder_steps_interpolation",
                6.0,
                "between 1e0 and 5e0",
            ),
            (101, "accuracy_interpolation", 0.5, "has 100 updates"),
            (
                100,
                "accuracy_extrapolation",
                0.5,
                "no extrapolation to evaluate",
            ),
            (100, "charm", 0.5, "no metric is called \"charm\""),
        ] {
            let refused = refusal(step, metric, value);
            assert!(
                refused.contains(said) && refused.contains("hint: "),
                "{refused}"
            );
        }
    }
}
