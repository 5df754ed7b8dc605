//! The halting distribution and its divergence from the prior, against numbers made by hand.

use pondersweep_proto::spec::{KlDirection, Residual};

use super::{assert_close, in_f64, in_precision, numbers, of_samples, per_step};
use crate::model::{
    HaltingDistribution, Logits, PonderLoss, Prior, StepLimit,
    loss::{self, Terms},
};
use burn::tensor::{DType, Tensor};

fn logit(probability: f64) -> f64 {
    (probability / (1.0 - probability)).ln()
}

fn p(lambdas: &[&[f64]], limit: StepLimit, residual: Residual) -> Vec<Vec<f64>> {
    let logits: Vec<Vec<f64>> = lambdas
        .iter()
        .map(|sample| sample.iter().copied().map(logit).collect())
        .collect();
    let logits = per_step(&logits, in_f64());
    of_samples(HaltingDistribution::new(logits, limit, residual).p())
}

/// The terms of one sample whose answers all have logit zero.
fn terms(lambda_p: f64, lambdas: &[f64], residual: Residual) -> Terms {
    let direction = KlDirection::NetworkPrior;
    directed_terms(lambda_p, lambdas, residual, direction)
}

fn directed_terms(
    lambda_p: f64,
    lambdas: &[f64],
    residual: Residual,
    direction: KlDirection,
) -> Terms {
    let halting = vec![lambdas.iter().copied().map(logit).collect::<Vec<f64>>()];
    let logits = Logits {
        answer: per_step(&[vec![0.0; lambdas.len()]], in_f64()).unsqueeze_dim(1),
        halting: per_step(&halting, in_f64()),
    };
    let limit = StepLimit::fixed(lambdas.len());
    let halting = HaltingDistribution::new(logits.halting.clone(), limit, residual);
    let prior = [Prior::geometric(lambda_p)];
    let objective = PonderLoss::new(&prior, &[0.5], lambdas.len(), direction, in_f64());
    let targets = Tensor::ones([1, 1, 1], in_f64());
    objective.terms(&logits, &halting, &targets)
}

fn divergence(lambda_p: f64, lambdas: &[f64], residual: Residual) -> f64 {
    numbers(terms(lambda_p, lambdas, residual).divergence)[0]
}

#[test]
fn the_last_step_takes_the_remainder() {
    let found = p(
        &[&[0.5, 0.2, 0.9], &[0.1, 0.1, 0.1]],
        StepLimit::fixed(3),
        Residual::Remainder,
    );
    assert_close(&found[0], &[0.5, 0.1, 0.4], 1e-12);
    assert_close(&found[1], &[0.1, 0.09, 0.81], 1e-12);
}

#[test]
fn normalising_divides_by_the_mass_halted() {
    let found = p(&[&[0.5, 0.2]], StepLimit::fixed(2), Residual::Normalise);
    assert_close(&found[0], &[0.5 / 0.6, 0.1 / 0.6], 1e-12);
}

#[test]
fn a_cumulative_unroll_ends_each_sample_where_enough_mass_has_halted() {
    // Mass halted: .5, .75, ..; and .9 at once; and never enough.
    let lambdas: &[&[f64]] = &[&[0.5, 0.5, 0.5], &[0.9, 0.5, 0.5], &[0.1, 0.1, 0.1]];
    let limit = StepLimit::cumulative(3, 0.3);
    let found = p(lambdas, limit, Residual::Remainder);
    assert_close(&found[0], &[0.5, 0.5, 0.0], 1e-12);
    assert_close(&found[1], &[1.0, 0.0, 0.0], 1e-12);
    assert_close(&found[2], &[0.1, 0.09, 0.81], 1e-12);
    let found = p(lambdas, limit, Residual::Normalise);
    assert_close(&found[0], &[0.5 / 0.75, 0.25 / 0.75, 0.0], 1e-12);
    assert_close(&found[1], &[1.0, 0.0, 0.0], 1e-12);
}

#[test]
fn the_distribution_sums_to_one_even_where_lambda_saturates() {
    for dtype in [DType::F32, DType::F64] {
        for logit in [-1e4, -100.0, -20.0, -1.0, 0.0, 1.0, 20.0, 100.0, 1e4] {
            for residual in [Residual::Remainder, Residual::Normalise] {
                for limit in [StepLimit::fixed(20), StepLimit::cumulative(20, 0.05)] {
                    let logits = per_step(&[vec![logit; 20]], in_precision(dtype));
                    let p = HaltingDistribution::new(logits, limit, residual).p();
                    let sum = numbers(p.sum());
                    assert_close(&sum, &[1.0], 1e-5);
                }
            }
        }
    }
}

#[test]
fn the_divergence_is_of_the_network_from_the_prior() {
    // p = (3/4, 1/4), p_G = (2/3, 1/3):
    // KL(p || p_G) = 3/4 ln 9/8 + 1/4 ln 3/4; the reverse would be 0.01737.
    let expected = 0.75 * 1.125_f64.ln() + 0.25 * 0.75_f64.ln();
    let found = divergence(0.5, &[0.75, 0.5], Residual::Remainder);
    assert_close(&[found], &[expected], 1e-12);
    assert_close(&[found], &[0.016_416_76], 1e-8);
}

#[test]
fn the_divergence_is_zero_for_the_prior_itself_and_positive_for_anything_else() {
    let own = divergence(0.3, &[0.3; 7], Residual::Normalise);
    assert_close(&[own], &[0.0], 1e-12);
    for lambda in [0.01, 0.2, 0.29, 0.31, 0.6, 0.99] {
        for residual in [Residual::Normalise, Residual::Remainder] {
            assert!(divergence(0.3, &[lambda; 7], residual) > 1e-6, "{lambda}");
        }
    }
}

#[test]
fn the_divergence_of_always_three_steps_is_the_known_one() {
    // N = 20; the facts about the prior that follow from its formula, to their two decimals.
    let known = [2.38, 2.04, 1.92, 1.94, 2.08, 2.34, 2.76, 3.44, 4.71];
    let mut lambdas = [0.5; 20];
    lambdas[..3].copy_from_slice(&[1e-12, 1e-12, 1.0 - 1e-12]);
    for (tenths, known) in (1..).zip(known) {
        let lambda_p = f64::from(tenths) / 10.0;
        let found = divergence(lambda_p, &lambdas, Residual::Remainder);
        assert_close(&[found], &[known], 0.0051);
    }
}

#[test]
fn the_reverse_divergence_is_of_the_prior_from_the_network() {
    // p = (1/4, 3/4); the prior at lambda_p = 1/2 over two steps is (2/3, 1/3).
    let terms = |direction| {
        let terms = directed_terms(0.5, &[0.25, 0.5], Residual::Remainder, direction);
        numbers(terms.divergence)
    };
    let forward = 0.25 * (0.25_f64 * 1.5).ln() + 0.75 * (0.75_f64 * 3.0).ln();
    let backward = 2.0 / 3.0 * (8.0_f64 / 3.0).ln() + 1.0 / 3.0 * (4.0_f64 / 9.0).ln();
    assert_close(&terms(KlDirection::NetworkPrior), &[forward], 1e-12);
    assert_close(&terms(KlDirection::PriorNetwork), &[backward], 1e-12);
    assert!((forward - backward).abs() > 0.01);
}

#[test]
fn the_loss_weighs_the_divergence_by_beta() {
    let Terms {
        prediction,
        divergence,
    } = terms(0.5, &[0.75, 0.5], Residual::Remainder);
    // Answers of logit zero cost ln 2 each, and p sums to one.
    assert_close(&numbers(prediction), &[std::f64::consts::LN_2], 1e-12);
    let logits = Logits {
        answer: per_step(&[vec![0.0, 0.0]], in_f64()).unsqueeze_dim(1),
        halting: per_step(&[vec![logit(0.75), 0.0]], in_f64()),
    };
    let (limit, residual) = (StepLimit::fixed(2), Residual::Remainder);
    let halting = HaltingDistribution::new(logits.halting.clone(), limit, residual);
    let prior = [Prior::geometric(0.5)];
    let objective = PonderLoss::new(&prior, &[0.25], 2, KlDirection::NetworkPrior, in_f64());
    let targets = Tensor::ones([1, 1, 1], in_f64());
    let loss = loss::per_lane(objective.per_sample(&logits, &halting, &targets));
    let expected = std::f64::consts::LN_2 + 0.25 * numbers(divergence)[0];
    assert_close(&numbers(loss), &[expected], 1e-12);
}

#[test]
fn loss_and_gradient_stay_finite_where_everything_saturates() {
    for halting_logit in [-1e4_f64, -90.0, 90.0, 1e4] {
        for answer_logit in [-1e4_f64, 1e4] {
            for residual in [Residual::Remainder, Residual::Normalise] {
                for limit in [StepLimit::fixed(20), StepLimit::cumulative(20, 0.05)] {
                    let direction = match (answer_logit > 0.0, limit.stop_rule()) {
                        (true, None) => KlDirection::PriorNetwork,
                        _ => KlDirection::NetworkPrior,
                    };
                    let leaf = |number: f64| {
                        let logits = per_step(&[vec![number; 20]], in_precision(DType::F32));
                        logits.autodiff().require_grad()
                    };
                    let answer = leaf(answer_logit);
                    let logits = Logits {
                        answer: answer.clone().unsqueeze_dim(1),
                        halting: leaf(halting_logit),
                    };
                    let halting = HaltingDistribution::new(logits.halting.clone(), limit, residual);
                    let options = in_precision(DType::F32);
                    let prior = match direction {
                        KlDirection::PriorNetwork => Prior::geometric(0.9),
                        KlDirection::NetworkPrior => Prior {
                            lambda_p: 1.0,
                            floor: 1e-9,
                        },
                    };
                    let objective =
                        PonderLoss::new(&[prior], &[1.0], 20, direction, options.clone());
                    let targets = Tensor::ones([1, 1, 1], options);
                    let loss = objective.per_sample(&logits, &halting, &targets).sum();
                    let gradients = loss.backward();
                    assert!(numbers(loss.inner())[0].is_finite());
                    for leaf in [&answer, &logits.halting] {
                        let gradient = numbers(leaf.grad(&gradients).unwrap());
                        assert!(gradient.iter().all(|part| part.is_finite()));
                    }
                }
            }
        }
    }
}
