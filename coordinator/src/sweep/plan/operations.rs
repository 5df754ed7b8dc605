//! Floating-point operations of one configuration, for the plan and for what times it: those of its
//! matrix products, a multiplication and an addition each. Element-wise work is left out: it is
//! linear where these are quadratic.

use pondersweep_proto::{
    setting::Setting,
    spec::{ConfigurationSpec, ModelKind, StepFunction, Unroll},
};

/// The factors of the count.
#[derive(Clone, Copy, Debug)]
pub struct Operations {
    /// Columns of the input and of the hidden weights.
    gates: f64,
    elements: f64,
    hidden: f64,
    steps: f64,
    /// Linear units read from a sample's states, over all steps.
    reads: f64,
    batch: f64,
    /// Samples of one evaluation.
    examples: f64,
}

/// Whether samples may stop before `max_steps` in training, each by itself.
pub(super) fn stops_early(configuration: &ConfigurationSpec) -> bool {
    match configuration.choice(Setting::METHOD) {
        ModelKind::PonderNet => {
            configuration.choice::<Unroll>(Setting::UNROLL) == Unroll::Cumulative
        }
        ModelKind::Act => true,
        ModelKind::Fixed => false,
    }
}

impl Operations {
    /// Of a trial with this configuration.
    #[must_use]
    pub fn of(configuration: &ConfigurationSpec) -> Self {
        let count = |setting| f64::from(configuration.count(setting));
        let steps = count(Setting::MAX_STEPS);
        let passes = if configuration.flag(Setting::EXTRAPOLATE) {
            2.0
        } else {
            1.0
        };
        Self {
            gates: match configuration.choice(Setting::STEP_FUNCTION) {
                StepFunction::Rnn => 1.0,
                // Reset, update and candidate.
                StepFunction::Gru => 3.0,
                // Input, forget, candidate and output.
                StepFunction::Lstm => 4.0,
            },
            elements: count(Setting::ELEMENTS),
            hidden: count(Setting::HIDDEN),
            steps,
            reads: match configuration.choice(Setting::METHOD) {
                ModelKind::PonderNet | ModelKind::Act => 2.0 * steps,
                // The last step's answer.
                ModelKind::Fixed => 1.0,
            },
            batch: count(Setting::BATCH),
            examples: passes * count(Setting::EXAMPLES),
        }
    }

    /// Of one parameter update: forward and backward over one batch. A backward pass computes
    /// two products for each one of the forward pass, by the weights and by their input; nobody
    /// needs the gradient of x, so `x W` has only the first.
    #[must_use]
    pub fn per_update(&self) -> f64 {
        self.batch * (2.0 * self.input() + 3.0 * (self.recurrence() + self.heads()))
    }

    /// Of one evaluation: forward over its examples, every step computed for the expectation.
    pub(crate) fn per_evaluation(&self) -> f64 {
        self.examples * (self.input() + self.recurrence() + self.heads())
    }

    /// Numbers that training changes, at most: every unit of every gate reads the input, the state, a
    /// flag of the first step and two biases; the heads read the state.
    pub(crate) fn parameters_at_most(&self) -> f64 {
        let gates = self.gates * self.hidden * (self.elements + self.hidden + 3.0);
        gates + 2.0 * (self.hidden + 1.0)
    }

    /// `x W` of one sample: x is the same at every step, so it is computed once.
    fn input(&self) -> f64 {
        2.0 * self.elements * self.gates * self.hidden
    }

    /// `h U` of one sample at steps 2..N: h_0 is zero, so step 1 needs none.
    fn recurrence(&self) -> f64 {
        2.0 * self.hidden * self.gates * self.hidden * (self.steps - 1.0)
    }

    /// The output and the halting head of one sample, at the steps at which they are read.
    fn heads(&self) -> f64 {
        2.0 * self.hidden * self.reads
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paper(step_function: &str) -> Operations {
        let configuration = ConfigurationSpec::from_json(serde_json::json!({
            "task": { "kind": "parity", "elements": 64 },
            "model": { "kind": "ponder_net", "lambda_p": 0.2, "step_function": step_function },
            "training": { "updates": 1 },
            "evaluation": { "examples": 1000 },
        }));
        Operations::of(&configuration.unwrap())
    }

    #[test]
    fn an_update_of_the_papers_size_costs_what_was_counted_by_hand() {
        // 128 samples, 64 elements, 128 units, 20 steps. GRU: x W 6.291e6 twice, h U 12.583e6 at
        // 19 steps and the heads 65.5e3 at 20, three times each.
        let gru = 2.0 * 6_291_456.0 + 3.0 * (19.0 * 12_582_912.0 + 20.0 * 65_536.0);
        assert_eq!(paper("gru").per_update(), gru);
        assert!((gru / 730e6 - 1.0).abs() < 0.01, "{gru}");
        let rnn = paper("rnn").per_update();
        assert!((rnn / 250e6 - 1.0).abs() < 0.02, "{rnn}");
    }

    #[test]
    fn an_evaluation_is_the_forward_pass_of_its_examples() {
        let forward = 6_291_456.0 + 19.0 * 12_582_912.0 + 20.0 * 65_536.0;
        assert_eq!(paper("gru").per_evaluation(), forward / 128.0 * 1000.0);
    }
}
