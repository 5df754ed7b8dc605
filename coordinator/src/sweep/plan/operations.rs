//! Floating-point operations of one configuration, for the plan and for what times it: those of its
//! matrix products, a multiplication and an addition each. Element-wise work is left out: it is
//! linear where these are quadratic.

use pondersweep_proto::{
    setting::Setting,
    spec::{ConfigurationSpec, ModelKind, StepFunction, Unroll},
    task::{self, Content, Input, Tokens},
};

/// Counts of one sample, by what they are multiplied with.
#[derive(Clone, Copy, Debug)]
pub struct Operations {
    /// Of what is computed once: no one needs the gradient of x.
    input: f64,
    /// Of all steps after that.
    recurrence: f64,
    /// Of the linear units that answer and halt, at the steps at which they are read.
    heads: f64,
    /// Numbers that training changes, at most.
    parameters: f64,
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
        let reads = match configuration.choice(Setting::METHOD) {
            ModelKind::PonderNet | ModelKind::Act => 2.0 * steps,
            // The last step's answer.
            ModelKind::Fixed => 1.0,
        };
        let [input, recurrence, parameters] = match Input::of(configuration) {
            Input::Vector { elements } => recurrent(configuration, elements as f64, steps),
            Input::Tokens(tokens) => transformer(configuration, &tokens, steps),
        };
        Self {
            input,
            recurrence,
            heads: 2.0 * count(Setting::HIDDEN) * reads,
            parameters,
            batch: count(Setting::BATCH),
            examples: passes * count(Setting::EXAMPLES),
        }
    }

    /// Of one parameter update: forward and backward over one batch. A backward pass computes
    /// two products for each one of the forward pass, by the weights and by their input; the
    /// gradient of x is not needed, so `x W` has only the first.
    #[must_use]
    pub fn per_update(&self) -> f64 {
        self.batch * (2.0 * self.input + 3.0 * (self.recurrence + self.heads))
    }

    /// Of one evaluation: forward over its examples, every step computed for the expectation.
    pub(crate) fn per_evaluation(&self) -> f64 {
        self.examples * (self.input + self.recurrence + self.heads)
    }

    /// Numbers that training changes, at most.
    pub(crate) const fn parameters_at_most(&self) -> f64 {
        self.parameters
    }
}

/// `x W` of one sample, which is the same at every step and so computed once; and `h U` at steps
/// 2..N: h_0 is zero, so step 1 needs none. Then the parameters: every unit of every gate reads the
/// input, the state, a flag of the first step and two biases; the heads read the state.
fn recurrent(configuration: &ConfigurationSpec, elements: f64, steps: f64) -> [f64; 3] {
    let gates = match configuration.choice(Setting::STEP_FUNCTION) {
        // Reset, update and candidate.
        StepFunction::Gru => 3.0,
        // Input, forget, candidate and output.
        StepFunction::Lstm => 4.0,
        StepFunction::Rnn | StepFunction::Transformer => 1.0,
    };
    let hidden = f64::from(configuration.count(Setting::HIDDEN));
    let columns = 2.0 * gates * hidden;
    let parameters = gates * hidden * (elements + hidden + 3.0) + 2.0 * (hidden + 1.0);
    [
        columns * elements,
        columns * hidden * (steps - 1.0),
        parameters,
    ]
}

/// The embedding of a sample's tokens; and, at every step, queries, keys, values and what they
/// make, the products between tokens, and the transition. Then the parameters.
fn transformer(configuration: &ConfigurationSpec, tokens: &Tokens, steps: f64) -> [f64; 3] {
    let count = |setting| f64::from(configuration.count(setting));
    let (width, attention) = (count(Setting::HIDDEN), count(Setting::ATTENTION_WIDTH));
    let (inner, layers) = (
        count(Setting::TRANSITION_WIDTH),
        count(Setting::TRANSITION_LAYERS),
    );
    let transition = match layers {
        1.0 => width * width,
        _ => 2.0 * width * inner + (layers - 2.0) * inner * inner,
    };
    // Padding, which no one computes, is counted too: how much there is only the stories know.
    let number = tokens.count() as f64;
    let of_token = 4.0 * width * attention + 2.0 * number * attention + transition;
    let (embedding, words) = match tokens.content {
        Content::Vectors => (tokens.numbers as f64 * width, 0),
        Content::Sentences { vocabulary } => (0.0, vocabulary),
    };
    let answers = f64::from(task::classes(configuration));
    // Vectors of the width of a state: of words or numbers, places and steps, layer norms and
    // biases.
    let vectors = (words + tokens.numbers) as f64 + number + steps + 1.0 + 6.0 + layers;
    let heads = (answers + 1.0) * (width + 1.0);
    let weights = 4.0 * width * attention + transition + inner * layers + heads;
    [
        2.0 * number * embedding,
        2.0 * number * of_token * steps,
        vectors * width + weights,
    ]
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
