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
    /// Halts one sample whose right class is `class`, by its method, from its logits of answers
    /// (`[answers, steps]`) and of halting (`[steps]`).
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
        class: u32,
        answer_logits: &[f64],
        halting_logits: &[f64],
        draws: &mut Draws,
    ) -> Self {
        let steps = halting_logits.len();
        let is_correct = |step: usize| {
            let answer = answer_logits.iter().skip(step).step_by(steps);
            is_correct(answer.copied(), class)
        };
        match method {
            Method::PonderNet(_) => sampled(halting_logits, is_correct, draws),
            Method::Act(settings) => {
                let weights = mean_field(settings.epsilon, halting_logits);
                let answer = answer_logits.chunks_exact(steps).map(|answer| {
                    let terms = answer.iter().zip(&weights);
                    terms.fold(0.0, |sum, (y, weight)| sum + weight * y)
                });
                Self::certain(self::is_correct(answer, class), weights.len())
            }
            Method::Fixed => Self::certain(is_correct(steps - 1), steps),
        }
    }

    fn certain(correct: bool, steps: usize) -> Self {
        let (correct, steps) = (f64::from(correct), steps as f64);
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
    halting_logits: &[f64],
    is_correct: impl Fn(usize) -> bool,
    draws: &mut Draws,
) -> Decision {
    let last = halting_logits.len() - 1;
    let mut decision = Decision {
        correct: 0.0,
        steps: 0.0,
        correct_expected: 0.0,
        steps_expected: 0.0,
    };
    let mut survival = 1.0;
    let mut halted = false;
    for (index, halting) in halting_logits.iter().enumerate() {
        let lambda = if index == last {
            1.0
        } else {
            sigmoid(*halting)
        };
        let correct = f64::from(is_correct(index));
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

/// What each of ACT's steps counts for its answer; there are as many as it takes (Graves 2016,
/// section 2.1).
fn mean_field(epsilon: f64, halting_logits: &[f64]) -> Vec<f64> {
    let last = halting_logits.len() - 1;
    let (mut weights, mut sum) = (Vec::with_capacity(halting_logits.len()), 0.0);
    for (index, z) in halting_logits.iter().enumerate() {
        let lambda = sigmoid(*z);
        if index == last || sum + lambda >= 1.0 - epsilon {
            weights.push(1.0 - sum);
            break;
        }
        weights.push(lambda);
        sum += lambda;
    }
    weights
}

/// Whether the logits of an answer name the class: the first of the largest does. One logit alone
/// is class 1's, and zero is class 0's.
fn is_correct(answer: impl ExactSizeIterator<Item = f64>, class: u32) -> bool {
    let zero = (answer.len() == 1).then_some(0.0);
    let (mut largest, mut named) = (f64::NEG_INFINITY, 0);
    for (class, logit) in (0..).zip(zero.into_iter().chain(answer)) {
        if logit > largest {
            (largest, named) = (logit, class);
        }
    }
    named == class
}

fn sigmoid(logit: f64) -> f64 {
    1.0 / (1.0 + (-logit).exp())
}

#[cfg(test)]
mod tests {
    use pondersweep_proto::spec::{KlDirection, Residual, Unroll};

    use super::*;
    use crate::{
        model::{Act, PonderNet, Prior},
        seed::{Purpose, Seeds},
        test_support::trial,
    };

    const PONDER_NET: Method = Method::PonderNet(PonderNet {
        prior: Prior::geometric(0.2),
        beta: 0.01,
        unroll: Unroll::Fixed,
        epsilon: 0.05,
        residual: Residual::Remainder,
        kl_direction: KlDirection::NetworkPrior,
    });

    fn logit(probability: f64) -> f64 {
        (probability / (1.0 - probability)).ln()
    }

    fn decision(method: &Method, class: u32, answer: &[f64], halting: &[f64], n: u64) -> Decision {
        let mut draws = Seeds::of(&trial(|_| {})).draws(Purpose::Halting, [0, n]);
        Decision::of(method, class, answer, halting, &mut draws)
    }

    #[test]
    fn expected_values_weigh_every_step_and_the_last_takes_the_rest() {
        // Right, wrong, right; p = 1/4, 3/8, 3/8.
        let halting = [logit(0.25), logit(0.5), logit(0.01)];
        let found = decision(&PONDER_NET, 1, &[2.0, -1.0, 0.5], &halting, 0);
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
                let found = decision(&PONDER_NET, 0, &answers, &halting, number);
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
            let found = decision(&PONDER_NET, 1, &[1.0; 4], &[halting_logit; 4], 0);
            assert_eq!((found.steps, found.steps_expected), (steps, steps));
            assert_eq!((found.correct, found.correct_expected), (1.0, 1.0));
        }
    }

    #[test]
    fn act_answers_with_the_mean_field_of_the_steps_it_takes() {
        let act = |epsilon| Method::Act(Act { tau: 0.1, epsilon });
        // Weights 0.3, 0.5, and 0.2 that are left: 0.3 + 1.0 - 1.4 < 0; the fourth step is not taken.
        let answers = [1.0, 2.0, -7.0, 100.0];
        let halting = [logit(0.3), logit(0.5), logit(0.6), logit(0.9)];
        let found = decision(&act(0.01), 0, &answers, &halting, 0);
        assert_eq!((found.correct, found.steps), (1.0, 3.0));
        assert_eq!((found.correct_expected, found.steps_expected), (1.0, 3.0));
        // Two steps with 0.25 to be left: 0.3 + 0.7 * 2 > 0.
        let found = decision(&act(0.25), 0, &answers, &halting, 0);
        assert_eq!((found.correct, found.steps), (0.0, 2.0));
        // Never enough: the last step takes the rest.
        let found = decision(&act(0.01), 1, &answers, &[logit(0.1); 4], 0);
        assert_eq!((found.correct, found.steps), (1.0, 4.0));
    }

    #[test]
    fn a_fixed_number_of_steps_answers_with_the_last() {
        let found = decision(&Method::Fixed, 1, &[-1.0, 2.0], &[9.0, 9.0], 0);
        assert_eq!((found.correct, found.steps), (1.0, 2.0));
    }

    #[test]
    fn of_several_classes_the_one_with_the_largest_logit_is_the_answer() {
        // Three classes, two steps each: the answers are 2, then 0.
        let answers = [0.1, 3.0, -4.0, 2.0, 0.2, -1.0];
        let halting = [logit(0.25), 0.0];
        let chances = [0.75, 0.0, 0.25];
        for (class, chance) in (0..).zip(chances) {
            let found = decision(&PONDER_NET, class, &answers, &halting, 0);
            assert!((found.correct_expected - chance).abs() < 1e-12, "{class}");
            let last = decision(&Method::Fixed, class, &answers, &halting, 0);
            assert_eq!(last.correct, f64::from(class == 0));
        }
        // The mean field of both steps: 0.1/4 + 9/4, -1 + 6/4, 0.05 - 3/4.
        let act = Method::Act(Act {
            tau: 0.1,
            epsilon: 0.01,
        });
        for class in 0..3 {
            let found = decision(&act, class, &answers, &halting, 0);
            assert_eq!((found.correct, found.steps), (f64::from(class == 0), 2.0));
        }
    }
}
