//! What a trained network answers for one sample, from the logits of all its steps, in double
//! precision on the host.

use super::Method;
use crate::seed::Draws;

/// One sample's answer and the steps it took.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Decision {
    /// Whether the answer is right, as halting was drawn: 0 or 1.
    pub correct: f64,
    /// Steps taken, as halting was drawn.
    pub steps: f64,
    /// `sum_n p_n [y_n correct]`: how likely the answer is right.
    pub correct_expected: f64,
    /// `sum_n n p_n`.
    pub steps_expected: f64,
}

impl Decision {
    /// Halts one sample whose right answer is `label`, by its method.
    ///
    /// PonderNet draws where to halt (paper, section 2.4), forced at the last step; its expected
    /// values use the same distribution, whatever residual rule training has. ACT (which answers
    /// with the mean field of all its steps) and a fixed number of steps draw nothing: what is
    /// expected is what is.
    ///
    /// # Panics
    /// There are no steps.
    #[must_use]
    pub fn of(
        method: &Method,
        label: bool,
        answer_logits: &[f64],
        halting_logits: &[f64],
        draws: &mut Draws,
    ) -> Self {
        match method {
            Method::PonderNet(_) => sampled(label, answer_logits, halting_logits, draws),
            Method::Act(settings) => {
                let (answer, steps) = mean_field(settings.epsilon, answer_logits, halting_logits);
                Self::certain(label, answer, steps)
            }
            Method::Fixed => {
                let answer = answer_logits.last().expect("a network takes steps");
                Self::certain(label, *answer, answer_logits.len())
            }
        }
    }

    fn certain(label: bool, answer: f64, steps: usize) -> Self {
        let (correct, steps) = (is_correct(answer, label), steps as f64);
        Self {
            correct,
            steps,
            correct_expected: correct,
            steps_expected: steps,
        }
    }
}

/// Halts at a drawn step, and at every step with its probability.
fn sampled(
    label: bool,
    answer_logits: &[f64],
    halting_logits: &[f64],
    draws: &mut Draws,
) -> Decision {
    let last = answer_logits.len() - 1;
    let mut decision = Decision {
        correct: 0.0,
        steps: 0.0,
        correct_expected: 0.0,
        steps_expected: 0.0,
    };
    let mut survival = 1.0;
    let mut halted = false;
    for (index, (answer, halting)) in answer_logits.iter().zip(halting_logits).enumerate() {
        let lambda = if index == last {
            1.0
        } else {
            sigmoid(*halting)
        };
        let correct = is_correct(*answer, label);
        let step = (index + 1) as f64;
        let p = survival * lambda;
        decision.correct_expected += p * correct;
        decision.steps_expected += p * step;
        survival *= 1.0 - lambda;
        if !halted && draws.uniform_f64() < lambda {
            halted = true;
            (decision.correct, decision.steps) = (correct, step);
        }
    }
    decision
}

/// ACT's answer, before its sigmoid, and its steps N (Graves 2016, section 2.1).
fn mean_field(epsilon: f64, answer_logits: &[f64], halting_logits: &[f64]) -> (f64, usize) {
    let last = answer_logits.len() - 1;
    let (mut answer, mut sum) = (0.0, 0.0);
    for (index, (y, z)) in answer_logits.iter().zip(halting_logits).enumerate() {
        let lambda = sigmoid(*z);
        if index == last || sum + lambda >= 1.0 - epsilon {
            return (answer + (1.0 - sum) * y, index + 1);
        }
        answer += lambda * y;
        sum += lambda;
    }
    unreachable!("the last step returns")
}

fn is_correct(answer: f64, label: bool) -> f64 {
    f64::from(u8::from((answer > 0.0) == label))
}

fn sigmoid(logit: f64) -> f64 {
    1.0 / (1.0 + (-logit).exp())
}

#[cfg(test)]
mod tests {
    use pondersweep_proto::spec::{KlDirection, Residual, Unroll};

    use super::*;
    use crate::{
        model::{Act, PonderNet},
        seed::{Purpose, Seeds},
        test_support::trial,
    };

    const PONDER_NET: Method = Method::PonderNet(PonderNet {
        lambda_p: 0.2,
        beta: 0.01,
        unroll: Unroll::Fixed,
        epsilon: 0.05,
        residual: Residual::Remainder,
        kl_direction: KlDirection::NetworkPrior,
    });

    fn logit(probability: f64) -> f64 {
        (probability / (1.0 - probability)).ln()
    }

    fn decision(method: &Method, label: bool, answer: &[f64], halting: &[f64], n: u64) -> Decision {
        let mut draws = Seeds::of(&trial(|_| {})).draws(Purpose::Halting, [0, n]);
        Decision::of(method, label, answer, halting, &mut draws)
    }

    #[test]
    fn expected_values_weigh_every_step_and_the_last_takes_the_rest() {
        // Right, wrong, right; p = 1/4, 3/8, 3/8.
        let halting = [logit(0.25), logit(0.5), logit(0.01)];
        let found = decision(&PONDER_NET, true, &[2.0, -1.0, 0.5], &halting, 0);
        assert!((found.correct_expected - 0.625).abs() < 1e-12);
        assert!((found.steps_expected - (0.25 + 0.75 + 1.125)).abs() < 1e-12);
    }

    #[test]
    fn with_a_fixed_lambda_sampled_steps_average_to_the_expected_ones() {
        for lambda in [0.05, 0.3, 0.9] {
            let (mut steps, mut accuracy) = (0.0, 0.0);
            for number in 0..20_000 {
                let answers = [1.0, -1.0, 1.0, -1.0, 1.0];
                let halting = [logit(lambda); 5];
                let found = decision(&PONDER_NET, false, &answers, &halting, number);
                steps += (found.steps - found.steps_expected) / 2e4;
                accuracy += (found.correct - found.correct_expected) / 2e4;
            }
            // Five standard deviations of a mean of 20,000 numbers within 1..=5 or 0..=1.
            assert!(steps.abs() < 0.071, "{lambda}: {steps}");
            assert!(accuracy.abs() < 0.018, "{lambda}: {accuracy}");
        }
    }

    #[test]
    fn a_saturated_lambda_halts_at_once_or_at_the_last_step() {
        for (halting_logit, steps) in [(1e4, 1.0), (-1e4, 4.0)] {
            let found = decision(&PONDER_NET, true, &[1.0; 4], &[halting_logit; 4], 0);
            assert_eq!((found.steps, found.steps_expected), (steps, steps));
            assert_eq!((found.correct, found.correct_expected), (1.0, 1.0));
        }
    }

    #[test]
    fn act_answers_with_the_mean_field_of_the_steps_it_takes() {
        let act = |epsilon| {
            Method::Act(Act { tau: 0.1, epsilon })
        };
        // Weights 0.3, 0.5, and 0.2 that are left: 0.3 + 1.0 - 1.4 < 0; the fourth step is not taken.
        let answers = [1.0, 2.0, -7.0, 100.0];
        let halting = [logit(0.3), logit(0.5), logit(0.6), logit(0.9)];
        let found = decision(&act(0.01), false, &answers, &halting, 0);
        assert_eq!((found.correct, found.steps), (1.0, 3.0));
        assert_eq!((found.correct_expected, found.steps_expected), (1.0, 3.0));
        // Two steps with 0.25 to be left: 0.3 + 0.7 * 2 > 0.
        let found = decision(&act(0.25), false, &answers, &halting, 0);
        assert_eq!((found.correct, found.steps), (0.0, 2.0));
        // Never enough: the last step takes the rest.
        let found = decision(&act(0.01), true, &answers, &[logit(0.1); 4], 0);
        assert_eq!((found.correct, found.steps), (1.0, 4.0));
    }

    #[test]
    fn a_fixed_number_of_steps_answers_with_the_last() {
        let found = decision(&Method::Fixed, true, &[-1.0, 2.0], &[9.0, 9.0], 0);
        assert_eq!((found.correct, found.steps), (1.0, 2.0));
    }
}
