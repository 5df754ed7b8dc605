//! The trials that are timed: parity with PonderNet in one shape. Touches nothing.

use pondersweep_proto::{
    limit::MAX_UPDATES,
    spec::{ConfigurationSpec, SpecError, StepFunction, TrialSpec, Unroll},
};

/// Base of every random stream of a timed trial: any, but always the same.
const SEED: u64 = 0;
/// The prior's parameter. With a fixed unroll the time does not depend on it.
const LAMBDA_P: f64 = 0.2;

/// The sizes of the trials that are timed. All else is as a sweep file without it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    /// The iterated function.
    pub(super) step_function: StepFunction,
    /// Units of the hidden state.
    pub(super) hidden: u32,
    /// Length of the input vector.
    pub(super) elements: u32,
    /// Samples of one update.
    pub(super) batch: u32,
    /// N, the most ponder steps.
    pub(super) max_steps: u32,
    /// How many steps training computes.
    pub(super) unroll: Unroll,
}

impl Shape {
    /// A configuration that trains far longer than anyone times, and is not measured meanwhile.
    pub(super) fn configuration(&self) -> Result<ConfigurationSpec, SpecError> {
        self.settings(MAX_UPDATES, MAX_UPDATES)
    }

    /// `lanes` replicates of it: the lanes of one bundle.
    pub(super) fn trials(&self, lanes: u32) -> Result<Vec<TrialSpec>, SpecError> {
        let configuration = self.configuration()?;
        let trial = |replicate| TrialSpec {
            configuration: configuration.clone(),
            seed: SEED,
            replicate,
            common_seeds: false,
            program: None,
        };
        Ok((0..lanes).map(trial).collect())
    }

    /// One trial that takes `updates` updates and is observed after each.
    pub(super) fn observed_trial(&self, updates: u64) -> Result<TrialSpec, SpecError> {
        Ok(TrialSpec {
            configuration: self.settings(updates, 1)?,
            seed: SEED,
            replicate: 0,
            common_seeds: false,
            program: None,
        })
    }

    /// Through the form of a file, so that what is not stated here has a sweep's default.
    fn settings(&self, updates: u64, every: u64) -> Result<ConfigurationSpec, SpecError> {
        ConfigurationSpec::from_json(serde_json::json!({
            "task": { "kind": "parity", "elements": self.elements },
            "model": {
                "kind": "ponder_net",
                "step_function": self.step_function,
                "hidden": self.hidden,
                "lambda_p": LAMBDA_P,
                "max_steps": self.max_steps,
                "unroll": self.unroll,
            },
            "training": { "updates": updates, "batch": self.batch },
            "evaluation": { "every": every, "examples": 1 },
        }))
    }
}
